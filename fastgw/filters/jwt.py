"""``jwt``: who has a token that is signed by somebody we trust may pass, and the service is told who it is (RFC 6750, RFC 7519).

What a token says is believed when its signature is right (``filters.tokens``).  That is remembered until the token ends, by all of its
bytes, so that no other token is ever taken for it; how long it takes to find one tells nothing, as tokens are compared only where
their hashes are the same, which nobody outside this process can compute.  Of refusals those are remembered that cost the work of a
signature, by a digest, because anybody can fill that room, which is one of their own: forged tokens put none of the others out.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.filters.bearer import FROM_CACHE, REFUSED_MOST, VERIFIED, Accepted, Bearer, demands_of, remember
from fastgw.filters.key_sets import KEY_SETS, KeySets
from fastgw.filters.tokens import TokenError, Verifier

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import KeySetSettings

FORGED_SHARE: Final = 0.25  #: of the time of a worker goes at most into signatures that turn out not to be right
#: Seconds of them, in times that share, that may come at once.  Others wait for what comes at once: a quarter of it.
FORGED_BURST: Final = 0.04
NOTE: Final = "jwt"  #: the note that has the claims
#: Refusals that are not: those that cost nothing, or may be none a moment later.
_FORGOTTEN: Final = frozenset({"malformed", "algorithm", "key", "early", "unavailable", "busy"})
_OF_KEYS: Final = frozenset({"key", "signature"})  #: refusals that another key may turn into the opposite


class Jwt(Bearer):
    """Lets requests through that have a token, and tells the service what it says."""

    __slots__ = (
        "_algorithms",
        "_cache",
        "_clock",
        "_demands",
        "_forged_until",
        "_good_until",
        "_keys",
        "_known",
        "_lacking",
        "_most",
        "_refused",
        "_secret",
        "_sets",
        "_used",
        "_verifier",
        "_version",
        "_wall",
    )

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        wall: Callable[[], float] = time.time,
        known: KeySets = KEY_SETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``options``: as ``config.filters.jwt`` gives them; ``wall``: seconds since 1970; ``known``: keys that are fetched;
        ``clock``: seconds, for durations."""
        super().__init__(name, options, NOTE)
        self._demands = demands_of(options, expires=options["require_expiry"])
        self._algorithms: tuple[str, ...] = options["algorithms"]
        self._keys: tuple[tuple[str, str, tuple[str, ...]], ...] = options["keys"]
        self._sets: tuple[KeySetSettings, ...] = options["key_sets"]
        self._known = known
        self._used: tuple[Any, ...] | None = None  # the fetched keys that the verifier has
        self._lacking = ""  # why those of a set are not there; empty: all are
        self._good_until = float("inf")  # monotonic seconds
        self._version = -1
        self._most: int = options["cache"]
        self._cache: dict[bytes, Accepted] = {}
        self._refused: dict[bytes, tuple[str, str]] = {}  # cause and words
        self._secret = secrets.token_bytes(32)
        self._wall = wall
        self._clock = clock
        self._forged_until = 0.0  # by the clock: where the time that went into wrong signatures is paid for
        self._verifier = Verifier(self._keys, self._demands, self._algorithms)

    def request(self, exchange: Exchange) -> None:
        """Let it through, or refuse it."""
        if self._sets and (self._version != self._known.version or exchange.plane.now >= self._good_until):
            self._renew(exchange.plane.now)
        token = self.token(exchange)
        if token is None:
            return
        found = self._cache.get(token)
        if found is not None and self._wall() < found.until:
            self.let_through(exchange, found, FROM_CACHE)
            return
        try:
            self.let_through(exchange, self._verified(token), VERIFIED)
        except TokenError as error:
            if self._sets and error.cause in _OF_KEYS:
                error = self._not_found(error, exchange.plane.now)
            raise self.refusal(exchange, error, self._lacking if error.cause == "unavailable" else "") from None

    def _verified(self, token: bytes) -> Accepted:
        """Verify a token that is not among those that are remembered; raises TokenError."""
        self._cache.pop(token, None)
        digest = hashlib.blake2b(token, digest_size=32, key=self._secret).digest()
        known = self._refused.get(digest)
        if known is not None:
            raise TokenError(*known)  # a new one: an exception keeps every frame that it was raised in
        began = self._clock()
        if self._forged_until - began > FORGED_BURST:
            raise TokenError("busy", "too many tokens that nobody has signed are being refused just now")
        try:
            found = self.accepted(*self._verifier.verify(token, self._wall()))
        except TokenError as error:
            if error.cause == "signature":
                took = self._clock() - began
                self._forged_until = max(began, self._forged_until) + took / FORGED_SHARE
            if error.cause not in _FORGOTTEN and self._most:
                remember(self._refused, digest, (error.cause, str(error)), REFUSED_MOST)
            raise
        if self._most:
            remember(self._cache, token, found, self._most)
        return found

    def _renew(self, now: float) -> None:
        """Take the keys that were fetched and are not too old; what was judged by others is forgotten."""
        self._version = self._known.version
        news = [self._known.of(one) for one in self._sets]
        good = [one for one in news if one.keys and now < one.until]
        self._good_until = min([one.until for one in good], default=float("inf"))
        lacking = [(place, one) for place, one in zip(self._sets, news, strict=True) if one not in good]
        self._lacking = "; ".join(
            f"the keys of {place.url} are {'older than may be used' if one.keys else 'not known'}: {one.detail}"
            for place, one in lacking
        )
        used = tuple(key for one in good for key in one.keys)
        if used == self._used:
            return
        self._used = used
        accepted = {*self._algorithms}
        fitting = [(kid, text, tuple([one for one in names if one in accepted])) for kid, text, names in used]
        self._verifier = Verifier([*self._keys, *fitting], self._demands, self._algorithms)
        self._cache.clear()
        self._refused.clear()

    def _not_found(self, error: TokenError, now: float) -> TokenError:
        """What it means that no key that we have has signed a token."""
        if error.cause == "key" or self._lacking:
            for one in self._sets:
                self._known.want(one, now)
        if self._lacking:
            return TokenError("unavailable", "the keys that could verify the token are not available")
        return error
