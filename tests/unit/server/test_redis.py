"""The connection with a Redis: questions and answers in order, deadlines, and whatever it may say instead; some of it by a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.settings import RedisSettings
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.redis import RedisServer
from tests.support.shared_rate import redis_at

module = pytest.importorskip("fastgw.server.redis", reason="needs the package hiredis: pip install 'fastgw[redis]'")
RedisError, connect = module.RedisError, module.connect

HERE = redis_at("127.0.0.1", 1, "", 0, False, timeout=5.0)
Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: bytes | Answering, **options: Any) -> AsyncIterator[RedisSettings]:
    """A server that says the same to every command, or does what a test says."""

    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            if not isinstance(answer, bytes):
                await answer(reader, writer)
            else:
                while await reader.read(65536):
                    writer.write(answer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
    try:
        yield HERE._replace(port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way)
        await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()
        for _ in range(5):
            await asyncio.sleep(0)  # what was aborted is told so

    asyncio.run(bounded())


async def cause(settings: RedisSettings) -> str:
    with pytest.raises(RedisError) as caught:
        await connect(settings)
    assert str(caught.value)
    return caught.value.cause


def test_answers_come_in_order_whatever_the_reads() -> None:
    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"+PONG\r\n")
        await reader.readuntil(b"three\r\n")
        for byte in b":1\r\n$3\r\ntwo\r\n-ERR no three\r\n":
            writer.write(bytes((byte,)))
            await writer.drain()
        await reader.read()

    async def story() -> None:
        async with answering(slowly) as settings:
            connection = await connect(settings)
            answers = [connection.ask(word) for word in ("one", "two", "three")]
            assert [await answers[0], await answers[1]] == [1, b"two"]
            with pytest.raises(RedisError, match="ERR no three") as caught:
                await answers[2]
            assert caught.value.cause == "error"
            connection.close()
            with pytest.raises(RedisError, match="was closed"):
                await connection.ask("four")

    run(story)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"-NOAUTH Authentication required.\r\n", "auth"),
        (b"-ERR Client sent AUTH, but no password is set\r\n", "auth"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading"),
        (b"-ERR unknown\r\n", "error"),
        (b"+WELL\r\n", "broken"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "broken"),
        (b"*1\r\n*1\r\n$-2\r\n", "broken"),
        (b"%1\r\n*0\r\n+b\r\n", "broken"),
    ],
)
def test_what_it_says_instead_of_a_welcome(answer: bytes, expected: str) -> None:
    async def story() -> None:
        async with answering(answer) as settings:
            assert await cause(settings) == expected

    run(story)


def test_one_that_closes_or_is_not_there() -> None:
    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)

    async def story() -> None:
        async with answering(closes) as settings:
            assert await cause(settings) == "lost"
        assert await cause(settings._replace(port=free_port())) == "refused"
        assert await cause(redis_at("", 0, "/nowhere/redis.sock", 0, False)) == "unreachable"
        assert await cause(settings._replace(host="name.invalid")) == "unresolved"

    run(story)


def test_one_that_is_silent_is_late() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"+PONG\r\n")
        await reader.readuntil(b"first\r\n")
        writer.write(b"+yes\r\n")
        await reader.read()

    async def story() -> None:
        async with answering(silent) as settings:
            assert await cause(settings._replace(timeout=0.05)) == "timeout"
        async with answering(greets) as settings:
            connection = await connect(settings._replace(timeout=0.1))
            assert await connection.ask("first") == b"yes"
            late = [connection.ask("second"), connection.ask("third")]
            lost = await connection.lost
            assert (lost.cause, [one.exception() for one in late]) == ("timeout", [lost, lost])

    run(story)


def test_what_nobody_asked_for_ends_it() -> None:
    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"+PONG\r\n+MORE\r\n")
        await reader.read()

    async def story() -> None:
        async with answering(talks) as settings:
            connection = await connect(settings)
            assert (await connection.lost).cause == "broken"

    run(story)


@pytest.mark.parametrize("is_asked", [True, False])
def test_an_answer_without_end_ends_it(is_asked: bool) -> None:
    async def talks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"+PONG\r\n$1000000000\r\n")
        while True:
            writer.write(b"x" * 4096)
            await writer.drain()

    async def story() -> None:
        async with answering(talks) as settings:
            connection = await connect(settings)
            waiting = [connection.ask("one")] if is_asked else []
            lost = await connection.lost
            assert (lost.cause, "longer" in str(lost)) == ("broken", True)
            assert [one.exception() for one in waiting] == [lost for _ in waiting]

    run(story)


def test_only_so_many_questions_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"+PONG\r\n")
        await reader.read()

    async def story() -> None:
        async with answering(greets) as settings:
            connection = await connect(settings)
            monkeypatch.setattr(module, "WAITING_MOST", 2)
            answers = [connection.ask("x") for _ in range(3)]
            with pytest.raises(RedisError, match="under way") as caught:
                await answers[2]
            assert caught.value.cause == "busy"
            answers[0].cancel()
            connection.close()
            assert isinstance(answers[1].exception(), RedisError)

    run(story)


def test_over_tls_the_certificate_must_be_right(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server(*authority.pair("server", "localhost"))

    async def story() -> None:
        async with answering(b"+PONG\r\n", ssl=context) as settings:
            tls = settings._replace(is_tls=True, host="localhost")
            assert await cause(tls) == "tls"
            connection = await connect(tls._replace(ca=authority.ca))
            connection.close()
            assert await cause(tls._replace(host="127.0.0.1", ca=authority.ca)) == "tls"
        async with answering(b"-ERR\r\n") as settings:
            assert await cause(settings._replace(is_tls=True)) == "tls"

    run(story)


def test_a_name_that_is_another_host_is_not_asked_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with answering(b"+PONG\r\n") as settings:
            monkeypatch.setattr(module.RedisConnection, "is_loopback", property(lambda self: False))
            assert await cause(settings) == "unresolved"
            (await connect(settings._replace(without_tls=True))).close()

    run(story)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    made = RedisServer("--requirepass", "s3cret").start()
    yield made
    made.close()


@pytest.mark.needs("redis-server")
def test_a_real_one_wants_to_know_who_asks(server: RedisServer) -> None:
    async def story() -> None:
        real = redis_at("", 0, str(server.socket), 3, False)
        assert await cause(real) == "auth"
        assert await cause(real._replace(password="wrong")) == "auth"
        for user in ("", "default"):
            connection = await connect(real._replace(username=user, password="s3cret"))
            answers = [connection.ask("SET", "a", 1), connection.ask("CLIENT", "LIST")]
            assert await answers[0] == b"OK"
            assert b" db=3 " in await answers[1]
            server_side = connection.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
            assert (await connection.lost).cause == "lost"
            assert server_side.done()

    run(story)


def test_nothing_shows_a_password() -> None:
    settings = HERE._replace(username="me", password="s3cret")
    assert "s3cret" not in f"{settings} {settings!r} {[settings]}"
