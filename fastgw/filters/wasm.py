"""``wasm``: a module of WebAssembly sees requests and answers, by proxy-wasm, in a sandbox.

Each exchange has an instance of its own, a ``WasmGuest``, made when it meets the filter and gone with it: whatever a module does to itself,
a trap, an endless loop, a memory that grows, ends one exchange, or is passed over where the filter is open.  What it may do to the gateway
is bounded for each call: instructions, time, memory, bytes that are copied for it, lines of the log.

The module is compiled before it comes here (``wasm.compiler``).  The runtime is one for all filters and all configurations of a worker, so
a reload makes a program beside the old one, which is gone when the last exchange that began with it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.about import report
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.reply import Reply
from fastgw.core.wasm_counters import EXCHANGES, EXCHANGES_OPEN
from fastgw.filters.wasm_bodies import GuestVisit, ShownBody, ShownWhole
from fastgw.filters.wasm_reply import answered, count_trap, failed, made
from fastgw.filters.wasm_stream import ExchangeStream
from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.interface import (
    EXPORTS,
    ON_REQUEST_BODY,
    ON_REQUEST_TRAILERS,
    ON_RESPONSE_BODY,
    ON_RESPONSE_HEADERS,
    ON_RESPONSE_TRAILERS,
    REQUEST_HEADERS,
    RESPONSE_HEADERS,
)
from fastgw.wasm.program import WasmBounds, WasmProgram, WasmRuntime
from fastgw.wasm.sections import Imported, Sections, Signature
from fastgw.wasm.shared import SharedData
from fastgw.wasm.traps import WasmError, WasmTrap
from fastgw.wire.messages import BODY_NONE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_runtimes: list[WasmRuntime] = []  #: of this process: one, when the first filter has started
_shared: dict[str, SharedData] = {}  #: by ``vm_id``: what outlives a reload


def runtime() -> WasmRuntime:
    """That of this process.

    Raises:
        ImportError: the package is not installed.
        WasmError: it does not start.
    """
    if not _runtimes:
        _runtimes.append(WasmRuntime())
    return _runtimes[0]


def sections_of(told: tuple[Any, ...]) -> Sections:
    """What a module says of itself, which came as plain tuples."""
    imports, exports, memories, *numbers = told
    return Sections(
        tuple(Imported(module, name, kind, Signature(*of)) for module, name, kind, of in imports),
        {name: Signature(*of) for name, of in exports},
        tuple(memories),
        *numbers,
    )


class WasmFilter:
    """The filter."""

    __slots__ = (
        "_options",
        "_program",
        "_visits",
        "done",
        "name",
        "request",
        "response",
        "transform_request",
        "transform_response",
    )

    is_binding = True  #: no client exempts its body by a field that says how it is to be treated

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``code``, of ``wasm.compiler``, and ``sections``, plain; ``configuration`` and ``vm_configuration``, bytes;
        ``root_id`` and ``vm_id``; ``shared_data``, bytes; and what ``WasmBounds`` has."""
        self.name = name
        self._options = options
        self._program: WasmProgram | None = None
        self._visits: dict[Exchange, GuestVisit] = {}
        exports = {one for one, _ in options["sections"][1]}
        # A hook that has nothing to do is none.
        self.request = self._see_request
        self.response = self._see_answer if EXPORTS[ON_RESPONSE_HEADERS] in exports else None
        of_requests, of_answers = (ON_REQUEST_BODY, ON_REQUEST_TRAILERS), (ON_RESPONSE_BODY, ON_RESPONSE_TRAILERS)
        self.transform_request = self._open_request if _has_any(exports, of_requests) else None
        self.transform_response = self._open_answer if _has_any(exports, of_answers) else None
        self.done = self._leave

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Link the module.

        Raises:
            OSError: it cannot be used here.
        """
        options = self._options
        vm_id = options["vm_id"] or self.name
        shared = _shared.setdefault(vm_id, SharedData(options["shared_data"]))
        shared.resize(options["shared_data"])
        try:
            self._program = WasmProgram(
                runtime(),
                self.name,
                options["code"],
                sections_of(options["sections"]),
                WasmBounds(*[options[one] for one in WasmBounds._fields]),
                configuration=options["configuration"],
                vm_configuration=options["vm_configuration"],
                root_id=options["root_id"],
                vm_id=vm_id,
                shared=shared,
            )
            WasmGuest(self._program, None).close()
        except (ImportError, WasmError, WasmTrap) as error:
            raise OSError(f"the module of the filter {self.name!r}: {error}") from None

    # --- hooks

    def _see_request(self, exchange: Exchange) -> Reply | None:
        """Make the guest, and show it the head."""
        assert self._program is not None
        try:
            guest = WasmGuest(self._program, ExchangeStream(exchange, self.name))
            visit = self._visits[exchange] = GuestVisit(exchange, guest)
            exchange.plane.values[EXCHANGES] += 1
            exchange.plane.values[EXCHANGES_OPEN] += 1
            has_body = exchange.request.has_body
            goes_on = guest.on_request_headers(guest.stream.count(REQUEST_HEADERS), not has_body)
            if guest.reply is not None:
                return made(guest.reply)
            if not goes_on:
                visit.is_request_paused = self._pause(guest, ON_REQUEST_BODY, has_body=has_body)
        except WasmTrap as trap:
            raise failed(exchange, self.name, trap) from None
        return None

    def _see_answer(self, exchange: Exchange) -> None:
        """Show it the head of the answer."""
        visit = self._visits.get(exchange)
        if visit is None or not visit.guest.is_open:
            return
        guest, guest_reply = visit.guest, visit.guest.reply
        has_body = _has_body(exchange)
        try:
            goes_on = guest.on_response_headers(guest.stream.count(RESPONSE_HEADERS), not has_body)
            if guest.reply is not guest_reply and guest.reply is not None:
                raise answered(guest.reply)
            if not goes_on:
                visit.is_answer_paused = self._pause(guest, ON_RESPONSE_BODY, has_body=has_body)
        except WasmTrap as trap:
            raise failed(exchange, self.name, trap) from None

    def _open_request(self, exchange: Exchange) -> BodyHook | None:
        """Show it the body of the request."""
        visit = self._visits.get(exchange)
        if visit is None or not visit.guest.is_open:
            return None
        kind = ShownWhole if visit.is_request_paused else ShownBody
        return kind(visit, self._open_request, is_request=True)

    def _open_answer(self, exchange: Exchange) -> BodyHook | None:
        """Show it the body of the answer."""
        visit = self._visits.get(exchange)
        if visit is None or not visit.guest.is_open:
            return None
        kind = ShownWhole if visit.is_answer_paused else ShownBody
        return kind(visit, self._open_answer, is_request=False)

    def _leave(self, exchange: Exchange) -> None:
        """Let it write its line, and forget it."""
        visit = self._visits.pop(exchange, None)
        if visit is None:
            return
        visit.hold(-visit.held)
        exchange.plane.values[EXCHANGES_OPEN] -= 1
        try:
            visit.guest.end()
        except WasmTrap as trap:
            count_trap(exchange, trap)
            report(exchange, "warning", "a filter failed at the end", filter=self.name, cause=trap.cause, error=trap)

    def _pause(self, guest: WasmGuest, slot: int, *, has_body: bool) -> bool:
        """It paused a head: True, as its body will come.

        Raises:
            WasmTrap: nothing will.
        """
        if not has_body or not guest.program.has[slot]:
            guest.close()
            raise WasmTrap("it paused a message that has no body, which nothing can resume", "paused")
        return True


def _has_any(exports: set[str], slots: tuple[int, ...]) -> bool:
    return any(EXPORTS[slot] in exports for slot in slots)


def _has_body(exchange: Exchange) -> bool:
    """Will the body of the answer be offered to filters?"""
    response = exchange.response
    is_none = exchange.replied is not None or response.body == BODY_NONE or response.content_length == 0
    return not is_none and exchange.request.method != b"HEAD" and response.status != 101
