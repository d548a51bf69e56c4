"""Connections of any kind on the poller, and how they end: nothing that was received is lost by a write that fails."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from fastgw.core.net.connection import HOLD_PEER, Connection
from fastgw.core.net.sockets import Poller, make_poller

pytestmark = pytest.mark.skipif(find_spec("fastgw.core.net._sockets") is None, reason="the extension is not built")

READ_SIZE = 65536
LARGE = 100_000  # more than one read that is not large, less than a window


class Third(Connection):
    """Neither a client's connection nor a service's: it keeps what it reads."""

    def __init__(self, keeps: bool = True, stays: bool = False) -> None:
        Connection.__init__(self)
        self.read: list[bytes] = []
        self.is_lost = False
        self.keeps = keeps
        self.stays = stays
        self.holds_at = 1 << 60  #: bytes of one read that make it hold

    @property
    def received(self) -> bytes:
        """All of it."""
        return b"".join(self.read)

    def connection_made(self, transport: Any) -> None:
        """Write through the transport only, so that bytes queue."""
        self.attach(transport)
        self._fd = -1

    def data_received(self, data: bytes) -> None:
        """Keep it."""
        self.read.append(data)
        if len(data) >= self.holds_at:
            self.hold(HOLD_PEER)

    def eof_received(self) -> bool:
        """The peer has ended its side."""
        return self.stays

    def keeps_rest(self) -> bool:
        """As the test says."""
        return self.keeps

    def pause_writing(self) -> None:
        """The queue is full."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """It is not."""
        self.is_paused = False

    def connection_lost(self, error: Exception | None) -> None:
        """The end."""
        self.is_lost = True


class Loop(asyncio.SelectorEventLoop):
    """A loop that remembers which descriptor the poller is."""

    poller_fd = -1

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        """As usual."""
        self.poller_fd = fd
        return super().add_reader(fd, callback, *args)


class Stage:
    """A poller on a real loop."""

    def __init__(self) -> None:
        self.loop = Loop()
        poller = make_poller(self.loop)
        assert poller is not None
        self.poller: Poller = poller
        self.sides: list[Third] = []
        self.peers: list[socket.socket] = []

    def pair(self, **options: Any) -> tuple[socket.socket, Third]:
        """A peer over TCP, since it is TCP that resets, and the connection."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            theirs = socket.create_connection(server.getsockname())
            ours, _ = server.accept()
        ours.setblocking(False)
        side = Third(**options)
        self.poller.adopt(ours, side)
        self.sides.append(side)
        self.peers.append(theirs)
        return theirs, side

    def until(self, happened: Callable[[], bool]) -> None:
        """Run the loop until it happened."""

        async def wait() -> None:
            async with asyncio.timeout(10):
                while not happened():
                    await asyncio.sleep(0)

        self.loop.run_until_complete(wait())

    def turns(self, count: int = 50) -> None:
        """Let the loop turn a few times."""
        for _ in range(count):
            self.loop.run_until_complete(asyncio.sleep(0))

    def end(self) -> None:
        """Close everything."""
        for side in self.sides:
            side.abort()
        self.until(lambda: all(side.is_lost for side in self.sides))
        self.poller.close()
        self.loop.close()
        for peer in self.peers:
            peer.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.end()


def queue(stage: Stage, side: Third) -> None:
    """Write more than the kernel takes."""
    for _ in range(20):
        side.write(b"x" * 1_000_000)
    stage.turns()
    assert side.is_paused


def answer_and_leave(peer: socket.socket, data: bytes) -> None:
    """Say ``data`` and close with bytes unread: a reset follows it."""
    assert peer.recv(1)
    peer.sendall(data)
    peer.close()


def test_third_kind_of_connection_is_read_by_its_own_method(stage: Stage) -> None:
    """Taken for one of the two it is not, its memory would be that of another class."""
    peer, side = stage.pair()
    peer.sendall(b"hello")
    stage.until(lambda: side.received == b"hello")
    side.write(b"good day")
    stage.until(lambda: not side.transport.get_write_buffer_size())
    assert peer.recv(100) == b"good day"
    peer.shutdown(socket.SHUT_WR)
    stage.until(lambda: side.is_lost)


@pytest.mark.parametrize("protocol", [None, asyncio.Protocol(), "text"])
def test_what_is_no_connection_is_refused(stage: Stage, protocol: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TypeError):
        stage.poller.adopt(ours, protocol)
    assert ours.fileno() == -1  # closed by its owner, not taken over


def test_factory_that_makes_no_connection_is_told_and_its_client_closed(stage: Stage) -> None:
    told: list[Any] = []
    stage.loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    acceptor = stage.poller.listen(listening, lambda: None)
    with socket.create_connection(address, 5) as client:
        stage.until(lambda: bool(told))
        assert client.recv(1) == b""
    acceptor.close()
    assert isinstance(told[0], TypeError)


def test_base_of_all_connections_reads_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Connection().data_received(b"x")


