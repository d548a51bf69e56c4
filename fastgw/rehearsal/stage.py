"""A data plane on a loop without sockets, on which one configuration is tried: its routing, filters and limits, by the code that serves.

    request, as bytes ──▶ client ──▶ filters ──▶ route ──▶ a carrier that notes what it was asked, and answers as was recorded
    Decided ◀── what the client got ◀── filters ◀───────────────────────────┘

Nothing leaves the process: whoever wants a connection gets none, and who waits for something is not waited for.
"""

from __future__ import annotations

import base64
import binascii
import mmap
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from fastgw.adapters.local import LocalCarrier, LocalPool
from fastgw.config.compile import compile_snapshot
from fastgw.config.spec import GatewaySpec
from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.ends import Exchange
from fastgw.core.live.endpoint import Endpoint
from fastgw.core.plane import Plane
from fastgw.core.protocols import client_factory
from fastgw.core.slab import Counters
from fastgw.rehearsal.captures import RecordedRequest
from fastgw.rehearsal.staging import staged
from fastgw.testing.mock import MockLoop, MockTransport

FILLER_MAX: Final = (
    4 << 20
)  #: bytes that stand in the place of a body that nobody knows; of a larger one the filters see the length
PIECE: Final = 64 << 10
CHANCE: Final = 0.5  #: the same in both configurations
#: Fields that are made anew, or cannot be said twice.
_MADE: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer"}
)
_WORD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}").fullmatch
_TARGET: Final = re.compile(r"[!-~]+").fullmatch
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]*").fullmatch

FieldValues = Mapping[str, bytes]  #: fields by their names in lower case


class Decided(NamedTuple):
    """What one configuration did with a request."""

    status: int  #: that the client got; 0: it does not follow from the request
    code: str  #: of the gateway's own refusal; empty: there was none
    path: bytes | None  #: that a service was asked for; None: none was
    body: bytes = b""  #: a digest of what it got
    asked: FieldValues = {}  #: fields that it got
    answered: FieldValues = {}  #: fields that the client got

    @property
    def is_refusal(self) -> bool:
        """Has the gateway itself said no?"""
        return bool(self.code) or (self.status >= 400 and self.path is None)


class _Slots(dict[Any, int]):
    """One block of counters for everything: nobody reads them."""

    def __missing__(self, _: object) -> int:
        return 0


class _AllSlots:
    """See ``SlotMap``."""

    routes = services = endpoints = filters = models = limits = keys = _Slots()


class _Notes:
    """What is known of one request, and what a service was asked for by it."""

    def __init__(self, status: int, *, is_whole: bool) -> None:
        self.status = status  #: that services answer
        self.is_whole = is_whole  #: is all of the body there?
        self.asked: tuple[bytes, FieldValues] | None = None  #: path and fields
        self.body = blake2b(digest_size=16)


class _Witness:
    """The outermost filter of each chain: it sees how an exchange ends."""

    name = "rehearsal"

    def __init__(self) -> None:
        self.code = ""

    def done(self, exchange: Exchange) -> None:
        """It is over."""
        self.code = exchange.error.code if exchange.error is not None else ""


def given(_: str, options: Mapping[str, Any]) -> Any:
    """The filter in ``options``."""
    return options["filter"]


