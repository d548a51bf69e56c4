"""A data plane between two ends that are nothing but a method call: what is left is our own work.

The transports are leaner than ``fastgw.testing.mock``, whose records would cost more than what is measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from bench.macro.corpus import build_requests
from bench.macro.scenario import route_table
from fastgw.config.chains import filter_names
from fastgw.config.compile import compile_snapshot
from fastgw.config.limited import limited
from fastgw.config.load import load
from fastgw.config.metered import keyed, metered
from fastgw.config.spec import GatewaySpec, fallback_name
from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.protocols import client_factory, make_pool
from fastgw.core.slab import Counters
from fastgw.steps import whole
from fastgw.testing.mock import MockLoop

Benchmark = Callable[..., Any]  #: the fixture of pytest-benchmark

ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: service\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Cache-Control: no-store\r\nX-Model-Version: 2.4.1\r\nContent-Length: 62\r\n\r\n"
    b'{"label":"cat","score":0.987654,"model":"object-detection-v2"}'
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: service\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_EVENT_DATA = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795262400,"model":"m00002",'
    b'"choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'
)
_COMPLETION_DATA = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1795262400,"model":"openai/gpt-oss-120b","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"' + b"All of these lines have the same length.\\n" * 10 + b'"},'
    b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":224,"completion_tokens":96,"total_tokens":320,'
    b'"prompt_tokens_details":{"cached_tokens":128}},"system_fingerprint":"fp_1"}'
)
COMPLETION = (
    b"HTTP/1.1 200 OK\r\nServer: uvicorn\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_COMPLETION_DATA), _COMPLETION_DATA)
)
EVENT = b"%x\r\n%b\r\n" % (len(_EVENT_DATA), _EVENT_DATA)
STREAM_END = b"0\r\n\r\n"


class Wire:
    """A transport that swallows what is written and never resists."""

    __slots__ = ("is_closed", "protocol", "written")

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.written = b""  #: the last write
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Remember the last one only."""
        self.written = data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """No socket, so nothing goes past the transport."""
        return ("127.0.0.1", 50000) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is buffered."""

    def get_write_buffer_size(self) -> int:
        """Nothing is buffered."""
        return 0

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed

    def pause_reading(self) -> None:
        """Bytes come when the benchmark says so."""

    def resume_reading(self) -> None:
        """Bytes come when the benchmark says so."""

    def close(self) -> None:
        """Nothing else happens: no benchmark closes a connection it still uses."""
        self.is_closed = True

    abort = close


class StageLoop(MockLoop):
    """Connects at once."""

    def __init__(self) -> None:
        super().__init__()
        self.upstreams: list[Wire] = []

    async def create_connection(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:
        """A connection to the service."""
        protocol = protocol_factory()
        wire = Wire(protocol)
        self.upstreams.append(wire)
        protocol.connection_made(wire)
        return wire, protocol


class Slots:
    """Counter blocks in the order of the configuration."""

    def __init__(self, spec: GatewaySpec) -> None:
        names = [*(route.name for route in spec.routes), *(fallback_name(one.name) for one in spec.listeners)]
        self.routes: Mapping[str, int] = {name: number for number, name in enumerate(names)}
        self.services: Mapping[str, int] = {one.name: number for number, one in enumerate(spec.services)}
        pairs = [(service.name, str(one.address)) for service in spec.services for one in service.endpoints]
        self.endpoints: Mapping[tuple[str, str], int] = {pair: number for number, pair in enumerate(pairs)}
        self.filters: Mapping[str, int] = {name: number for number, name in enumerate(filter_names(spec))}
        self.models: Mapping[tuple[str, str], int] = {name: number for number, name in enumerate(metered(spec))}
        self.limits: Mapping[tuple[str, str], int] = {name: number for number, name in enumerate(limited(spec))}
        self.keys: Mapping[str, int] = {name: number for number, name in enumerate(keyed(spec))}


def configuration(
    routes: int = 20,
    filters: Mapping[str, Any] | None = None,
    service: Mapping[str, Any] | None = None,
    telemetry: Mapping[str, Any] | None = None,
    models: Mapping[str, Any] | None = None,
) -> GatewaySpec:
    """The macro benchmark's setting: routes, one service, request ids; ``filters``: those of all routes, by name; ``service``: what is
    said of it in addition; ``telemetry``: what is sent to a collector; ``models``: what one more route leads to."""
    document: dict[str, Any] = {
        "listeners": [{"name": "edge", "address": "127.0.0.1:8080"}],
        "routes": [
            {"path": route.path if route.exact else route.path + "*", "service": "app"} for route in route_table(routes)
        ],
        "services": {"app": {"endpoints": ["127.0.0.1:9000"], "balance": "round_robin", **(service or {})}},
    }
    if telemetry:
        document["telemetry"] = {"otlp": "http://127.0.0.1:4318", **telemetry}
    if models:
        document["models"] = dict(models)
        document["routes"].append({"path": "/v1/*", "models": "true"})
    if filters:
        document["filters"] = dict(filters)
        for route in document["routes"]:
            route["filters"] = list(filters)
    with TemporaryDirectory() as name:
        path = Path(name) / "fastgw.yaml"
        path.write_text(yaml.safe_dump(document))
        return load(path, {})


class Stage:
    """One client connection, one service, and the plane between them, warm."""

    def __init__(
        self,
        routes: int = 20,
        filters: Mapping[str, Any] | None = None,
        fields: bytes = b"",
        seat: Any = None,
        service: Mapping[str, Any] | None = None,
        telemetry: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        """``filters``: those of all routes, by name; ``fields``: lines that all requests have; ``seat``: at a board; ``service``: what is
        said of it, beside one endpoint that it has; ``telemetry``: what is sent to a collector, which takes it at once; ``models``: see
        ``configuration``."""
        self.loop = StageLoop()  # type: ignore[abstract]  # it is as complete as it has to be
        spec = configuration(routes, filters, service, telemetry, models)
        shared = Counters(memoryview(bytearray(counters.SLAB_BYTES)))
        random = itertools.cycle((0.1, 0.6, 0.9, 0.4)).__next__  # of C, as that of a worker
        self.plane = DataPlane(self.loop, shared, random, self.loop.time, self._on_log, make_pool=make_pool)
        self.plane.seat = seat
        self.plane.offer = lambda _: True
        snapshot = compile_snapshot(spec, 1, Slots(spec), self.plane.registry, random)
        self.plane.prepare(snapshot)
        self.plane.install(snapshot)
        self.client = Wire(client_factory(self.plane, "edge")())
        self.client.protocol.connection_made(self.client)
        self.requests = [one[:-2] + fields + one[-2:] for one in build_requests(route_table(routes), count=200)]
        self.turn = 0
        self.send(self.requests[0])
        self.loop.run_ready()  # the first upstream connection is made
        self.service.protocol.data_received(ANSWER)
        self.run(2 * len(self.requests))

    def leave(self) -> None:
        """Stop what the filters own."""
        whole(self.plane.discard(self.plane.snapshot))

    @property
    def service(self) -> Wire:
        """The upstream connection."""
        return self.loop.upstreams[-1]

    def _on_log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if level == "error":
            raise AssertionError(event) from fields.get("error")

    def send(self, data: bytes) -> None:
        """Bytes from the client."""
        self.client.protocol.data_received(data)

    def exchange(self) -> None:
        """The next request of the corpus and its answer."""
        self.turn = turn = (self.turn + 1) % len(self.requests)
        self.client.protocol.data_received(self.requests[turn])
        self.service.protocol.data_received(ANSWER)

    def run(self, count: int) -> None:
        """So many exchanges."""
        for _ in range(count):
            self.exchange()

    def ask(self, request: bytes, *answer: bytes) -> bytes:
        """One exchange; the last bytes the client was sent."""
        self.client.protocol.data_received(request)
        for part in answer:
            self.service.protocol.data_received(part)
        return self.client.written


class MembersStage(Stage):
    """The same with a service of several endpoints, each with its connection."""

    def exchange(self) -> None:
        """See ``Stage``: whoever was asked answers."""
        self.turn = turn = (self.turn + 1) % len(self.requests)
        self.client.protocol.data_received(self.requests[turn])
        if not self.answer():
            self.loop.run_ready()  # this one is asked for the first time
            self.answer()

    def answer(self) -> bool:
        """Let the endpoint that was asked answer; False: it has no connection yet."""
        for wire in self.loop.upstreams:
            if wire.protocol.exchange is not None:
                wire.protocol.data_received(ANSWER)
                return True
        return False
