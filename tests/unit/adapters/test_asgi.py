"""ASGI applications, bare ones, seen from their clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.adapters.asgi import Application, application_of, fields_of
from fastgw.plugins import PluginError
from fastgw.testing.edge import body_of, head_of, statuses
from fastgw.testing.service import ServiceEdge, inside, request
from tests.unit.adapters.loops import Plane

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


def test_a_websocket_is_refused() -> None:
    called = asgi(hello)
    fields = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    answer = called.ask("/", "GET", *fields, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    assert statuses(answer) == [501] and not SCOPES
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


# --- lifespan


def lifespan(*answers: Any) -> Any:
    """An application that says ``answers`` to the events of its lifespan."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        for answer in answers:
            GOT.append((await receive())["type"])
            scope["state"]["n"] = 1
            if isinstance(answer, BaseException):
                raise answer
            await send({"type": answer, "message": "no database"})

    return call


def test_a_lifespan_begins_and_ends() -> None:
    async def story() -> None:
        GOT.clear()
        one = Application(lifespan("lifespan.startup.complete", "lifespan.shutdown.complete"), "")
        await one.start()
        assert one.state == {"n": 1}
        await one.aclose()
        assert GOT == ["lifespan.startup", "lifespan.shutdown"]
        for other in (lifespan(RuntimeError("only http")), lifespan()):
            without = Application(other, "")
            await without.start()
            await without.aclose()

    asyncio.run(story())


def test_one_that_cannot_start_refuses_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.adapters.asgi.START_SECONDS", 0.01)

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        with pytest.raises(PluginError, match="cannot start: no database"):
            await Application(lifespan("lifespan.startup.failed"), "").start()
        with pytest.raises(PluginError, match="has not started within"):
            await Application(silent, "").start()

    asyncio.run(story())


def test_an_instance_has_its_lifespan() -> None:
    from fastgw.adapters.instance import INSTANCES, Instance

    async def story() -> None:
        instance = Instance("s", inside(hello))
        await instance.open(Plane())  # type: ignore[arg-type]
        assert instance.workers == 1000 and SCOPES[-1]["type"] == "lifespan"
        instance.stop()
        await INSTANCES.settle(10)

    SCOPES.clear()
    asyncio.run(story())


@pytest.mark.parametrize("found", [1, Application, lambda scope: None])
def test_what_is_no_application_is_told(found: Any) -> None:
    with pytest.raises(PluginError, match="'m:x' is no ASGI"):
        application_of(found, "m:x", "")


def test_fields_are_those_of_the_answer_alone() -> None:
    assert fields_of([(b"A", b"b"), (b"Content-Length", b"7"), (b"Transfer-Encoding", b"chunked")]) == (b"a: b\r\n", 7)
    for bad in ([(b"a", b"b\n")], [(b"a b", b"c")], [(b"content-length", b"x")]):
        with pytest.raises(ValueError):
            fields_of(bad)
