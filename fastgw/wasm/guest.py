"""One instance of a module, for one exchange: a *guest*.  What it does to itself it does to nobody else, and nothing of it stays.

It is made when the exchange meets its filter, with a plugin context (``ROOT``) that is configured and a context for the exchange
(``STREAM``), and is closed at the end of that, or when a call of it traps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastgw.wasm.binding import WasmInstance
from fastgw.wasm.interface import (
    ALLOCATE,
    BAD_ARGUMENT,
    CONTINUE,
    EXPORTS,
    INITIALIZE,
    INTERNAL_FAILURE,
    INVALID_MEMORY_ACCESS,
    LEVELS,
    MAIN,
    MALLOC,
    OK,
    ON_CONFIGURE,
    ON_CONTEXT_CREATE,
    ON_DELETE,
    ON_DONE,
    ON_LOG,
    ON_REQUEST_BODY,
    ON_REQUEST_HEADERS,
    ON_REQUEST_TRAILERS,
    ON_RESPONSE_BODY,
    ON_RESPONSE_HEADERS,
    ON_RESPONSE_TRAILERS,
    ON_VM_START,
    PAUSE,
    ROOT,
    START,
    STREAM,
    HttpStream,
    MapPair,
)
from fastgw.wasm.program import WasmProgram
from fastgw.wasm.traps import WasmTrap

CALL_COST: Final = 256  #: bytes that a function of the host counts for, beside what it copies
LINE_MAX: Final = 1024  #: bytes of a line of the log
_DEPTH_MAX: Final = 16  #: of calls of an allocator within each other, each of which takes of the interpreter's stack
_KEPT_MAX: Final = 16 << 10  #: bytes of properties that a guest sets
_REQUEST, _RESPONSE = 0, 1  #: proxy_stream_type_t


class LocalReply:
    """What a guest answers in the service's place."""

    __slots__ = ("body", "fields", "status")

    def __init__(self, status: int, body: bytes, fields: Sequence[MapPair]) -> None:
        self.status = status
        self.body = body
        self.fields = fields


