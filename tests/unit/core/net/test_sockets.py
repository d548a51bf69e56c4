"""Plain sockets past the loop's transports: the promises of an asyncio transport, on socket pairs and a real loop."""

from __future__ import annotations

import asyncio
import errno
import mmap
import resource
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from fastgw.core.counters import SLAB_BYTES
from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.reply import Reply
from fastgw.core.http1.client import Http1Client
from fastgw.core.http2.client import Http2Client
from fastgw.core.net.sockets import Poller, make_poller
from fastgw.core.protocols import client_factory, make_pool
from fastgw.core.settings import Address
from fastgw.core.slab import Counters
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import Router, Rule
from fastgw.testing import usual
from fastgw.wire.http2 import frames
from fastgw.wire.http2.frame_kinds import ACK, PREFACE, SETTINGS

compiled_only = pytest.mark.skipif(find_spec("fastgw.core.net._sockets") is None, reason="the extension is not built")


class Answer:
    """A filter that answers everything with ``size`` bytes."""

    name = "answer"

    def __init__(self, size: int) -> None:
        self.size = size

    def request(self, exchange: Any) -> Reply:
        return Reply(200, b"x" * self.size, "text/plain")


class Stage:
    """A data plane on a real loop, with the server's ends of socket pairs for clients."""

    def __init__(self, size: int = 2) -> None:
        self.loop = asyncio.new_event_loop()
        poller = make_poller(self.loop)
        assert poller is not None
        self.poller: Poller = poller
        self.plane = DataPlane(
            self.loop, Counters(memoryview(mmap.mmap(-1, SLAB_BYTES))), lambda: 0.5, poller=poller, make_pool=make_pool
        )
        chain = Chain([Answer(size)])
        rule = Rule("all", "/*", "", frozenset(), (), usual.route("all", 1, chain=chain))
        listener = usual.listener(
            "edge", Router([rule]), usual.route("none", 0, chain=chain), limits=usual.limits(connections=100)
        )
        self.plane.install(Snapshot(1, {"edge": listener}))
        self.clients: list[socket.socket] = []

    def client(self, kind: type[Any] = Http1Client) -> tuple[socket.socket, Any]:
        theirs, ours = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(5)
        self.clients.append(theirs)
        connection = kind(self.plane, self.plane.listeners["edge"])
        self.poller.adopt(ours, connection)
        return theirs, connection

    def until(self, happened: Callable[[], bool]) -> None:
        async def wait() -> None:
            async with asyncio.timeout(10):
                while not happened():
                    await asyncio.sleep(0)

        self.loop.run_until_complete(wait())

    def talk(self, sock: socket.socket, data: bytes, size: int) -> bytes:
        """Send ``data`` and read ``size`` bytes while the loop runs."""
        sock.setblocking(False)

        async def exchange() -> bytes:
            got = b""
            async with asyncio.timeout(10):
                await self.loop.sock_sendall(sock, data)
                while len(got) < size:
                    more = await self.loop.sock_recv(sock, 1 << 20)
                    if not more:
                        break
                    got += more
            return got

        return self.loop.run_until_complete(exchange())

    def end(self) -> None:
        self.plane.close()
        self.until(lambda: not self.plane.connections)
        self.poller.close()
        self.loop.close()
        for client in self.clients:
            client.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.end()


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER_SIZE = len(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nxx")


def test_there_is_no_poller_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.core.net.sockets.find_spec", lambda name: None)
    loop = asyncio.new_event_loop()
    assert make_poller(loop) is None
    loop.close()


@compiled_only
def test_requests_are_answered_and_the_connection_kept(stage: Stage) -> None:
    client, _ = stage.client()
    for _ in range(3):
        assert stage.talk(client, GET, ANSWER_SIZE).endswith(b"xx")
    client.close()
    stage.until(lambda: not stage.plane.connections)


@compiled_only
def test_frames_of_http2_leave_in_the_turn_in_which_they_were_asked_for(stage: Stage) -> None:
    theirs, _ = stage.client(Http2Client)
    assert theirs.recv(1 << 16).startswith(b"\0\0\x18\4")
    stage.loop.run_until_complete(asyncio.sleep(0))
    theirs.setblocking(False)
    theirs.sendall(PREFACE + frames.frame(SETTINGS, 0, 0, b"") + frames.ping(b"12345678", False))
    stage.poller.poll()  # type: ignore[attr-defined]  # and no turn of the loop
    assert theirs.recv(1 << 16) == (frames.frame(SETTINGS, ACK, 0, b"") + frames.ping(b"12345678", True))


@compiled_only
def test_end_of_input_closes_once(stage: Stage) -> None:
    client, connection = stage.client()
    client.shutdown(socket.SHUT_WR)
    stage.until(lambda: not stage.plane.connections)
    assert connection.is_closed
    assert client.recv(10) == b""
    client.close()


@compiled_only
def test_large_answer_waits_in_the_queue_and_arrives_whole() -> None:
    stage = Stage(size=8 * 1024 * 1024)
    client, connection = stage.client()
    client.sendall(GET)
    stage.until(lambda: connection.is_paused)
    assert connection.transport.get_write_buffer_size() > 0
    got = stage.talk(client, b"", 8 * 1024 * 1024 + 60)
    assert got.count(b"x") >= 8 * 1024 * 1024
    stage.until(lambda: not connection.is_paused)
    client.close()
    stage.end()


@compiled_only
def test_close_sends_what_is_queued() -> None:
    stage = Stage(size=4 * 1024 * 1024)
    client, connection = stage.client()
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")  # closes after the answer
    stage.until(lambda: connection.is_closed)
    got = stage.talk(client, b"", 1 << 30)
    assert got.count(b"x") >= 4 * 1024 * 1024
    client.close()
    stage.end()


@compiled_only
def test_reset_is_noticed_while_reading_is_held(stage: Stage) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    client = socket.create_connection(listening.getsockname())
    stage.until(lambda: len(stage.plane.connections) == 1)
    (connection,) = stage.plane.connections
    assert connection.address == b"127.0.0.1"
    connection.hold(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    stage.until(lambda: not stage.plane.connections)
    acceptor.close()


@compiled_only
def test_acceptor_stops(stage: Stage) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    acceptor.close()
    acceptor.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


@compiled_only
@pytest.mark.skipif(sys.platform != "linux", reason="descriptor limits are set per process")
def test_accepting_pauses_without_descriptors_and_goes_on(stage: Stage) -> None:
    import resource

    listening = socket.create_server(("127.0.0.1", 0))
    acceptor = stage.poller.listen(listening, client_factory(stage.plane, "edge"))
    client = socket.create_connection(listening.getsockname())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
    try:
        for _ in range(20):
            stage.loop.run_until_complete(asyncio.sleep(0))
        assert not stage.plane.connections  # it waits in the queue
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    stage.until(lambda: len(stage.plane.connections) == 1)
    assert stage.talk(client, GET, ANSWER_SIZE).endswith(b"xx")
    client.close()
    acceptor.close()


@compiled_only
def test_failure_of_one_connection_is_told_and_does_not_stop_the_others(stage: Stage) -> None:
    told: list[Any] = []
    stage.loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    broken, _ = stage.client()
    sound, _ = stage.client()
    listener = stage.plane.listeners["edge"]
    matcher, listener.matcher = listener.matcher, None  # type: ignore[assignment]
    broken.sendall(GET)
    stage.until(lambda: bool(told))
    listener.matcher = matcher
    assert stage.talk(sound, GET, ANSWER_SIZE).endswith(b"xx")
    assert broken.recv(10) == b""
    sound.close()
    stage.until(lambda: not stage.plane.connections)
    broken.close()


@compiled_only
def test_connection_without_a_protocol_is_closed(stage: Stage) -> None:
    """A factory that raises must not leave the accepted descriptor behind: its client would wait for ever."""
    told: list[Any] = []
    stage.loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()

    def factory() -> Any:
        raise RuntimeError("no protocol")

    acceptor = stage.poller.listen(listening, factory)
    with socket.create_connection(address, 5) as client:
        stage.until(lambda: bool(told))
        assert client.recv(1) == b""
    acceptor.close()
    assert str(told[0]) == "no protocol"


# --- what the kernel is asked for, and what it says


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def is_without_delay(transport: Any) -> bool:
    view = socket.socket(fileno=transport.fileno())
    try:
        return bool(view.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    finally:
        view.detach()


@compiled_only
def test_small_writes_to_clients_are_not_delayed(stage: Stage) -> None:
    with listening() as server:
        client = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    ours.setblocking(False)
    connection = Http1Client(stage.plane, stage.plane.listeners["edge"])
    stage.poller.adopt(ours, connection)
    assert is_without_delay(connection.transport)
    client.close()
    stage.until(lambda: not stage.plane.connections)


@compiled_only
def test_small_writes_to_services_are_not_delayed(stage: Stage) -> None:
    with listening() as server:
        host, port = server.getsockname()
        endpoint = usual.endpoint(stage.plane.registry, "s", Address(host, port), pool=usual.pool(warm=1))
        endpoint.pool.warm_up()
        stage.until(lambda: bool(endpoint.pool.idle))
        assert is_without_delay(endpoint.pool.idle[0].transport)
        endpoint.pool.close()
        stage.until(lambda: not endpoint.pool.size)


@compiled_only
def test_a_reset_is_told_with_its_error(stage: Stage) -> None:
    told: list[Any] = []

    def report(level: str, event: str, fields: dict[str, Any]) -> None:
        told.append((event, fields.get("cause"), fields.get("detail")))

    with listening() as server:
        host, port = server.getsockname()
        plane = DataPlane(
            stage.loop,
            Counters(memoryview(mmap.mmap(-1, SLAB_BYTES))),
            lambda: 0.5,
            log=report,
            poller=stage.poller,
            make_pool=make_pool,
        )
        endpoint = usual.endpoint(plane.registry, "s", Address(host, port))
        rule = Rule(
            "all",
            "/*",
            "",
            frozenset(),
            (),
            usual.route("all", 1, service=usual.service("s", (endpoint,), RoundRobin())),
        )
        plane.install(Snapshot(1, {"edge": usual.listener("edge", Router([rule]), usual.route("none", 0))}))
        client, ours = socket.socketpair()
        ours.setblocking(False)
        stage.poller.adopt(ours, Http1Client(plane, plane.listeners["edge"]))
        client.sendall(GET)
        server.setblocking(False)
        service, _ = stage.loop.run_until_complete(stage.loop.sock_accept(server))
        stage.until(lambda: endpoint.in_hand == 1 and endpoint.pool.size == 1 and not endpoint.pool.waiters)
        service.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        service.close()
        stage.until(lambda: bool(told))
    [(event, cause, detail)] = told
    assert (event, cause) == ("an endpoint fails", "upstream_reset")
    assert "Connection reset by peer" in detail
    plane.close()
    client.close()
    stage.until(lambda: not plane.connections)


@compiled_only
def test_a_client_that_finds_no_descriptor_waits_and_somebody_is_told(stage: Stage) -> None:
    told: list[OSError] = []
    stage.poller.on_starved = told.append
    server = listening()
    acceptor = stage.poller.listen(server, client_factory(stage.plane, "edge"))
    client = socket.create_connection(server.getsockname())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        stage.until(lambda: bool(told))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert told[0].errno == errno.EMFILE
    assert stage.talk(client, GET, ANSWER_SIZE).endswith(b"xx")  # a moment later
    client.close()
    acceptor.close()
    stage.until(lambda: not stage.plane.connections)