class Stage:
    """One configuration."""

    def __init__(self, spec: GatewaySpec) -> None:
        """Raises OSError: a file that it names is gone."""
        self._witness = _Witness()
        self._loop = MockLoop()  # type: ignore[abstract]  # nothing asks for the rest of one
        memory = memoryview(mmap.mmap(-1, counters.SLAB_BYTES))
        self._plane = DataPlane(
            self._loop, Counters(memory), lambda: CHANCE, self._loop.time, lambda *_: None, make_pool=self._pool
        )
        self._spec = staged(spec, self._witness)
        registry = self._plane.registry
        self._plane.install(compile_snapshot(self._spec, 1, _AllSlots(), registry, lambda: CHANCE))
        self._transforming = {one.name for one in self._spec.routes if one.transformers}
        self._clients: dict[str, MockTransport] = {}
        self.notes = _Notes(200, is_whole=True)

    def _pool(self, _: Endpoint, __: Plane) -> LocalPool:
        return _NotingPool(lambda: _NotingCarrier(self))

    def tried(self, request: RecordedRequest, listener: str, route: str) -> Decided | None:
        """What becomes of ``request`` at ``listener``, where ``route`` takes it; None: it cannot be asked again."""
        head, body, size = in_bytes(request)
        if not head:
            return None
        self._witness.code = ""
        status = request.status if 200 <= request.status < 500 and not request.code else 200
        notes = self.notes = _Notes(status, is_whole=size <= FILLER_MAX)
        try:
            data = self._ask(listener, head, body, min(size, FILLER_MAX))
        except Exception:  # noqa: BLE001  what breaks here would be told by the gateway itself, and is nobody's verdict
            self._leave(listener)
            return None
        status, answered = _head_of(data)
        if not notes.is_whole or b"close" in answered.get("connection", b""):
            self._leave(listener)
        path, asked = notes.asked or (None, {})
        if route in self._transforming and path is not None:
            return Decided(0, "", path, notes.body.digest(), asked)  # what answers become of needs their bodies
        if not status or (status >= 500 and self._witness.code):  # nobody decides to fail: something is not here
            self._leave(listener)
            return None
        return Decided(status, self._witness.code, path, notes.body.digest(), asked, answered)

    def _ask(self, listener: str, head: bytes, body: bytes, size: int) -> bytes:
        client = self._clients.get(listener)
        if client is None or client.is_lost or client.is_closing():
            factory = client_factory(self._plane, listener)
            client = self._clients[listener] = self._loop.accept(factory)
        client.take()
        client.feed(head + body)
        self._loop.run_ready()
        left = size - len(body)
        while left > 0 and not client.output and not client.is_closing():
            piece = min(PIECE, left)
            client.feed(bytes(piece))
            self._loop.run_ready()
            left -= piece
        return client.take()

    def _leave(self, listener: str) -> None:
        """The client goes away, whatever is under way."""
        client = self._clients.pop(listener, None)
        if client is not None and not client.is_lost:
            client.abort()
            self._loop.run_ready()

    def close(self) -> None:
        """Let everything go."""
        for name in list(self._clients):
            self._leave(name)
        self._plane.close()


class _NotingPool(LocalPool):
    """Of an endpoint that has an address, and is not asked there."""

    __slots__ = ()

    def warm_up(self) -> None:
        """See ``Pool``: there is nothing to be warm."""

    def close(self) -> None:
        """See ``Pool``."""


class _NotingCarrier(LocalCarrier):
    """Notes what a service would have been asked, and answers as was recorded."""

    __slots__ = ("_stage",)

    def __init__(self, stage: Stage) -> None:
        LocalCarrier.__init__(self)
        self._stage = stage

    def carry(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``."""
        self._stage.notes.body.update(b"".join(exchange.body.pending))
        LocalCarrier.carry(self, exchange)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        self._stage.notes.body.update(data)
        LocalCarrier.send_body(self, data, is_last)

    def takes_body(self, exchange: Exchange) -> bool:
        """See ``LocalCarrier``."""
        return self._stage.notes.is_whole

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``."""
        request, notes = exchange.request, self._stage.notes
        notes.asked = (request.path, fields_by_name(request.fields + request.extra))
        exchange.keep_alive = exchange.keep_alive and exchange.body.is_done
        self.send_head(exchange, notes.status, b"", 0)


def in_bytes(request: RecordedRequest) -> tuple[bytes, bytes, int]:
    """``request`` as HTTP/1.1 has it: head, as much of the body as is known, and the size of that; no head: it cannot be written."""
    target = request.path + (f"?{request.query.replace('#', '')}" if request.query else "")
    if not (_WORD(request.method) and _TARGET(target) and _TARGET(request.host)):
        return b"", b"", 0
    body, size = _body(request)
    lines = [f"{request.method} {target} HTTP/1.1", f"host: {request.host}"]
    lines += [
        f"{name}: {value}"
        for name, value in request.fields.items()
        if name not in _MADE and _WORD(name) and _VALUE(value)
    ]
    if size:
        lines.append(f"content-length: {size}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace"), body, size


def _body(request: RecordedRequest) -> tuple[bytes, int]:
    found = request.body or {}
    data, size = found.get("data"), found.get("size", 0)
    if isinstance(data, str):
        try:
            body = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            return b"", 0
        return body, len(body)
    return b"", size if isinstance(size, int) and 0 < size < 1 << 50 else 0


def _head_of(data: bytes) -> tuple[int, FieldValues]:
    """Status and fields of an answer; 0: it is none."""
    head, end, _ = data.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    if not end or not line.startswith(b"HTTP/1.1 "):
        return 0, {}
    return int(line[9:12]), fields_by_name(rest + b"\r\n")


def fields_by_name(lines: bytes) -> dict[str, bytes]:
    """Field lines by their names in lower case; what is said twice is one value (RFC 9110 section 5.3)."""
    found: dict[str, bytes] = {}
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            key = name.decode("latin-1").lower()
            found[key] = found[key] + b", " + value.strip() if key in found else value.strip()
    return found
