"""Functions that answer requests, seen from their clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.adapters.handlers import Routes, table_of
from fastgw.app import Request, Response
from fastgw.core import counters
from fastgw.errors import DownstreamError
from fastgw.plugins import PluginError
from fastgw.testing.edge import Spy, body_of, head_of, statuses
from fastgw.testing.service import ServiceEdge, request

LOOPS: list[Any] = []  #: the last one is that of the test
GATES: list[asyncio.Future[Any]] = []

APP = Routes()


@APP.route("/json")
def as_json(request: Request) -> Any:
    return {"a": [1]}


@APP.route("/text")
def as_text(request: Request) -> Any:
    return "ü"


@APP.route("/none", methods=["PUT"])
def nothing(request: Request) -> None:
    return None


@APP.route("/made/*", methods=())
def made(request: Request) -> Any:
    return Response({"a": 1}, 418, {"X-A": "b"}, "application/vnd.a+json")


@APP.route("/seen/{what}/{more}", methods=["POST"])
def seen(request: Request) -> Any:
    return {
        "body": request.body.decode(),
        "client": request.client,
        "fields": [request.header("X-A"), request.header("x-b"), request.header("x-none", "-")],
        "method": request.method,
        "params": dict(request.params),
        "path": request.path,
        "args": request.args,
        "query": request.query,
        "scheme": request.scheme,
    }


@APP.route("/parsed", methods=["POST"])
def parsed(request: Request) -> Any:
    return request.json()


@APP.route("/raises")
def raises(request: Request) -> Any:
    raise KeyError("a secret")


@APP.route("/refuses")
def refuses(request: Request) -> Any:
    raise DownstreamError(422, "json_unfit", "not this")


@APP.route("/unfit")
def unfit(request: Request) -> Any:
    return object()


@APP.route("/waits")
async def waits(request: Request) -> Any:
    gate = LOOPS[-1].create_future()
    GATES.append(gate)
    return await gate


def app(**changes: Any) -> ServiceEdge:
    GATES.clear()
    called = ServiceEdge(APP, **changes)
    LOOPS[:] = [called.loop]
    return called


@pytest.mark.parametrize(
    ("what", "status", "kind", "body"),
    [
        (("/json",), 200, b"application/json", b'{"a":[1]}'),
        (("/text",), 200, b"text/plain; charset=utf-8", "ü".encode()),
        (("/made/x/y", "PUT"), 418, b"application/vnd.a+json", b'{"a":1}'),
        (("/none", "PUT"), 204, b"", b""),
        (("/json", "HEAD"), 200, b"application/json", b""),
    ],
)
def test_what_a_function_returns_is_the_answer(what: tuple[str, ...], status: int, kind: bytes, body: bytes) -> None:
    called = app()
    answer = called.ask(*what)
    assert statuses(answer) == [status] and body_of(answer) == body
    assert (b"content-type: " + kind + b"\r\n" in head_of(answer)) == bool(kind)
    assert called.of_endpoint(counters.ENDPOINT_REQUESTS) == 1
    assert called.loop.tasks_made == 0
    called.end()


def test_bytes_are_sent_as_they_are() -> None:
    assert Response(b"\0").fields == b"content-type: application/octet-stream\r\n"
    assert Response(b"").fields == b"" and Response("a", headers=[("x-a", "b"), ("x-a", "c")]).fields.endswith(
        b"x-a: b\r\nx-a: c\r\n"
    )


@pytest.mark.parametrize(
    "how",
    [
        {"status": 101},
        {"status": 600},
        {"headers": {"x-a": "b\r\nc: d"}},
        {"headers": {"content-length": "1"}},
        {"headers": {"a b": "c"}},
        {"content_type": "a\nb"},
    ],
)
def test_no_head_is_made_that_would_be_read_in_another_way(how: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Response("x", **how)


def test_a_function_is_told_of_the_request() -> None:
    called = app()
    answer = called.ask("/seen/a%20b/c?x=1&x=2&y", "POST", "X-A: 1", "x-a: 2", body=b"abc")
    assert body_of(answer) == (
        b'{"body":"abc","client":"127.0.0.1","fields":["1, 2",null,"-"],"method":"POST","params":{"what":"a b","more":"c"},'
        b'"path":"/seen/a%20b/c","args":{"x":["1","2"],"y":[""]},"query":"x=1&x=2&y","scheme":"http"}'
    )
    called.end()


def test_a_body_that_comes_in_pieces_is_whole_when_the_function_is_called() -> None:
    called = app()
    client = called.client()
    first, last = request("/parsed", "POST", body=b'{"a":1}')[:-3], b":1}"
    client.feed(first)
    called.run()
    assert not client.take()
    client.feed(last)
    assert body_of(called.taken(client)) == b'{"a":1}'
    called.end()


def test_a_function_answers_in_the_turn_of_its_request() -> None:
    called = app()
    client = called.client()
    client.feed(request("/json"))
    assert body_of(client.take()) == b'{"a":[1]}'
    called.end()


def test_a_function_sees_what_filters_have_made_of_the_request() -> None:
    def change(exchange: Any) -> None:
        exchange.request.set_header(b"x-a", b"by a filter")
        exchange.request.remove_header(b"x-b")

    called = app(filters=[Spy("a", [], request=change)])
    assert b'["by a filter",null,"-"]' in called.ask("/seen/a/b", "POST", "X-A: 1", "X-B: 2", body=b"a")
    called.end()


@pytest.mark.parametrize(
    ("what", "status"),
    [("/parsed", 400), ("/raises", 500), ("/refuses", 422), ("/unfit", 500), ("/no", 404), ("/text/", 404)],
)
def test_what_goes_wrong_is_a_problem(what: str, status: int) -> None:
    called = app()
    answer = called.ask(what, *(("POST",) if status == 400 else ()), body=b"{" if status == 400 else b"")
    assert statuses(answer) == [status] and b"application/problem+json" in answer and b"secret" not in answer
    assert len(called.events("a service failed")) == (status == 500)
    called.end()


def test_another_method_is_told_which_there_are() -> None:
    called = app()
    answer = called.ask("/json", "PUT")
    assert statuses(answer) == [405] and b"\r\nallow: GET, HEAD\r\n" in answer
    called.end()


def test_a_body_is_bounded() -> None:
    called = app(max_input=3)
    assert statuses(called.ask("/parsed", "POST", body=b"1234")) == [413]
    assert body_of(called.ask("/parsed", "POST", "Content-Type: text/plain", body=b"123")) == b"123"
    called.end()


def test_one_that_waits_has_a_place_and_ends_with_its_client() -> None:
    called = app(workers=1, queue=0)
    client = called.client()
    client.feed(request("/waits"))
    called.run()
    assert (
        called.pool.running == 1 and statuses(called.ask("/waits")) == [503] and statuses(called.ask("/json")) == [503]
    )
    GATES[0].set_result({"done": 1})
    called.run()
    assert body_of(client.take()) == b'{"done":1}'
    client.feed(request("/waits"))
    called.run()
    client.lose()
    called.run()
    assert GATES[1].cancelled() and called.pool.running == 0
    client = called.client()
    client.feed(request("/waits"))
    called.run()
    GATES[2].set_exception(KeyError("a secret"))
    called.run()
    assert statuses(client.take()) == [500]
    called.end()


def test_a_request_may_be_kept() -> None:
    kept: list[Request] = []
    keeping = Routes()
    keeping.route("/*")(kept.append)
    table_of(keeping, "m:app")
    called = app()
    called.instance.object = table_of(keeping, "m:app")
    called.ask("/first", "GET", "X-A: 1")
    called.ask("/second", "GET", "X-A: 2")
    assert [(one.path, one.header("x-a")) for one in kept] == [("/first", "1"), ("/second", "2")]
    called.end()


def test_what_is_no_application_is_told() -> None:
    with pytest.raises(PluginError, match=r"is no fastgw\.App"):
        table_of(Routes, "m:app")
    twice = Routes()
    for _ in range(2):
        twice.route("/a")(as_text)
    with pytest.raises(PluginError, match="its paths: "):
        table_of(twice, "m:app")
