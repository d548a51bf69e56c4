"""Answers that never end: pieces as they come, each bound, and what is told where they break off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.streamed import HELD_MOST, Streamed, streamed
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, canned, chunk, chunks, hold, response

Start = Callable[..., UpstreamServer]
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def run(
    work: Callable[[Streamed], Awaitable[Any]], port: int, *, limit: float = 5.0, idle: float = 5.0, **more: Any
) -> Any:
    """What ``work`` makes of an answer."""

    async def whole() -> Any:
        caller = Caller(Url(False, "127.0.0.1", port, "/watch"), 5.0, 100, as_member=AsMember(None, ""))
        call = streamed(caller, b"POST", [(b"authorization", b"t")], b"{}", limit=limit, idle=idle)
        async with call as answer:
            return await work(answer)

    loops = {True: asyncio.new_event_loop, False: uvloop.new_event_loop}
    with asyncio.Runner(loop_factory=loops[more.get("is_plain", False)]) as runner:
        return runner.run(whole())


async def everything(answer: Streamed) -> bytes:
    found = b""
    while piece := await answer.piece():
        found += piece
    return found


def refused(work: Callable[[Streamed], Awaitable[Any]], port: int, **more: Any) -> str:
    with pytest.raises(CallError) as caught:
        run(work, port, **more)
    return caught.value.cause


@pytest.mark.parametrize("is_plain", [True, False])
def test_pieces_are_there_as_they_come(service: Start, is_plain: bool) -> None:
    events = [threading.Event(), threading.Event()]
    waits = iter([None, *events])

    def before(connection: Connection) -> None:
        event = next(waits)
        if event is not None:
            connection.wait(event)

    one = service(chunks([b"first", b"second", b"third"], before_each=before))

    async def work(answer: Streamed) -> list[bytes]:
        found = [await answer.piece()]
        for event in events:
            event.set()
            found.append(await answer.piece())
        return [*found, await answer.piece(), await answer.piece()]

    assert run(work, one.port, is_plain=is_plain) == [b"first", b"second", b"third", b"", b""]
    (request,) = one.requests
    assert (request.method, request.target, request.body) == (b"POST", b"/watch", b"{}")
    assert request.header(b"authorization") == b"t"


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (response(b"hello"), b"hello"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + response(b"hello"), b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
        (HEAD + chunk(b"hello") + b"0\r\ngrpc-status: 0\r\n\r\n", b"hello"),
        (response(b"hello") + response(b"forged"), b"hello"),
        (response(b""), b""),
    ],
)
def test_a_body_in_whatever_framing(service: Start, data: bytes, body: bytes) -> None:
    def script(request: Received, connection: Connection) -> None:
        connection.send(data)
        connection.close()

    async def work(answer: Streamed) -> tuple[int, bytes, bool]:
        return (
            answer.status,
            await everything(answer),
            any(name in (b"link", b"grpc-status") for name, _ in answer.fields),
        )

    assert run(work, service(script).port) == (200, body, False)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"", "broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", "broken"),
        (HEAD + b"5\r\nhel", "broken"),
        (HEAD + chunk(b"x") + b"nonsense\r\n", "broken"),
        (b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "broken"),
        (response(b"x", fields=[("content-encoding", "gzip")]), "broken"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000, "too_large"),
    ],
)
def test_what_is_no_answer(service: Start, data: bytes, cause: str) -> None:
    def script(request: Received, connection: Connection) -> None:
        connection.send(data)
        connection.close()

    assert refused(everything, service(script).port) == cause


def test_what_came_before_it_broke_off_is_there(service: Start) -> None:
    def script(request: Received, connection: Connection) -> None:
        connection.send(HEAD + chunk(b"x"))
        connection.close()

    async def work(answer: Streamed) -> bytes:
        found = await answer.piece()
        with pytest.raises(CallError):
            await answer.piece()
        return found

    assert run(work, service(script).port) == b"x"


def test_a_port_that_nobody_has() -> None:
    assert refused(everything, free_port()) == "refused"


def test_silence_before_and_behind_the_head_has_a_bound(service: Start) -> None:
    event = threading.Event()
    assert refused(everything, service(hold(event)).port, limit=0.05) == "timeout"

    def script(request: Received, connection: Connection) -> None:
        connection.send(HEAD + chunk(b"x"))
        connection.wait(event)

    assert refused(everything, service(script).port, idle=0.05) == "timeout"
    event.set()


@pytest.mark.parametrize("is_plain", [True, False])
def test_who_does_not_take_it_holds_the_sender_back(service: Start, is_plain: bool) -> None:
    size = 8 * 1024 * 1024
    one = service(canned(response(bytes(size))))

    async def work(answer: Streamed) -> int:
        while not answer._is_held:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert HELD_MOST < answer._size < 3 * HELD_MOST
        return len(await everything(answer))

    assert run(work, one.port, is_plain=is_plain) == size


def test_who_goes_leaves_no_connection_behind(service: Start) -> None:
    closed = threading.Event()

    def script(request: Received, connection: Connection) -> None:
        connection.send(HEAD + chunk(b"x"))
        connection.wait_closed()
        closed.set()

    async def work(answer: Streamed) -> None:
        await answer.piece()
        task = asyncio.ensure_future(answer.piece())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work, service(script).port)
    assert closed.wait(5)