def test_answer_in_front_of_a_reset_is_read_though_writing_fails(stage: Stage) -> None:
    peer, side = stage.pair()
    queue(stage, side)
    answer_and_leave(peer, b"answer")
    stage.until(lambda: side.is_lost)
    assert side.received == b"answer"
    assert not side.is_paused  # whoever waited for room was told


def test_large_answer_in_front_of_a_reset_is_read_whole(stage: Stage) -> None:
    peer, side = stage.pair()
    queue(stage, side)
    answer_and_leave(peer, b"y" * LARGE)
    stage.until(lambda: side.is_lost)
    assert len(side.received) == LARGE


def test_answer_in_front_of_a_reset_waits_until_reading_goes_on(stage: Stage) -> None:
    peer, side = stage.pair()
    queue(stage, side)
    side.hold(HOLD_PEER)
    answer_and_leave(peer, b"answer")
    stage.turns()
    assert not side.is_lost
    assert side.received == b""
    side.release(HOLD_PEER)
    stage.until(lambda: side.is_lost)
    assert side.received == b"answer"


def test_reset_that_waits_is_not_told_again_and_again(stage: Stage) -> None:
    """The loop would never sleep."""
    peer, side = stage.pair()
    side.hold(HOLD_PEER)
    side.write(b"two")
    stage.until(lambda: not side.transport.get_write_buffer_size())
    answer_and_leave(peer, b"answer")
    stage.turns()
    assert select.select([stage.loop.poller_fd], [], [], 0)[0] == []
    side.release(HOLD_PEER)
    stage.until(lambda: side.is_lost)
    assert side.received == b"answer"


def test_reset_ends_a_held_connection_whose_peer_is_not_wanted_any_more(stage: Stage) -> None:
    peer, side = stage.pair(keeps=False)
    side.write(b"two")
    stage.until(lambda: not side.transport.get_write_buffer_size())
    side.hold(HOLD_PEER)
    answer_and_leave(peer, b"more of a request")
    stage.until(lambda: side.is_lost)
    assert side.received == b""


def test_closing_connection_whose_peer_takes_nothing_ends(stage: Stage) -> None:
    peer, side = stage.pair()
    queue(stage, side)
    side.close()
    peer.close()
    stage.until(lambda: side.is_lost)


def test_half_closed_connection_is_written_to(stage: Stage) -> None:
    peer, side = stage.pair(stays=True)
    peer.sendall(b"ask")
    peer.shutdown(socket.SHUT_WR)
    stage.until(lambda: side.received == b"ask")
    stage.turns()
    assert not side.is_lost
    side.write(b"answer")
    side.write_eof()
    stage.until(lambda: not side.transport.get_write_buffer_size())
    assert peer.recv(100) == b"answer"
    assert peer.recv(100) == b""
    stage.until(lambda: side.is_lost)  # both sides have ended


def test_half_closed_connection_that_is_reset_ends(stage: Stage) -> None:
    peer, side = stage.pair(stays=True)
    peer.shutdown(socket.SHUT_WR)
    stage.turns()
    assert not side.is_lost
    peer.close()
    side.write(b"nobody reads this")
    stage.until(lambda: side.is_lost)


def large_reads(side: Third) -> int:
    """How many reads were larger than an ordinary one."""
    return sum(len(data) > READ_SIZE for data in side.read)


def read_large(stage: Stage, peer: socket.socket, side: Third) -> None:
    """Send until one read was larger than an ordinary one, or ten megabytes were not."""
    peer.setblocking(False)
    block = bytes(1_000_000)
    sent = 0

    def happened() -> bool:
        nonlocal sent
        try:
            sent += peer.send(block)
        except BlockingIOError:
            pass
        return large_reads(side) > 0 or sent > 10_000_000 or bool(side._holds)

    stage.until(happened)


def test_large_reads_are_for_a_few_stuck_connections_at_once(stage: Stage) -> None:
    """Each leaves up to 256 KiB with a peer that is stuck; everybody reads in smaller pieces until one of them catches up."""
    stuck: list[Third] = []
    while len(stuck) < 40:
        peer, side = stage.pair()
        side.holds_at = READ_SIZE + 1
        read_large(stage, peer, side)
        if not large_reads(side):
            break
        stuck.append(side)
    assert 0 < len(stuck) <= 8
    peer, other = stage.pair()
    read_large(stage, peer, other)
    assert large_reads(other) == 0
    stuck[0].holds_at = 1 << 60
    stuck[0].release(HOLD_PEER)
    for _ in range(20):  # it reads in turns with the other
        read_large(stage, peer, other)
        if large_reads(other):
            break
    assert large_reads(other) > 0


def test_stuck_connection_that_ends_makes_room(stage: Stage) -> None:
    for _ in range(40):
        peer, side = stage.pair()
        side.holds_at = READ_SIZE + 1
        read_large(stage, peer, side)
        assert large_reads(side) == 1
        side.abort()
        stage.until(lambda: side.is_lost)  # noqa: B023 - called before it changes
