"""``oauth2_introspection``: who has a token that the authority calls active may pass, and the service is told who it is (RFC 7662).

What the authority says is remembered, for ``max_age`` and never beyond the end of the token, by a digest of the token that nobody outside
this process can compute; that a token is refused for a short time only, in a room of its own.  One token is asked for once at a time,
however many requests have it.

While the authority does not answer a token that it called active may be believed for ``stale`` longer, never beyond its end.  Who has one
waits for no answer that others have just waited for in vain.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote_plus

from fastgw.core import counters
from fastgw.core.calls import Answered, Asking, Caller, CallError
from fastgw.core.labels import FILTER_CAUSES
from fastgw.core.snapshot.chain import CLOSED
from fastgw.filters.bearer import ASKED, FROM_CACHE, REFUSED_MOST, Accepted, Bearer, demands_of, remember
from fastgw.filters.tokens import TokenError, json_object, judge

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "oauth2"  #: the note that has what the authority says
LARGEST: Final = 64 * 1024  #: bytes of an answer of the authority
AGAIN: Final = 2.0  #: seconds after a question in vain in which nobody asks who is believed all the same
_UNAVAILABLE: Final = FILTER_CAUSES.index("unavailable")


class _Believed(NamedTuple):
    """A token that was active."""

    accepted: Accepted  #: until it is asked for again
    stale_until: float  #: seconds since 1970 up to which it is believed if nobody answers then


class _Refused(NamedTuple):
    """A token that was refused."""

    until: float  #: seconds since 1970
    cause: str
    detail: str


class OAuth2Introspection(Bearer):
    """Lets requests through that have a token, as long as the authority says so."""

    __slots__ = (
        "_asking",
        "_cache",
        "_call",
        "_caller",
        "_connections",
        "_credentials",
        "_demands",
        "_limit",
        "_max_age",
        "_most",
        "_refused",
        "_refused_age",
        "_secret",
        "_silent_until",
        "_stale",
        "_url",
        "_wall",
    )

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        wall: Callable[[], float] = time.time,
        call: Asking | None = None,
    ) -> None:
        """``options``: as ``config.filters.oauth2_introspection`` gives them; ``wall``: seconds since 1970; ``call``: until ``start``."""
        super().__init__(name, options, NOTE)
        self._demands = demands_of(options, expires=False)
        self._url = options["url"]
        self._limit: float = options["timeout"]
        self._connections: int = options["connections"]
        self._credentials = _basic(options["client_id"], options["client_secret"])
        self._max_age: float = options["max_age"]
        self._stale: float = options["stale"]
        self._silent_until = 0.0  # seconds of the plane's clock
        self._refused_age: float = options["refused_age"]
        self._most: int = options["cache"]
        self._cache: dict[bytes, _Believed] = {}
        self._refused: dict[bytes, _Refused] = {}
        self._asking: dict[bytes, asyncio.Task[_Believed | _Refused]] = {}  # bounded by the calls that may be under way
        self._secret = secrets.token_bytes(32)
        self._wall = wall
        self._call = call
        self._caller: Caller | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be ready to ask; OSError if the file of authorities cannot be used."""
        self._caller = Caller(self._url, self._limit, LARGEST, self._connections)
        self._call = self._caller.call

    def stop(self) -> None:
        """Keep no connection any more; who waits gets an answer."""
        if self._caller is not None:
            self._caller.close()

    def request(self, exchange: Exchange) -> Any:
        """Let it through, refuse it, or ask first."""
        token = self.token(exchange)
        if token is None:
            return None
        digest = hashlib.blake2b(token, digest_size=32, key=self._secret).digest()
        now = self._wall()
        known = self._cache.get(digest)
        if known is not None and (now < known.accepted.until or self._is_spared(exchange, known, now)):
            self.let_through(exchange, known.accepted, FROM_CACHE)
            return None
        refused = self._refused.get(digest)
        if refused is not None and now < refused.until:
            raise self.refusal(exchange, TokenError(refused.cause, refused.detail))
        return self._decide(exchange, token, digest)

    def _is_spared(self, exchange: Exchange, known: _Believed, now: float) -> bool:
        """Has the authority just not answered, and is the token believed without?"""
        return now < known.stale_until and exchange.plane.now < self._silent_until

    async def _decide(self, exchange: Exchange, token: bytes, digest: bytes) -> None:
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = exchange.plane.loop.create_task(self._judged(token))
            task.add_done_callback(lambda done: self._keep(digest, done))
        try:
            found = await asyncio.shield(task)  # the others that wait for it must not fail when this client goes away
        except CallError as error:
            known = self._cache.get(digest)
            if known is not None and self._wall() < known.stale_until:
                self._silent_until = exchange.plane.now + AGAIN
                mode = exchange.route.chain.modes.get(self.name, CLOSED)  # it has failed, although nobody notices
                exchange.plane.values[mode.base + counters.FILTER_FAILURES + _UNAVAILABLE] += 1
                self.let_through(exchange, known.accepted, FROM_CACHE)
                return
            unavailable = TokenError("unavailable", "the authority that knows the token does not answer")
            raise self.refusal(exchange, unavailable, f"{error.cause}: {error}") from None
        if isinstance(found, _Refused):
            raise self.refusal(exchange, TokenError(found.cause, found.detail))
        self.let_through(exchange, found.accepted, ASKED)

    def _keep(self, digest: bytes, task: asyncio.Task[_Believed | _Refused]) -> None:
        """Remember what came of asking."""
        del self._asking[digest]
        if task.cancelled() or task.exception() is not None or not self._most:
            return
        found = task.result()
        if isinstance(found, _Refused):
            self._cache.pop(digest, None)
            remember(self._refused, digest, found, REFUSED_MOST)
        else:
            self._refused.pop(digest, None)
            remember(self._cache, digest, found, self._most)

    async def ask(self, token: bytes) -> dict[str, Any]:
        """What the authority says of ``token`` now (RFC 7662 section 2.2).

        Raises:
            CallError: it says nothing that can be used.
        """
        body = b"token=" + quote_plus(token).encode() + b"&token_type_hint=access_token"
        assert self._call is not None
        answer = await self._call(
            b"POST",
            (
                (b"accept", b"application/json"),
                (b"content-type", b"application/x-www-form-urlencoded"),
                *self._credentials,
            ),
            body,
        )
        return self._said(answer)

    async def _judged(self, token: bytes) -> _Believed | _Refused:
        """What ``token`` is worth; raises CallError."""
        claims = await self.ask(token)
        now = self._wall()
        try:
            if claims.get("active") is not True:
                raise TokenError("inactive", "the token is not active")
            ends = judge(claims, self._demands, now)
            accepted = self.accepted(claims, min(ends, now + self._max_age))
            return _Believed(accepted, min(ends, now + self._max_age + self._stale) if self._stale else 0.0)
        except TokenError as error:
            return _Refused(now + self._refused_age, error.cause, str(error))

    def _said(self, answer: Answered) -> dict[str, Any]:
        if answer.status != 200:
            hint = ": client_id or client_secret is not the right one" if answer.status in (401, 403) else ""
            raise CallError("status", f"{self._url} answered {answer.status}{hint}")
        claims = json_object(answer.body)
        if claims is None:
            raise CallError("content", f"what {self._url} answered is no JSON object")
        return claims


def _basic(user: str, password: str) -> tuple[tuple[bytes, bytes], ...]:
    """The field with these credentials of a client (RFC 6749 section 2.3.1), if there are any."""
    if not user:
        return ()
    pair = f"{quote_plus(user)}:{quote_plus(password)}".encode()
    return ((b"authorization", b"Basic " + base64.b64encode(pair)),)
