from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from fastgw.config.spec import AddressSpec
from fastgw.server import admin as module
from fastgw.server.admin import Admin
from fastgw.server.listening import bind
from fastgw.server.log import Log
from fastgw.server.status import Answer

Story = Callable[["Client"], Awaitable[None]]


class Client:
    """Opens connections to an admin server and reads what it answers."""

    def __init__(self, port: int, admin: Admin) -> None:
        self.port = port
        self.admin = admin

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes) -> bytes:
        """Send ``data`` on a connection of its own; everything that comes until the server closes."""
        reader, writer = await self.open()
        writer.write(data)
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


def with_admin(story: Story) -> None:
    async def page(accept: str) -> Answer:
        return Answer(200, json.dumps({"accept": accept}).encode())

    async def broken(_: str) -> Answer:
        raise RuntimeError("the page is broken")

    async def run() -> None:
        admin = Admin({"/page": page, "/broken": broken}, Log("test", fd=-1))
        listening = bind(AddressSpec("127.0.0.1", 0), 1)
        listening.start()
        await admin.start(listening)
        try:
            await story(Client(listening.sockets[0].getsockname()[1], admin))
        finally:
            await admin.stop()
            listening.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_line", "status", "contains"),
    [
        (b"GET /page HTTP/1.1", b"200 OK", b'"accept": "x/y"'),
        (b"GET /page?a=b HTTP/1.1", b"200 OK", b'"accept"'),
        (b"GET /other HTTP/1.1", b"404 Not Found", b'{"reason":"not_found"}'),
        (b"DELETE /page HTTP/1.1", b"405 Method Not Allowed", b"allow: GET, HEAD"),
        (b"GET /broken HTTP/1.1", b"500 Internal Server Error", b'{"reason":"internal"}'),
    ],
)
def test_answers(request_line: bytes, status: bytes, contains: bytes) -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(request_line + b"\r\nhost: a\r\naccept: x/y\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n") and contains in answer
        assert b"cache-control: no-store\r\n" in answer and b"x-content-type-options: nosniff\r\n" in answer

    with_admin(story)


def test_head_has_no_body() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(b"HEAD /page HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n")

    with_admin(story)


def test_a_connection_is_kept_for_more_requests() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(
            b"GET /page HTTP/1.1\r\nhost: a\r\n\r\nGET /page HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        )
        assert answer.count(b"HTTP/1.1 200 OK") == 2

    with_admin(story)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01 hello\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused_and_closed(data: bytes, status: bytes) -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(data)
        assert not answer or answer.startswith(b"HTTP/1.1 " + status)

    with_admin(story)


def test_a_body_is_not_read_and_ends_the_connection() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(b"GET /page HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer

    with_admin(story)


def test_a_slow_head_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_LIMIT", 0.05)

    async def story(client: Client) -> None:
        assert await client.ask(b"GET /pa") == b""

    with_admin(story)


def test_an_idle_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_LIMIT", 0.05)

    async def story(client: Client) -> None:
        assert await client.ask(b"") == b""

    with_admin(story)


def test_connections_are_bounded() -> None:
    async def story(client: Client) -> None:
        held = [await client.open() for _ in range(module.CONNECTIONS)]
        for _, writer in held:
            writer.write(b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n")
        for reader, _ in held:
            async with asyncio.timeout(10):
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        with pytest.raises((ConnectionError, AssertionError)):
            assert await client.ask(b"GET /page HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        for _, writer in held:
            writer.close()

    with_admin(story)
