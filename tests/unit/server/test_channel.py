from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.server.channel import MAX_FDS, Channel


class End:
    """One end of a channel that keeps what it received."""

    def __init__(self, sock: socket.socket) -> None:
        self.channel = Channel(sock)
        self.messages: list[tuple[object, list[int]]] = []
        self.is_over = False
        self.changed = asyncio.Event()

    def attach(self) -> None:
        self.channel.attach(asyncio.get_running_loop(), self._on_message, self._on_end)

    def _on_message(self, message: object, fds: list[int]) -> None:
        self.messages.append((message, fds))
        self.changed.set()

    def _on_end(self) -> None:
        self.is_over = True
        self.changed.set()

    async def receive(self, count: int) -> list[tuple[object, list[int]]]:
        async with asyncio.timeout(10):
            while len(self.messages) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.messages

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            while not self.is_over:
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_messages_arrive_in_order_with_their_descriptors(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    async def story() -> None:
        ours, theirs = End(pair[0]), End(pair[1])
        for number in range(5):
            (tmp_path / str(number)).write_text(f"file {number}")
            files = [os.open(tmp_path / str(number), os.O_RDONLY) for _ in range(number)]
            ours.channel.send({"number": number}, files)
            for fd in files:
                os.close(fd)
        theirs.attach()
        for number, (message, fds) in enumerate(await theirs.receive(5)):
            assert message == {"number": number}
            texts = {os.pread(fd, 100, 0) for fd in fds}
            assert texts == ({f"file {number}".encode()} if number else set())
            for fd in fds:
                os.close(fd)
        ours.channel.close()
        theirs.channel.close()

    asyncio.run(story())


def test_a_message_larger_than_the_socket_waits_and_keeps_the_order(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    async def story() -> None:
        ours, theirs = End(pair[0]), End(pair[1])
        large = b"x" * 5_000_000
        read_end, write_end = os.pipe()
        ours.channel.send(large)
        ours.channel.send("with a descriptor", [read_end])
        os.close(read_end)  # the channel has its own copy
        ours.attach()
        theirs.attach()
        messages = await theirs.receive(2)
        assert messages[0] == (large, [])
        assert messages[1][0] == "with a descriptor"
        (got,) = messages[1][1]
        os.write(write_end, b"!")
        assert os.read(got, 10) == b"!"
        os.close(got)
        os.close(write_end)
        ours.channel.close()
        theirs.channel.close()

    asyncio.run(story())


def test_the_end_is_told_once_and_sending_after_it_does_nothing(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    async def story() -> None:
        ours, theirs = End(pair[0]), End(pair[1])
        ours.attach()
        theirs.channel.send("last words")
        theirs.channel.close()
        await ours.ended()
        assert ours.messages == [("last words", [])]
        assert ours.channel.is_closed
        ours.channel.send("to nobody")
        ours.channel.close()

    asyncio.run(story())


def test_closing_loses_no_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    async def story() -> None:
        ours, theirs = End(pair[0]), End(pair[1])
        before = open_fds()
        read_end, write_end = os.pipe()
        ours.channel.send(b"y" * 1_000_000)
        ours.channel.send("unsent", [read_end, write_end])
        os.close(read_end)
        os.close(write_end)
        ours.channel.close()
        theirs.channel.close()
        assert open_fds() == before - 2

    asyncio.run(story())


def test_too_many_descriptors_are_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    channel = Channel(pair[0])
    with pytest.raises(ValueError, match="at most"):
        channel.send("x", [0] * (MAX_FDS + 1))


def test_messages_can_be_waited_for_without_a_loop(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = End(pair[0]), End(pair[1])
    assert not ours.channel.wait(1, 0.0)
    theirs.channel.send("first", [pair[1].fileno()])
    assert ours.channel.wait(1, 10.0) and not ours.channel.wait(2, 0.01)
    theirs.channel.send("second")
    assert ours.channel.wait(2, 10.0)

    async def story() -> None:
        ours.attach()
        found = await ours.receive(2)
        assert [message for message, _ in found] == ["first", "second"]
        [(_, fds), _] = found
        for fd in fds:
            os.close(fd)

    asyncio.run(story())
    ours.channel.close()
    theirs.channel.close()


def test_waiting_sends_what_is_unsent(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = Channel(pair[0]), Channel(pair[1])
    ours.send(b"x" * 1_000_000)
    waiting = threading.Thread(target=ours.wait, args=(1, 10.0))
    waiting.start()
    assert theirs.wait(1, 10.0)
    theirs.send("thanks")
    waiting.join(10.0)
    assert not waiting.is_alive()
    ours.close()
    theirs.close()


def test_nobody_waits_for_a_peer_that_is_gone(pair: tuple[socket.socket, socket.socket]) -> None:
    ours = End(pair[0])
    pair[1].close()
    assert not ours.channel.wait(1, 10.0)

    async def story() -> None:
        ours.attach()
        await ours.ended()

    asyncio.run(story())


def test_what_a_peer_said_before_its_end_can_be_read_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    async def run() -> None:
        one, two = (End(sock) for sock in pair)
        one.channel.send("last words")
        one.channel.close()
        two.channel.read_rest()  # nobody listens yet: it is kept
        two.attach()
        two.channel.read_rest()
        assert [message for message, _ in two.messages] == ["last words"]
        two.channel.close()
        two.channel.read_rest()

    asyncio.run(run())


def test_without_a_loop_messages_are_read_one_by_one(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = Channel(pair[0]), Channel(pair[1])
    reading, writing = os.pipe()
    ours.send("first", [writing])
    ours.send("second")
    os.close(writing)
    message, (fd,) = theirs.read(5.0)
    assert message == "first" and not os.get_inheritable(fd)
    os.close(fd)
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert theirs.read(5.0) == ("second", [])
    with pytest.raises(TimeoutError):
        theirs.read(0.01)
    ours.close()
    with pytest.raises(EOFError):
        theirs.read(5.0)
    theirs.close()
