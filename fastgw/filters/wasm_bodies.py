"""Bodies as a guest sees them.

Each piece that comes is put behind what the guest has held back, and shown to it; where it says to continue, what is in the buffer then,
changed or not, goes on.  With the last of it ``end_of_stream`` is true, whether trailers follow or not: proxy-wasm has hosts say so of the
trailers then, and a client could pass anything by a filter that waits for the end, by sending one trailer.  Trailers are shown behind that,
and what is held goes on in front of them.

A guest that has paused a message at its head gets the body whole, and may still change the head, which waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.core.exchange import hooks
from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.errors import (
    RETRY_ALWAYS,
    DownstreamError,
    GatewayError,
    InternalError,
    UpstreamError,
)
from fastgw.filters.wasm_reply import answered, failed
from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.interface import ON_REQUEST_TRAILERS, ON_RESPONSE_TRAILERS
from fastgw.wasm.traps import WasmTrap

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_KINDS: Final = ("transform_response", "transform_request")


class GuestVisit:
    """What a filter has of one exchange."""

    __slots__ = ("exchange", "guest", "held", "is_answer_paused", "is_request_paused")

    def __init__(self, exchange: Exchange, guest: WasmGuest) -> None:
        self.exchange = exchange
        self.guest = guest
        self.is_request_paused = False
        self.is_answer_paused = False
        self.held = 0  #: bytes of bodies, which the worker counts

    def hold(self, size: int) -> None:
        """So many bytes more are held, or fewer.

        Raises:
            GatewayError: the worker has no room for more.
        """
        plane = self.exchange.plane
        if size > 0 and plane.body_bytes + size > self.exchange.listener.body_memory:
            raise InternalError(503, "no_resources", "the gateway has no room for more bodies", retry=RETRY_ALWAYS)
        self.held += size
        plane.body_bytes += size


class _Shown:
    """One body of one exchange, and its guest."""

    def __init__(self, visit: GuestVisit, hook: Callable[..., object], *, is_request: bool) -> None:
        """``hook``: of the filter, by which its failure mode is known."""
        self._visit = visit
        self._hook = hook
        self.is_request = is_request
        self._held = 0
        self.buffer = bytearray()
        if is_request:
            visit.guest.request_body = self.buffer
        else:
            visit.guest.response_body = self.buffer

    def show(self, data: bytes, *, is_last: bool) -> bytes:
        """What goes on when the guest has seen this too; a guest that is no more sees nothing.

        Raises:
            GatewayError: it failed, or answers itself, or holds back too much.
        """
        visit, guest = self._visit, self._visit.guest
        if not guest.is_open:
            return data
        buffer = self.buffer
        buffer += data
        self._hold(len(buffer))
        if len(buffer) > guest.program.bounds.max_body:
            raise self._too_large()
        is_kept = visit.exchange.route.chain.mode_of(self._hook).is_open
        before = bytes(buffer) if is_kept else b""
        try:
            goes_on = guest.on_request_body(is_last) if self.is_request else guest.on_response_body(is_last)
            if is_last and guest.reply is None:
                goes_on = self._show_trailers(goes_on)
            if guest.reply is not None:
                raise answered(guest.reply)
            if is_last and not goes_on:
                raise WasmTrap("it paused the end of a body, which nothing can resume", "paused")
        except WasmTrap as trap:
            guest.close()
            self._hold(0)
            error = failed(visit.exchange, visit.exchange.route.chain.name_of(self._hook), trap)
            if not is_kept:
                raise error from None
            hooks.report_broken(visit.exchange, self._hook, _KINDS[self.is_request], error)
            return before
        if not goes_on:
            return b""
        out = bytes(buffer)
        buffer.clear()
        self._hold(0)
        return out

    def _show_trailers(self, goes_on: bool) -> bool:
        exchange, guest = self._visit.exchange, self._visit.guest
        lines = exchange.body.trailers if self.is_request else exchange.response.trailers
        slot = ON_REQUEST_TRAILERS if self.is_request else ON_RESPONSE_TRAILERS
        if not lines or not guest.program.has[slot]:
            return goes_on
        count = lines.count(b"\n")
        return guest.on_request_trailers(count) if self.is_request else guest.on_response_trailers(count)

    def _hold(self, size: int) -> None:
        self._visit.hold(size - self._held)
        self._held = size

    def _too_large(self) -> GatewayError:
        most = self._visit.guest.program.bounds.max_body
        if self.is_request:
            return DownstreamError(
                413, "content_too_large", f"a filter holds back more than the {most} bytes of the body allowed here"
            )
        return UpstreamError(
            502, "answer_too_large", f"a filter holds back more than the {most} bytes it may of an answer"
        )


class ShownBody(BodyHook):
    """A body that goes on as the guest lets it."""

    def __init__(self, visit: GuestVisit, hook: Callable[..., object], *, is_request: bool) -> None:
        self._shown = _Shown(visit, hook, is_request=is_request)

    def feed(self, data: bytes) -> bytes:
        return self._shown.show(data, is_last=False)

    def finish(self) -> bytes:
        return self._shown.show(b"", is_last=True)


class ShownWhole(GatheredHook):
    """The body of a message whose head waits for it."""

    def __init__(self, visit: GuestVisit, hook: Callable[..., object], *, is_request: bool) -> None:
        self._shown = _Shown(visit, hook, is_request=is_request)
        self.max_bytes = visit.guest.program.bounds.max_body

    def whole(self, data: bytes) -> bytes:
        return self._shown.show(data, is_last=True)
