"""ASGI applications, bare ones, seen from their clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.testing.edge import body_of, head_of, statuses
from fastgw.testing.service import ServiceEdge, request

SCOPES: list[Any] = []
GOT: list[Any] = []
ENDED: list[str] = []
LOOPS: list[Any] = []  #: the last one is that of the test
GATES: list[asyncio.Future[Any]] = []


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    SCOPES.append(scope)
    await send(start(201, (b"X-A", b"b"), (b"Connection", b"close"), (b"date", b"never")))
    await send(body(b"hello"))
    ENDED.append("behind the answer")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await send(start())
    while True:
        message = await receive()
        GOT.append(message)
        await send(body(message["body"], more=message["more_body"]))
        if not message["more_body"]:
            return


async def late(scope: Any, receive: Any, send: Any) -> None:
    """Receives when the test says so, and then waits for the client to leave."""
    gate = LOOPS[-1].create_future()
    GATES.append(gate)
    await gate
    GOT.append(await receive())
    while GOT[-1]["type"] != "http.disconnect":
        GOT.append(await receive())
    await send(start())
    await send(body(b"nobody reads this"))


async def wrong(scope: Any, receive: Any, send: Any) -> None:
    what = scope["path"][1:]
    if what == "raises":
        raise KeyError("a secret")
    if what == "body-first":
        await send(body(b"x"))
    if what in ("twice", "breaks", "short", "long", "ends"):
        await send(start(200, *([(b"content-length", b"3")] if what in ("short", "long") else [])))
    if what == "twice":
        await send(start())
    if what == "fields":
        await send(start(200, (b"a", b"b\r\nc: d")))
    if what == "status":
        await send(start(99))
    if what == "other":
        await send({"type": "websocket.accept"})
    if what in ("breaks", "short", "long"):
        await send(body(b"1234" if what == "long" else b"1", more=what != "short"))
    if what == "breaks":
        raise KeyError("a secret")


def asgi(call: Any, **options: Any) -> ServiceEdge:
    for one in (SCOPES, GOT, ENDED, GATES):
        one.clear()
    called = ServiceEdge(call, **options)
    LOOPS[:] = [called.loop]
    return called


def test_an_answer_is_passed_on_with_what_the_gateway_says_itself() -> None:
    called = asgi(hello)
    client = called.client()
    answer = called.ask("/", client=client)
    assert statuses(answer) == [201] and body_of(answer) == b"hello" and ENDED
    assert b"x-a: b\r\n" in head_of(answer) and b"content-length: 5\r\n" in head_of(answer)
    assert b"connection:" not in head_of(answer) and b"never" not in answer
    assert body_of(called.ask("/", "HEAD", client=client)) == b"" and len(ENDED) == 2
    called.end()


def test_the_scope_is_what_a_service_would_be_told() -> None:
    called = asgi(hello, root_path="/api")
    called.ask("/api/a%20b?x=%31", "GET", "X-B: 1", "x-b: 2", "Connection: x-c", "X-C: 3")
    (scope,) = SCOPES
    assert {
        key: scope[key] for key in ("type", "method", "scheme", "path", "raw_path", "query_string", "root_path")
    } == {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": "/api/a b",
        "raw_path": b"/api/a%20b",
        "query_string": b"x=%31",
        "root_path": "/api",
    }
    assert (scope["http_version"], scope["client"], scope["server"]) == ("1.1", ("127.0.0.1", 0), ("a.test", None))
    assert [value for name, value in scope["headers"] if name == b"x-b"] == [b"1", b"2"]
    names = [name for name, _ in scope["headers"]]
    assert names.count(b"host") == 1 and b"x-forwarded-for" in names and b"x-c" not in names
    called.end()


def test_client_and_scheme_are_those_that_trusted_proxies_name() -> None:
    fields = ("X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.7", "X-Forwarded-Proto: https")
    for trusted, found in ((("127.0.0.0/8", "10.0.0.0/8"), ("9.9.9.9", "https")), ((), ("127.0.0.1", "http"))):
        called = asgi(hello, trusted=trusted)
        called.ask("/", "GET", *fields)
        assert (SCOPES[0]["client"][0], SCOPES[0]["scheme"]) == found
        called.end()


def test_bodies_stream_both_ways() -> None:
    called = asgi(echo)
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
    called.run()
    assert statuses(client.take()) == [100]
    client.feed(b"3\r\nabc\r\n")
    called.run()
    first = client.take()
    assert b"transfer-encoding: chunked" in head_of(first) and first.endswith(b"3\r\nabc\r\n")
    client.feed(b"1\r\nd\r\n0\r\n\r\n")
    called.run()
    assert client.take() == b"1\r\nd\r\n0\r\n\r\n" or GOT[-1]["more_body"] is False
    assert body_of(called.ask("/", "POST", body=b"all at once")) == b"all at once"
    called.end()


def test_what_is_not_received_holds_the_client() -> None:
    called = asgi(late)
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 200000\r\n\r\n" + b"x" * 70_000)
    called.run()
    assert not client.is_reading()
    GATES[0].set_result(None)
    called.run()
    assert client.is_reading() and len(GOT[0]["body"]) == 70_000 and GOT[0]["more_body"]
    client.lose()
    called.run()
    assert GOT[-1] == {"type": "http.disconnect"} and called.pool.running == 0
    called.end()


def test_an_answer_waits_for_a_client_that_does_not_read() -> None:
    called = asgi(echo)
    client = called.client()
    client.feed(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\na")
    called.run()
    client.protocol.pause_writing()
    client.feed(b"b")
    called.run()
    assert called.pool.running == 1
    client.protocol.resume_writing()
    called.run()
    assert client.take().endswith(b"0\r\n\r\n") and called.pool.running == 0
    called.end()


@pytest.mark.parametrize("what", ["raises", "body-first", "twice", "fields", "status", "other", "nothing", "ends"])
def test_what_is_no_answer_is_a_500(what: str) -> None:
    called = asgi(wrong)
    answer = called.ask(f"/{what}")
    assert statuses(answer) == [500] and b"secret" not in answer
    assert len(called.events("a service failed")) == 1
    called.end()


@pytest.mark.parametrize("what", ["breaks", "short", "long"])
def test_what_breaks_behind_its_head_is_cut(what: str) -> None:
    called = asgi(wrong)
    client = called.client()
    answer = called.ask(f"/{what}", client=client)
    assert statuses(answer) == [200] and client.is_closing() and not answer.endswith(b"0\r\n\r\n")
    called.end()


def test_another_protocol_is_refused() -> None:
    called = asgi(hello, route={"upgrades": ("other",)})
    assert statuses(called.ask("/", "GET", "Connection: Upgrade", "Upgrade: other")) == [501] and not SCOPES
    called.end()


def test_who_finds_no_place_is_told() -> None:
    called = asgi(late, workers=1, queue=0)
    client = called.client()
    client.feed(request("/"))
    called.run()
    assert statuses(called.ask("/")) == [503]
    client.lose()
    GATES[0].set_result(None)
    called.run()
    called.end()
