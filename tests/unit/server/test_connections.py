"""Connections of a server of the supervisor, over real sockets of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from fastgw.server.connections import Connections

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Stage:
    """At most two at one time, each of which the test answers."""

    def __init__(self, answer: Answer) -> None:
        self.bugs: list[Exception] = []
        self.open = Connections(2, self.bugs.append)
        self.answer = answer
        self.tasks: list[asyncio.Task[None]] = []
        self.writers: list[asyncio.StreamWriter] = []  #: of both sides

    async def connect(self) -> asyncio.StreamReader:
        """What one client is sent."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        self.tasks.append(asyncio.create_task(self.open.serve(writer, lambda: self.answer(reader, writer))))
        found, other = await asyncio.open_connection(sock=theirs)
        self.writers += (writer, other)
        return found

    async def close(self) -> None:
        await asyncio.gather(*self.tasks)
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 10)


def test_there_are_only_so_many_and_who_has_been_answered_is_gone() -> None:
    async def story() -> None:
        gate = asyncio.Event()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            writer.write(b"hi")

        stage = Stage(answer)
        one, two, three = [await stage.connect() for _ in range(3)]
        assert len(stage.open) == len(list(stage.open)) == 2
        assert await ended(three) == b""
        gate.set()
        assert await ended(one) == await ended(two) == b"hi"
        await stage.close()
        assert not len(stage.open) and stage.bugs == []

    asyncio.run(story())


def test_who_leaves_is_no_bug_and_what_is_one_is_told() -> None:
    async def story() -> None:
        errors: list[Exception] = [TimeoutError(), ConnectionResetError(), ValueError("why")]

        async def answer(*_: object) -> None:
            raise errors[len(stage.tasks) - 1]

        stage = Stage(answer)
        for _ in errors:
            assert await ended(await stage.connect()) == b""
        await stage.close()
        assert stage.bugs == errors[2:] and not len(stage.open)

    asyncio.run(story())


def test_the_end_is_waited_for_by_whoever_serves() -> None:
    async def story() -> None:
        seen: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
            seen.append(await reader.read())

        stage = Stage(answer)
        one = await stage.connect()
        await stage.open.abort()
        assert seen == [b""] and not len(stage.open) and await ended(one) == b""
        await stage.open.abort()  # there is nobody
        await stage.close()

    asyncio.run(story())


def test_one_that_goes_on_as_another_is_closed_as_that() -> None:
    async def story() -> None:
        other = socket.socketpair()
        _, secured = await asyncio.open_connection(sock=other[0])

        async def answer(*_: object) -> None:
            stage.open.replace(secured)
            assert list(stage.open) == [secured]

        stage = Stage(answer)
        await stage.connect()
        stage.writers.append(secured)
        await asyncio.gather(*stage.tasks)
        assert secured.is_closing()
        await stage.close()
        other[1].close()

    asyncio.run(story())
