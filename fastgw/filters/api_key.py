"""``api_key``: who has a key of a file may pass, as fast and to where that key says.

The file has the SHA-256 of each key (``filters.key_file`` has the reason).  The hash of what a client sends finds the key in a table:
whoever measures how long that takes learns something of a hash, and from that nothing of a key.  What was right once is found by its
bytes from then on, until the file is read again; docs/security.md says why that tells no more.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.about import report
from fastgw.core.labels import DENIERS
from fastgw.core.live.board import KEYED_TIMES
from fastgw.core.live.meters import Clock, Meter, NoRoomError, admit
from fastgw.core.models.rights import NOTE_RIGHTS, ModelRights
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters import rate_fields
from fastgw.filters.credentials import Editor, Finder, finder
from fastgw.filters.key_file import ApiKey, FormerKey, digest_of, parse_keys
from fastgw.filters.reread import RereadFile
from fastgw.policy.gcra import Rate
from fastgw.wire.fields import OWN_REQUEST_FIELDS, field_line

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "api_key"  #: the note that has the name of the key
NOTE_LIMITS: Final = (
    "limits"  #: the one that has its limits of models, for a filter ``token_limit`` behind (``token_limits.Noted``)
)
NOTE_RAILS: Final = "guardrails"  #: the one that names the rules it is for, for a filter ``guardrails`` behind
NOTE_LABELS: Final = "labels"  #: the one that has its labels, a mapping, where it has some

_DENIED = counters.ROUTE_DENIED + DENIERS.index("api_key")
_LONGEST: Final = 512  #: bytes of a key
_NEVER = float("inf")
_UNKNOWN: Final = (
    "this is no key that is known here"  #: what clients are told, whatever is wrong with the one that they have
)


class _Known:
    """A key, ready to be used."""

    __slots__ = (
        "digest",
        "expires",
        "key",
        "labels",
        "limits",
        "line",
        "meters",
        "note",
        "rails",
        "rates",
        "rights",
        "routes",
        "seat",
    )

    def __init__(self, key: ApiKey, header: bytes, former: FormerKey | None = None) -> None:
        """``header``: what tells the service; empty: it is not told.  ``former``: what the key was before, which this is about."""
        self.key = key
        self.digest = key.digest if former is None else former.digest
        self.note = key.name
        self.labels = dict(key.labels) or None
        self.limits = {"key": key.of_models} if key.of_models else None
        self.rails = key.guardrails or None
        self.rights = ModelRights(key.models) if key.models else None
        self.line = field_line(header, key.name.encode(), OWN_REQUEST_FIELDS) if header else b""
        ends = [one for one in (key.expires, former and former.until) if one is not None]
        self.expires = 0.0 if key.is_disabled else min(ends, default=_NEVER)
        self.routes = frozenset(key.routes)  #: none: all of them
        #: Of each limit what its bucket is called by, what the log calls it, and how fast it is.
        self.rates: tuple[tuple[bytes, str, Rate], ...] = tuple(
            [
                (f"{key.name}/{one.rate}/{one.burst}".encode(), f"{one.rate} per api_key", one.made())
                for one in key.limits
            ]
        )
        self.seat: Any = None  # at whose board the meters are
        self.meters: list[Meter] = []

    @property
    def problem(self) -> str:
        """Why it is not good any more, for the log."""
        if self.key.is_disabled:
            return "this key is disabled"
        if self.expires == self.key.expires:
            return "this key has expired"
        return "this key was changed for another one, and the time is over in which both are good"


class ApiKeys:
    """The filter."""

    __slots__ = (
        "_clock",
        "_editors",
        "_file",
        "_finders",
        "_header",
        "_is_open",
        "_known",
        "_realm",
        "_seen",
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
        self._header: bytes = options["header"].encode()
        fields = frozenset((self._header,)) if self._header else frozenset[bytes]()
        self._editors = tuple([Editor(None if options["forward"] else one, fields) for one in self._finders])
        self._is_open = options["when_full"] == "let_through"
        self._known: dict[bytes, _Known] = {}  #: by digest
        self._seen: dict[bytes, _Known] = {}  #: those of them that were sent, by themselves
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
        if not self._file.is_told:
            self._file.complain(exchange, self.name)
        count, place, secret = 0, 0, b""
        for number, one in enumerate(self._finders):
            found = one.tokens(exchange.request)
            if found:
                count, place, secret = count + len(found), number, found[0]
        if count != 1:
            raise self._unclear(exchange, count)
        known = self._seen.get(secret)
        if known is None:
            known = self._find(exchange, secret)
        exchange.note(NOTE, known.note)
        if known.expires != _NEVER and self._wall() >= known.expires:
            raise self._invalid(exchange, known.problem)
        if known.routes and exchange.route.name not in known.routes:
            self._count_refused(exchange)
            raise DownstreamError(403, "key_not_allowed", "this key is not for what is asked")
        if known.labels is not None:
            exchange.note(NOTE_LABELS, known.labels)
        if known.limits is not None:
            exchange.note(NOTE_LIMITS, known.limits)
        if known.rails is not None:
            exchange.note(NOTE_RAILS, known.rails)
        if known.rights is not None:
            self._limit_models(exchange, known.rights)
        if known.rates:
            self._charge(exchange, known)
        editor = self._editors[place]
        editor.edit(exchange.request, known.line)

    def _unclear(self, exchange: Exchange, count: int) -> DownstreamError:
        """What the client is told that has sent so many keys."""
        self._count_refused(exchange)
        if not count:
            return DownstreamError(401, "no_key", "a key is needed here", headers=self._realm)
        return DownstreamError(400, "repeated_key", "the request has more than one key")

    def _find(self, exchange: Exchange, secret: bytes) -> _Known:
        """Look for a key that was not sent since the file was read; raises DownstreamError."""
        digest = digest_of(secret) if len(secret) <= _LONGEST else b""
        known = self._known.get(digest)
        if known is None or not hmac.compare_digest(known.digest, digest):
            raise self._invalid(exchange, _UNKNOWN)
        self._seen[secret] = known  # which are as many at most as there are keys, and former ones
        return known

    def _limit_models(self, exchange: Exchange, rights: ModelRights) -> None:
        """Have it ask for no other models, which the route has to know; raises DownstreamError where it does not."""
        exchange.note(NOTE_RIGHTS, rights)
        route = exchange.route
        if not getattr(route.versions, "heeds_rights", False) and route.services:  # else it is 404
            self._count_refused(exchange)
            raise DownstreamError(403, "key_not_allowed", "this key is for models alone, and not for what is asked")

    def _charge(self, exchange: Exchange, known: _Known) -> None:
        """Take a token of each of its buckets, on the board of all workers."""
        if known.seat is not exchange.plane.seat:
            self._set_up(exchange, known)
        meters = known.meters
        try:
            if len(meters) == 1:
                meter = meters[0]
                refusing = [] if meter.admit() else meters
            else:
                refusing = admit(meters)
        except NoRoomError:
            self._on_full(exchange)
            return
        if refusing:
            raise self._limited(exchange, known, refusing)

    def _set_up(self, exchange: Exchange, known: _Known) -> None:
        """Make its meters, which any number of requests may use, one after the other."""
        seat, part = exchange.plane.seat, self.name.encode()
        known.meters = [
            Meter(seat.board, KEYED_TIMES, seat.key_of(b"api_key", part, called), rate, self._clock)
            for called, _, rate in known.rates
        ]
        known.seat = seat

    def _limited(self, exchange: Exchange, known: _Known, refusing: list[Meter]) -> DownstreamError:
        slowest = max(refusing, key=_wait)
        text = known.rates[known.meters.index(slowest)][1]
        exchange.note("rate_limit", text)
        exchange.plane.values[exchange.route.base + counters.ROUTE_RATE_LIMITED] += 1
        detail = "too many requests in a short time"
        reason = f"{detail}: more than {text}, says the filter {self.name!r}"
        limits = [_told(place, one) for place, one in enumerate(known.meters, 1)]
        headers = rate_fields.refused((rate_fields.DRAFT,), limits, _wait(slowest))
        return DownstreamError(429, "rate_limited", detail, reason=reason, headers=headers)

    def _on_full(self, exchange: Exchange) -> None:
        exchange.plane.values[counters.BOARD_FULL] += 1
        what = "is let through" if self._is_open else "is refused"
        report(exchange, "warning", f"the board has no room for a key, so its request {what}", filter=self.name)
        if not self._is_open:
            headers = (("retry-after", "1"),)
            raise InternalError(503, "board_full", "too many clients are being counted", headers=headers)

    def _take(self, keys: tuple[ApiKey, ...]) -> None:
        self._known = {one.digest: _Known(one, self._header) for one in keys}
        self._known |= {one.former.digest: _Known(one, self._header, one.former) for one in keys if one.former}
        self._seen = {}

    def _count_refused(self, exchange: Exchange) -> None:
        exchange.plane.values[exchange.route.base + _DENIED] += 1

    def _invalid(self, exchange: Exchange, problem: str) -> DownstreamError:
        """``problem``: for the log; clients are told nothing of a key that is no good."""
        self._count_refused(exchange)
        return DownstreamError(
            401, "invalid_key", _UNKNOWN, reason=f"{problem}, says the filter {self.name!r}", headers=self._realm
        )


def _told(place: int, meter: Meter) -> rate_fields.Told:
    """What clients are told of the limit in this place of its key's list."""
    rate, time, now = meter.rate, meter.time, meter.now
    return rate_fields.Told(place, "requests", rate.burst, rate.depth, rate.left(time, now), rate.whole(time, now))


def _wait(meter: Meter) -> int:
    return meter.rate.wait(meter.time, meter.now)