class WasmGuest:
    """The instance."""

    __slots__ = (
        "_depth",
        "_instance",
        "_kept",
        "_kept_size",
        "_left",
        "_lines",
        "_output",
        "asks_for_ticks",
        "lost_lines",
        "program",
        "reply",
        "request_body",
        "response_body",
        "resumed",
        "said",
        "stream",
    )

    def __init__(self, program: WasmProgram, stream: HttpStream | None) -> None:
        """``stream``: the exchange; None: the guest is only to be configured, to see if it can.

        Raises:
            WasmTrap: a call did not return, or there are too many guests, or the module refuses its configuration.
        """
        bounds = program.bounds
        if program.live >= bounds.instances:
            raise WasmTrap(f"there are {program.live} instances already", "instances")
        self.program = program
        self.stream: Any = None
        self.request_body: bytearray | None = None
        self.response_body: bytearray | None = None
        self.reply: LocalReply | None = None
        self.resumed: set[int] = set()
        self.asks_for_ticks = False
        self.lost_lines = 0
        self._depth = 0  #: calls of its allocator that are under way; one that traps is the last that it makes
        self._kept: dict[bytes, bytes] | None = None
        self._kept_size = 0
        self._output: dict[str, bytes] = {}
        self.said = ""
        self._lines = bounds.logs
        self._left = bounds.copied
        program.ticker.arm()
        self._instance: WasmInstance | None = None
        self._instance = WasmInstance(program.module, self, bounds.memory, bounds.elements, bounds.fuel, program.ticks)
        program.live += 1
        try:
            self._begin(stream)
        except WasmTrap as trap:
            self.close()
            if self.said:
                raise WasmTrap(f"{trap}: {self.said}", trap.cause) from None
            raise
        except BaseException:
            self.close()
            raise

    def _begin(self, stream: HttpStream | None) -> None:
        program = self.program
        if program.has[INITIALIZE]:
            self._call(INITIALIZE)
            if program.has[MAIN]:
                self._call(MAIN, *(0, 0)[: program.params[MAIN]])
        elif program.has[START]:
            self._call(START)
        self._call(ON_CONTEXT_CREATE, ROOT, 0)
        for slot, size in ((ON_VM_START, len(program.vm_configuration)), (ON_CONFIGURE, len(program.configuration))):
            if program.has[slot] and not self._call(slot, ROOT, size):
                raise WasmTrap(f"{EXPORTS[slot]} refused the configuration", "refused")
        if stream is not None:
            self.stream = stream
            self._call(ON_CONTEXT_CREATE, STREAM, ROOT)

    @property
    def is_open(self) -> bool:
        """Has none of its calls trapped, and is its exchange not over?"""
        return self._instance is not None

    def close(self) -> None:
        """It is over."""
        instance, self._instance = self._instance, None
        for level, rest in self._output.items():
            self.log(level, rest)
        self._output.clear()
        if instance is not None:
            self.program.live -= 1
            instance.close()

    def _call(self, slot: int, *args: int) -> int:
        """Call what the module has of this; 0 where it has nothing."""
        program, instance = self.program, self._instance
        if not program.has[slot] or instance is None:
            return 0
        self._left = program.bounds.copied
        program.ticker.arm()
        try:
            return instance.call(slot, *args)
        except BaseException:
            self.close()
            raise

    # --- the exchange, as it goes; each is True where it goes on

    def on_request_headers(self, count: int, is_last: bool) -> bool:
        """The head of the request; ``is_last``: it has no body."""
        return self._headers(ON_REQUEST_HEADERS, count, is_last, _REQUEST)

    def on_response_headers(self, count: int, is_last: bool) -> bool:
        """The head of the answer."""
        return self._headers(ON_RESPONSE_HEADERS, count, is_last, _RESPONSE)

    def _headers(self, slot: int, count: int, is_last: bool, kind: int) -> bool:
        self.resumed.discard(kind)
        args = (STREAM, count, int(is_last))[: self.program.params[slot]]
        return self._goes_on(self._call(slot, *args), kind)

    def on_request_body(self, is_last: bool) -> bool:
        """``request_body`` has more."""
        return self._body(ON_REQUEST_BODY, self.request_body, is_last, _REQUEST)

    def on_response_body(self, is_last: bool) -> bool:
        """``response_body`` has more."""
        return self._body(ON_RESPONSE_BODY, self.response_body, is_last, _RESPONSE)

    def _body(self, slot: int, body: bytearray | None, is_last: bool, kind: int) -> bool:
        self.resumed.discard(kind)
        return self._goes_on(self._call(slot, STREAM, len(body or b""), int(is_last)), kind)

    def on_request_trailers(self, count: int) -> bool:
        """What stands behind the body of the request."""
        self.resumed.discard(_REQUEST)
        return self._goes_on(self._call(ON_REQUEST_TRAILERS, STREAM, count), _REQUEST)

    def on_response_trailers(self, count: int) -> bool:
        """The same of the answer."""
        self.resumed.discard(_RESPONSE)
        return self._goes_on(self._call(ON_RESPONSE_TRAILERS, STREAM, count), _RESPONSE)

    def _goes_on(self, action: int, kind: int) -> bool:
        if action not in (CONTINUE, PAUSE):
            self.close()
            raise WasmTrap(f"a callback returned {action}, which is no action")
        return action == CONTINUE or kind in self.resumed

    def end(self) -> None:
        """The exchange is over: let the module write its line, and close."""
        try:
            self._call(ON_DONE, STREAM)
            self._call(ON_LOG, STREAM)
            self._call(ON_DELETE, STREAM)
        finally:
            self.close()

    # --- for the functions of the host

    def _spend(self, size: int) -> None:
        self._left -= size + CALL_COST
        if self._left < 0:
            raise WasmTrap("it has the gateway copy more than one call may", "copied")

    def _made(self) -> WasmInstance:
        if self._instance is None:
            raise WasmTrap("its start function calls the gateway, which only _initialize and what comes later can")
        return self._instance

    def read(self, place: int, size: int) -> bytes | None:
        """Bytes of its memory; None: they are not all in it."""
        found = self._made().read(place, size)
        self._spend(0 if found is None else size)
        return found

    def write(self, place: int, data: bytes) -> int:
        """Write into its memory; a status."""
        self._spend(len(data))
        return OK if self._made().write(place, data) else INVALID_MEMORY_ACCESS

    def write_number(self, place: int, number: int) -> int:
        """An u32."""
        return self.write(place, number.to_bytes(4, "little"))

    def hand(self, data: bytes, data_at: int, size_at: int) -> int:
        """Give it ``data`` in memory that it allocates, and write where and how much that is; a status."""
        instance = self._made()
        self._spend(len(data))
        place = 0
        if data:
            if self._depth >= _DEPTH_MAX:
                raise WasmTrap("its allocator asks for what has to be allocated", "stack")
            self._depth += 1
            place = instance.nested(ALLOCATE if self.program.has[ALLOCATE] else MALLOC, len(data))
            self._depth -= 1
            if not place:
                return INTERNAL_FAILURE
            if not instance.write(place, data):
                return INVALID_MEMORY_ACCESS
        return self.write_number(data_at, place) or self.write_number(size_at, len(data))

    def answer(self, status: int, body: bytes, fields: Sequence[MapPair]) -> int:
        """Remember the first answer it gives; a status."""
        if self.stream is None or not self.stream.can_reply or len(body) > self.program.bounds.max_body:
            return BAD_ARGUMENT
        if self.reply is None:
            self.reply = LocalReply(status, body, fields)
        return OK

    def known(self, path: bytes) -> bytes | None:
        """What is known by this path, its parts with zeros between them."""
        if self._kept is not None and path in self._kept:
            return self._kept[path]
        if path == b"plugin_name":
            return self.program.name.encode()
        if path == b"plugin_root_id":
            return self.program.root_id.encode()
        if path == b"plugin_vm_id":
            return self.program.vm_id.encode()
        found: bytes | None = None if self.stream is None else self.stream.known(path.split(b"\0"))
        return found

    def keep(self, path: bytes, value: bytes) -> bool:
        """Have ``known`` say this; False: there is no room."""
        if self._kept is None:
            self._kept = {}
        size = self._kept_size + len(path) + len(value) - len(self._kept.get(path, b""))
        if size > _KEPT_MAX:
            return False
        self._kept[path] = value
        self._kept_size = size
        return True

    def put_out(self, level: str, data: bytes) -> None:
        """Output, which is a line where one ends: Go writes each word of it by itself."""
        *lines, rest = (self._output.pop(level, b"") + data).split(b"\n")
        for one in lines:
            if one.strip():
                self.log(level, one[:LINE_MAX].rstrip())
        if rest.strip():
            self._output[level] = rest[:LINE_MAX]

    def log(self, level: str, text: bytes) -> None:
        """A line, if it may have more; control characters are spaces.  Before there is an exchange, ``said`` has the last one."""
        if LEVELS.index(level) < self.program.bounds.log_level:
            return
        if self._lines <= 0:
            self.lost_lines += 1
            return
        self._lines -= 1
        line = "".join([one if one.isprintable() else " " for one in text.decode("utf-8", "replace")])
        if self.stream is None:
            self.said = line
        else:
            self.stream.log(level, line)
