"""One copy of a request: gathered while the original comes, then sent in an exchange of its own, whose answer nobody gets.

    dispatch ── copy ──▶ gathering ── complete ──▶ an exchange with the mirror's service ──▶ nobody
                              └── too large, the original is over, ... ──▶ dropped, counted by cause

It begins when the request is complete, on the next turn of the loop, so the original is always sent first.  It is not asked twice, passes
no filter and holds nobody: what does not fit is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.ends import Client
from fastgw.core.labels import MIRROR_CAUSES
from fastgw.wire.fields import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.settings import MirrorSettings
    from fastgw.core.snapshot.snapshot import Route

MARK: Final = b"x-fastgw-mirror"  #: a field of every copy: whoever gets it may keep its results apart

#: Places of the causes among the counters.
IN_FLIGHT, TOO_LARGE, MEMORY, INCOMPLETE, POOL_FULL, FAILED, DRAINING = range(len(MIRROR_CAUSES))
_NONE: Final = -1
_CAUSES: Final = {
    "pool_full": POOL_FULL,
    "pending_timeout": POOL_FULL,
    "no_resources": POOL_FULL,
    "over_limit": POOL_FULL,
    "drained": DRAINING,
}


class MirrorClient(Client):
    """Whom the service of a mirror answers: nobody."""

    def __init__(self, original: Exchange, route: Route, settings: MirrorSettings, on_end: Callable[[], None]) -> None:
        """``original``: what is copied; ``route``: what the copy goes by; ``on_end``: called once, when it is over."""
        Client.__init__(self, original.listener, original.client.address)
        self.forwarded = original.client.forwarded
        self.version = original.client.version
        self.identity = original.client.identity
        plane: Any = original.plane
        self._plane: DataPlane = plane
        self._route = route
        self._max_body = settings.max_body
        self._on_end = on_end
        self._base = original.route.base + counters.ROUTE_MIRROR_DROPPED
        self._is_framed = original.body.is_framed
        self._is_complete = False
        copy: Exchange = plane.take()
        self._copy: Exchange | None = copy  #: until it begins
        request = copy.request
        request.become_copy(original.request)
        if settings.credentials == "drop":
            request.fields = without_credentials(request.fields)
            request.extra = without_credentials(request.extra)
        request.set_header(MARK, b"true")
        plane.unconnected.add(self)
        self.feed(b"".join(original.body.pending), original.body.is_done, original.body.trailers)

    # --- what the original tells

    def feed(self, data: bytes, is_last: bool, trailers: bytes) -> None:
        """See ``Copy``: the body is gathered, and sent when it is complete."""
        copy = self._copy
        if copy is None or self._is_complete:
            return
        plane = self._plane
        if copy.body.held + len(data) > self._max_body:
            self._drop(TOO_LARGE)
        elif plane.body_bytes + len(data) > self.listener.body_memory // 2:
            self._drop(MEMORY)  # the other half is left to the originals
        else:
            if data:
                copy.body.keep(data)
                plane.body_bytes += len(data)
            if is_last:
                self._is_complete = True
                copy.body.trailers = trailers
                plane.loop.call_soon(self._begin)

    def leave(self) -> None:
        """See ``Copy``: half a request is none."""
        if not self._is_complete:
            self._drop(INCOMPLETE)

    # --- its own exchange

    @property
    def gathered(self) -> int:
        """Bytes that wait here for the rest of their body."""
        return self._copy.body.held if self._copy is not None else 0

    def _begin(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            self.exchange = copy
            copy.enter(self, self.listener, self._route)

    def _drop(self, cause: int) -> None:
        """Have no more to do with it, whatever state it is in."""
        if self.is_closed:
            return
        copy, self._copy = self._copy, None
        exchange, self.exchange = self.exchange, None
        self._end(cause)
        if copy is not None:
            self._plane.body_bytes -= copy.body.held
            copy.reset()
            self._plane.give_back(copy)
        elif exchange is not None:
            exchange.abort()

    def _end(self, cause: int) -> None:
        self.is_closed = True
        self._plane.unconnected.discard(self)
        self._on_end()
        if cause != _NONE:
            self._plane.values[self._base + cause] += 1

    # --- what its exchange calls

    def expect_body(self, exchange: Exchange) -> None:
        """See ``Client``."""
        exchange.body.is_framed = self._is_framed

    def read_body(self) -> None:
        """See ``Client``: all of it is here, and held already."""
        exchange = self.exchange
        if exchange is not None:
            exchange.body.received = exchange.body.held
            exchange.body.is_done = True

    def wants_data(self, exchange: Exchange) -> bool:
        """See ``Client``: it is all the same."""
        return False

    def send_interim(self, exchange: Exchange) -> None:
        """See ``Client``."""

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``."""

    def send_body(self, data: bytes) -> None:
        """See ``Client``."""

    def send_last(self, data: bytes) -> None:
        """See ``Client``."""

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``: it is an error, as there is no filter; only the counters are told."""
        code = exchange.error.code if exchange.error is not None else ""
        self._end(_CAUSES.get(code, FAILED))
        return 0

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``."""
        self._end(FAILED)

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``."""
        self.exchange = None
        if not self.is_closed:
            self._end(_NONE)

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        if self.exchange is not None:
            self.exchange.on_deadline(now)

    def on_drain(self) -> None:
        """See ``Client``: nobody waits for a copy, least of all a worker that wants to end."""
        self._drop(DRAINING)

    def hold(self, bit: int) -> None:
        """See ``Connection``: nothing comes that could be held."""

    def release(self, bit: int) -> None:
        """See ``Connection``."""

    def close(self) -> None:
        """See ``Connection``."""
        self._drop(DRAINING)

    def abort(self) -> None:
        """See ``Connection``."""
        self._drop(DRAINING)


def without_credentials(fields: bytes) -> bytes:
    """``fields``, lines each with its CRLF, but for those of ``CREDENTIALS``."""
    lines = fields.split(b"\r\n")
    return b"\r\n".join(
        [line for line in lines if line.partition(b":")[0].lower().replace(b"_", b"-") not in CREDENTIALS]
    )
