from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from fastgw.core.settings import Address
from fastgw.server import admin
from fastgw.server import admin_http as module
from fastgw.server.admin import Admin
from fastgw.server.guard import ANYBODY
from fastgw.server.listening import bind
from fastgw.server.log import Log
from fastgw.server.page import Page, PageRequest
from fastgw.server.status import Content
from tests.unit.core.test_protocol_cases import COLLECTION, raw_of
from tests.unit.wire.cases import HEADS, REFUSED_EITHER_WAY

order_began, order_goes_on = asyncio.Event(), asyncio.Event()  #: of an order that is told to wait
silence_ended = asyncio.Event()  #: of a stream that has no second piece

Story = Callable[["Client"], Awaitable[None]]


class Client:
    """Opens connections to an admin server and reads what it answers."""

    def __init__(self, port: int, admin: Admin) -> None:
        self.port = port
        self.admin = admin

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, data: bytes, *, is_all: bool = False) -> bytes:
        """Send ``data`` on a connection of its own, and its end if ``is_all``; everything that comes until the server closes."""
        reader, writer = await self.open()
        writer.write(data)
        if is_all:
            writer.write_eof()
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        finally:
            writer.close()


def with_admin(story: Story, asked: list[str] | None = None) -> None:
    """Play ``story`` with an admin address; ``asked``: gets a word for each time that the page at / is asked for."""

    async def root(one: PageRequest) -> Content:
        if asked is not None:
            asked.append(one.accept)
        return Content(200, b"{}")

    async def page(one: PageRequest) -> Content:
        return Content(200, json.dumps({"accept": one.accept, "query": one.query}).encode())

    async def broken(_: PageRequest) -> Content:
        raise RuntimeError("the page is broken")

    async def order(one: PageRequest) -> Content:
        if one.body.get("wait"):
            order_began.set()
            await order_goes_on.wait()
        return Content(200, json.dumps(one.body).encode())

    async def ticks() -> AsyncGenerator[bytes, None]:
        for number in range(3):
            yield b"tick %d\n" % number

    async def silence() -> AsyncGenerator[bytes, None]:
        try:
            yield b"begun"
            await asyncio.Event().wait()
        finally:
            silence_ended.set()

    async def quiet(_: PageRequest) -> Content:
        return Content(200, b"", "text/event-stream", stream=silence)

    async def stream(_: PageRequest) -> Content:
        return Content(200, b"", "text/event-stream", stream=ticks)

    async def run() -> None:
        order_began.clear()
        order_goes_on.clear()
        silence_ended.clear()
        gets = {"/": root, "/page": page, "/broken": broken, "/stream": stream, "/quiet": quiet}
        pages = [Page("GET", path, ANYBODY, "", answer, {}) for path, answer in gets.items()]
        pages.append(Page("POST", "/order", ANYBODY, "", order, {}, keys=("wait", "a")))
        admin = Admin(pages, Log("test", fd=-1))
        listening = bind(Address("127.0.0.1", 0), 1)
        listening.start()
        await admin.start([listening])
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
        (b"GET /other HTTP/1.1", b"404 Not Found", b"urn:fastgw:error:not_found"),
        (b"DELETE /page HTTP/1.1", b"405 Method Not Allowed", b"allow: GET, HEAD"),
        (b"GET /broken HTTP/1.1", b"500 Internal Server Error", b"urn:fastgw:error:internal"),
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
        (b"GET /page HTTP/1.1\nhost: a\n\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"400"),
        (b"GET page HTTP/1.1\r\nhost: a\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n", b"400"),
        (b"GET /\x00", b"400"),  # and nothing behind it: no more bytes can mend it
        (b"GET /page HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused_and_closed(data: bytes, status: bytes) -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(data + b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n" * data.endswith(b"\n"))
        assert answer.startswith(b"HTTP/1.1 " + status) and b"\r\nconnection: close\r\n" in answer
        assert answer.count(b"HTTP/1.1 ") == 1

    with_admin(story)


def test_a_body_is_not_read_and_ends_the_connection() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(b"GET /page HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc")
        assert answer.startswith(b"HTTP/1.1 200") and b"connection: close" in answer
        assert re.search(rb"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", answer)

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
        held = [await client.open() for _ in range(admin.CONNECTIONS)]
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


# --- one reading: what a listener refuses is refused here


BEHIND = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


def test_heads_are_read_as_by_a_listener() -> None:
    async def story(client: Client) -> None:
        for case in HEADS:
            found = statuses(await client.ask(case.raw + BEHIND))
            if case.status == 200:
                assert found[0] in (200, 404, 405) and len(found) <= 2, case.name
            elif len(case.raw) > module.HEAD_SIZE:
                assert found in ([431], [case.status]), case.name
            else:
                assert found == [case.status], case.name
        for case in REFUSED_EITHER_WAY:
            assert statuses(await client.ask(case.raw + BEHIND)) in ([400], [case.status]), case.name

    with_admin(story)


def test_nothing_of_the_collection_is_read_in_two_ways() -> None:
    """What is to be refused asks for no page, or is the end of its connection: bodies are never read."""
    asked: list[str] = []

    async def story(client: Client) -> None:
        cases = [case for case in json.loads(COLLECTION.read_text())["cases"] if case["direction"] == "request"]
        for case in cases:
            asked.clear()
            answer = await client.ask(raw_of(case), is_all=True)
            found = statuses(answer)
            if case["expectation"].startswith("reject") and "forward" not in case.get("alt", []):
                assert len(asked) <= max(case.get("n_upstream", 0), case.get("partial_ok", 0)), case["name"]
                assert not found or b"connection: close\r\n" in answer.rpartition(b"HTTP/1.1 ")[2], case["name"]
            elif case["expectation"].startswith("forward") and "reject" not in case.get("alt", []):
                assert found[0] in (200, 404, 405) or case.get("policy") or found[0] in case.get("accept", []), case[
                    "name"
                ]

    with_admin(story, asked)


def test_client_that_still_sends_reads_the_last_answer() -> None:
    async def story(client: Client) -> None:
        reader, writer = await client.open()
        writer.write(b"POST /page HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n" + b"x" * 500_000)
        await writer.drain()
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert statuses(answer) == [405]
        writer.close()

    with_admin(story)


def test_an_http_1_0_client_is_told_that_the_connection_is_kept() -> None:
    async def story(client: Client) -> None:
        request = b"GET /page HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"
        answer = await client.ask(request + b"GET /page HTTP/1.0\r\n\r\n")
        assert (
            statuses(answer) == [200, 200]
            and b"connection: keep-alive\r\n" in answer
            and b"connection: close\r\n" in answer
        )

    with_admin(story)


def test_a_refused_head_request_has_no_body() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(b"HEAD /page HTTP/1.1\r\n\r\n")
        assert statuses(answer) == [400] and answer.endswith(b"\r\n\r\n")

    with_admin(story)


def test_a_page_gets_its_query() -> None:
    async def story(client: Client) -> None:
        got = await client.ask(b"GET /page?service=a&b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", is_all=True)
        assert b'"query": "service=a&b"' in got

    with_admin(story)


# --- bodies, orders, streams


def order(body: bytes, *fields: str, close: bool = True) -> bytes:
    lines = ["POST /order HTTP/1.1", "host: a", *fields] + ["connection: close"] * close
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


JSON = "content-type: application/json"


@pytest.mark.parametrize(
    ("data", "status", "contains"),
    [
        (order(b""), 200, b"{}"),
        (order(b'{"a": 1}', JSON, "content-length: 8"), 200, b'{"a": 1}'),
        (order(b'{"a": 1}', "Content-Type: Application/JSON; charset=utf-8", "content-length: 8"), 200, b'{"a": 1}'),
        (order(b'{"a": 1}', JSON, "content-length: 8", "expect: 100-continue"), 100, b'{"a": 1}'),
        (order(b'{"b": 1}', JSON, "content-length: 8"), 400, b"bad_body"),
        (order(b"[1]", JSON, "content-length: 3"), 400, b"bad_body"),
        (order(b"{x}", JSON, "content-length: 3"), 400, b"bad_body"),
        (order(b"[" * 4000, JSON, "content-length: 4000"), 400, b"bad_body"),
        (order(b"\xff\xfe{", JSON, "content-length: 3"), 400, b"bad_body"),
        (order(b'{"a": 1}', "content-length: 8"), 415, b"not_json"),
        (order(b"a=1", "content-type: application/x-www-form-urlencoded", "content-length: 3"), 415, b"not_json"),
        (order(b"{}", JSON, "content-length: 5000"), 413, b"body_too_large"),
        (order(b"2\r\n{}\r\n0\r\n\r\n", JSON, "transfer-encoding: chunked"), 411, b"length_required"),
    ],
)
def test_a_body_is_an_object_of_known_keys_or_refused(data: bytes, status: int, contains: bytes) -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(data)
        assert statuses(answer)[0] == status and contains in answer
        if status >= 400:
            assert b"content-type: application/problem+json\r\n" in answer

    with_admin(story)


def test_the_next_request_comes_behind_a_body_and_not_out_of_it() -> None:
    async def story(client: Client) -> None:
        body = b'{"a": "GET /page HTTP/1.1"}'
        first = order(body, JSON, f"content-length: {len(body)}", close=False)
        answer = await client.ask(first + order(b""))
        assert statuses(answer) == [200, 200]

    with_admin(story)


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_LIMIT", 0.05)

    async def story(client: Client) -> None:
        assert await client.ask(order(b'{"a"', JSON, "content-length: 8")) == b""
        assert await client.ask(order(b'{"a"', JSON, "content-length: 8"), is_all=True) == b""

    with_admin(story)


def test_each_page_is_asked_for_in_its_own_way() -> None:
    async def story(client: Client) -> None:
        for method in (b"GET", b"HEAD", b"PUT", b"OPTIONS", b"DELETE"):
            answer = await client.ask(method + b" /order HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert statuses(answer) == [405] and b"\r\nallow: POST\r\n" in answer

    with_admin(story)


def test_a_stream_ends_with_its_connection() -> None:
    async def story(client: Client) -> None:
        answer = await client.ask(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\nGET /page HTTP/1.1\r\nhost: a\r\n\r\n")
        assert statuses(answer) == [200] and answer.endswith(b"\r\n\r\ntick 0\ntick 1\ntick 2\n")
        assert b"connection: close\r\n" in answer and b"content-length" not in answer
        head = await client.ask(b"HEAD /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        assert statuses(head) == [200] and head.endswith(b"\r\n\r\n")

    with_admin(story)


def test_a_stream_that_has_nothing_to_say_ends_with_the_address() -> None:
    async def story(client: Client) -> None:
        reader, writer = await client.open()
        writer.write(b"GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(10):
            await reader.readuntil(b"begun")
            await client.admin.stop()
            assert silence_ended.is_set()  # or it would be cancelled with the loop
        writer.close()

    with_admin(story)


def test_who_waits_for_an_answer_gets_it_when_the_address_is_left_and_others_are_ended() -> None:
    async def story(client: Client) -> None:
        idle, rests = await client.open()
        rests.write(b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(10):
            await idle.readuntil(b"}")
            waiting = asyncio.create_task(client.ask(order(b'{"wait": true}', JSON, "content-length: 14", close=False)))
            await order_began.wait()
            await client.admin.leave()
            assert await idle.read() == b""
            order_goes_on.set()
            answer = await waiting
        assert statuses(answer) == [200] and b"connection: close\r\n" in answer
        rests.close()

    with_admin(story)
