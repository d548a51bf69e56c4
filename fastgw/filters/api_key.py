"""``api_key``: who has a key of a file may pass, as fast and to where that key says.

The file has the SHA-256 of each key (``filters.key_file`` has the reason).  The hash of what a client sends finds the key in a table:
whoever measures how long that takes learns something of a hash, and from that nothing of a key.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastgw.core import counters
from fastgw.core.counters import DENIERS
from fastgw.core.live.board import KEYED_TIMES
from fastgw.core.live.meters import Clock, Meter, NoRoomError, admit
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters.credentials import NOTHING, Finder, edit, finder
from fastgw.filters.key_file import ApiKey, digest_of, parse_keys
from fastgw.filters.reread import RereadFile
from fastgw.policy.gcra import Rate

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Request

NOTE: Final = "api_key"  #: the note that has the name of the key

_DENIED = counters.ROUTE_DENIED + DENIERS.index("api_key")
_LONGEST: Final = 512  #: bytes of a key
_SECOND: Final = 10**9


class _Known(NamedTuple):
    """A key, ready to be used."""

    key: ApiKey
    note: str
    value: bytes  #: its name, for the service
    rates: tuple[
        tuple[bytes, str, Rate], ...
    ]  #: what the bucket is called by, what the log calls it, and how fast it is


class ApiKeys:
    """The filter."""

    __slots__ = (
        "_clock",
        "_counted",
        "_fields",
        "_file",
        "_finders",
        "_header",
        "_is_open",
        "_keeps",
        "_known",
        "_realm",
        "_wall",
        "name",
    )

    logged = (NOTE, "rate_limit")

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        wall: Callable[[], float] = time.time,
        clock: Clock = time.monotonic_ns,
    ) -> None:
        """``options``: ``file``; ``key_from``, places; ``realm``; ``forward``; ``header``, a field or empty; ``when_full``: refuse or
        let_through.  ``wall``: seconds since 1970; ``clock``: nanoseconds.
        """
        self.name = name
        self._file: RereadFile[tuple[ApiKey, ...]] = RereadFile(options["file"], parse_keys, self._take)
        self._finders: tuple[Finder, ...] = tuple(map(finder, options["key_from"]))
        self._realm = (("www-authenticate", f'Bearer realm="{options["realm"] or name}"'),)
        self._keeps: bool = options["forward"]
        self._header: bytes = options["header"].encode()
        self._fields = frozenset((self._header,)) if self._header else frozenset()
        self._is_open = options["when_full"] == "let_through"
        self._known: dict[bytes, _Known] = {}  #: by digest
        self._counted: dict[bytes, int] = {}  #: the keys on the board of what buckets are called
        self._wall = wall
        self._clock = clock

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the file; OSError if that is not possible."""
        self._file.start(loop)

    def stop(self) -> None:
        """Look at the file no more."""
        self._file.stop()

    def request(self, exchange: Exchange) -> None:
        """Let it through, or refuse it."""
        self._file.complain(exchange, self.name)
        request = exchange.request
        found = [(one, secret) for one in self._finders for secret in one.tokens(request)]
        if not found:
            self._count_refused(exchange)
            raise DownstreamError(401, "no_key", "a key is needed here", headers=self._realm)
        if len(found) > 1:
            self._count_refused(exchange)
            raise DownstreamError(400, "repeated_key", "the request has more than one key")
        ((place, secret),) = found
        digest = digest_of(secret) if len(secret) <= _LONGEST else b""
        known = self._known.get(digest)
        if known is None or not hmac.compare_digest(known.key.digest, digest):
            raise self._invalid(exchange, "this is no key that is known here")
        exchange.note(NOTE, known.note)
        key = known.key
        if key.expires is not None and self._wall() >= key.expires:
            raise self._invalid(exchange, "this key has expired")
        if key.routes and exchange.route.name not in key.routes:
            self._count_refused(exchange)
            raise DownstreamError(403, "key_not_allowed", "this key is not for what is asked")
        if known.rates:
            self._charge(exchange, known)
        self._edit(request, place, known)

    def _charge(self, exchange: Exchange, known: _Known) -> None:
        """Take a token of each of its buckets, on the board of all workers."""
        seat = exchange.plane.seat
        meters = [
            Meter(seat.board, KEYED_TIMES, self._key_of(exchange, called), rate, self._clock)
            for called, _, rate in known.rates
        ]
        try:
            refusing = admit(meters)
        except NoRoomError:
            self._on_full(exchange)
            return
        if not refusing:
            return
        slowest = max(refusing, key=_wait)
        exchange.note("rate_limit", known.rates[meters.index(slowest)][1])
        exchange.plane.values[exchange.route.base + counters.ROUTE_RATE_LIMITED] += 1
        detail = "too many requests in a short time"
        reason = f"{detail}: more than {known.rates[meters.index(slowest)][1]}, says the filter {self.name!r}"
        headers = (("retry-after", str(max(1, -(-_wait(slowest) // _SECOND)))),)
        raise DownstreamError(429, "rate_limited", detail, reason=reason, headers=headers)

    def _key_of(self, exchange: Exchange, called: bytes) -> int:
        """What counts it on the board; remembered, of at most as many keys and limits as a file has."""
        key = self._counted.get(called)
        if key is None:
            key = self._counted[called] = exchange.plane.seat.key_of(b"api_key", self.name.encode(), called)
        return key

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        what = "is let through" if self._is_open else "is refused"
        exchange.plane.report("warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not self._is_open:
            headers = (("retry-after", "1"),)
            raise InternalError(503, "board_full", "too many clients are being counted", headers=headers)

    def _edit(self, request: Request, place: Finder, known: _Known) -> None:
        removal = NOTHING if self._keeps else place.removal(request)
        edit(request, removal, self._fields, ((self._header, known.value),) if self._header else ())

    def _take(self, keys: tuple[ApiKey, ...]) -> None:
        self._known = {one.digest: _known(one) for one in keys}
        self._counted = {}

    def _count_refused(self, exchange: Exchange) -> None:
        exchange.plane.values[exchange.route.base + _DENIED] += 1

    def _invalid(self, exchange: Exchange, detail: str) -> DownstreamError:
        self._count_refused(exchange)
        return DownstreamError(
            401, "invalid_key", detail, reason=f"{detail}, says the filter {self.name!r}", headers=self._realm
        )


def _known(key: ApiKey) -> _Known:
    rates = tuple(
        (f"{key.name}/{one.rate}/{one.burst}".encode(), f"{one.rate} per api_key", one.made()) for one in key.limits
    )
    return _Known(key, key.name, key.name.encode(), rates)


def _wait(meter: Meter) -> int:
    return meter.rate.wait(meter.time, meter.now)
