"""``ext_authz``: what is asked, who passes with what, what the client gets, and what is when there is no answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.calls import Answered, CallError
from fastgw.core.labels import AUTHORIZATIONS
from fastgw.core.settings import FilterSettings, Url
from fastgw.core.snapshot.chain import FailureMode
from fastgw.filters.ext_authz import ExtAuthz
from fastgw.testing.edge import OK, Edge, Spy, body_of, head_of, statuses

OPTIONS = {
    "url": Url(True, "authz.test", 443, "/check"),
    "method": "GET",
    "send": ("authorization", "cookie"),
    "take": (),
    "tell": ("www-authenticate", "location", "set-cookie"),
    "timeout": 2.0,
    "connections": 4,
    "max_answer": 65536,
}
ASK = (
    b"POST /a/%7Eb?c=d HTTP/1.1\r\nHost: A.test:80\r\nAuthorization: Bearer x\r\nX-Other: y\r\n"
    b"X-Forwarded-Uri: /forged\r\nX-User: root\r\nx_user: root\r\nContent-Length: 0\r\n\r\n"
)


class Story:
    """An edge with the filter; the test is who decides."""

    def __init__(self, **options: Any) -> None:
        self.asked: list[tuple[Any, asyncio.Future[Answered]]] = []
        self.notes: list[Any] = []
        self.errors: list[Any] = []
        filter_ = ExtAuthz("authz", {**OPTIONS, **options}, self._call)

        def done(exchange: Any) -> None:
            self.notes.append(dict(exchange.notes or {}).get("ext_authz"))
            self.errors.append(exchange.error)

        self.edge = Edge(filters=[Spy("front", [], done=done), filter_])

    def _call(self, *question: Any) -> asyncio.Future[Answered]:
        future = self.edge.loop.create_future()
        self.asked.append((question, future))
        return future

    def ask(self, answer: Any, request: bytes = ASK) -> tuple[bytes, bytes]:
        """What the service got, if it was asked, and the client's answer."""
        client = self.edge.client(request)
        self.question, future = self.asked.pop(0)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        self.edge.run()
        found = client.take()
        if found:
            return b"", found
        service = self.edge.connect()
        got = service.take()
        service.feed(OK)
        return got, client.take()

    def counts(self) -> list[int]:
        return [self.edge.of_route(counters.ROUTE_AUTHORIZATIONS + place) for place in range(len(AUTHORIZATIONS))]


def answered(status: int, *fields: tuple[bytes, bytes], body: bytes = b"") -> Answered:
    return Answered(status, fields, body)


def test_the_head_of_the_request_is_what_is_asked_with() -> None:
    story = Story(send=("authorization", "x-none"))
    got, answer = story.ask(answered(200))
    method, fields = story.question
    assert method == b"GET"
    assert dict(fields) == {
        b"x-forwarded-method": b"POST",
        b"x-forwarded-proto": b"http",
        b"x-forwarded-host": b"A.test:80",
        b"x-forwarded-uri": b"/a/~b?c=d",
        b"x-forwarded-for": b"127.0.0.1",
        b"authorization": b"Bearer x",
    }
    assert len(fields) == len(dict(fields))
    assert statuses(answer) == [200] and b"Bearer x" in got
    (note,) = story.notes
    assert (note["outcome"], note["status"]) == ("allowed", 200) and note["ms"] >= 0
    assert story.counts() == [1, 0, 0]
    story.edge.end()


def test_what_the_answer_tells_is_all_that_is_told() -> None:
    story = Story(take=("x-user", "x-tenant", "authorization"))
    got, _ = story.ask(answered(204, (b"x-user", b"ann"), (b"x-secret", b"no"), (b"authorization", b"Basic y")))
    assert got.count(b"ann") == 1 and b"root" not in got and b"no" not in got.replace(b"authorization", b"")
    assert dict(story.question[1])[b"authorization"] == b"Bearer x"  # as the client said it
    assert b"authorization: Basic y" in got and b"Bearer" not in got


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 451])
def test_a_refusal_is_the_answer_of_the_client(status: int) -> None:
    story = Story()
    fields = (
        (b"location", b"https://login.test/"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-secret", b"s"),
    )
    got, answer = story.ask(answered(status, *fields, (b"content-type", b"text/html"), body=b"<p>no"))
    assert not got and statuses(answer) == [status] and body_of(answer) == b"<p>no"
    head = head_of(answer)
    assert b"\r\nlocation: https://login.test/\r\n" in head and head.count(b"\r\nset-cookie: ") == 2
    assert b"\r\ncontent-type: text/html\r\n" in head and b"x-secret" not in head
    assert story.counts() == [0, 1, 0] and story.notes[0]["outcome"] == "refused" and story.errors == [None]
    story.edge.end()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (CallError("refused", "https://authz.test/check refused the connection"), "refused: https://authz.test/check"),
        (answered(500), "status: https://authz.test/check answered 500, which is no decision"),
        (answered(503), "answered 503"),
        (answered(304), "answered 304"),
        (answered(199), "answered 199"),
        (answered(999), "answered 999"),
    ],
)
def test_without_a_decision_nobody_passes(answer: Any, told: str) -> None:
    story = Story()
    got, found = story.ask(answer)
    assert not got and statuses(found) == [503]
    assert json.loads(body_of(found))["type"] == "urn:fastgw:error:authorization_unavailable"
    assert told in story.errors[0].reason and b"authz.test" not in found
    assert story.counts() == [0, 0, 1] and story.notes[0]["outcome"] == "unavailable"
    story.edge.end()


def test_what_an_answer_cannot_tell_the_client_is_told_nobody() -> None:
    """A value that no field has cannot come out of the parser; if it did, it is a failure and not a second header."""
    story = Story()
    _, found = story.ask(answered(403, (b"location", b"a\r\nset-cookie: b")))
    assert statuses(found) == [500] and b"set-cookie" not in found


def test_the_id_of_the_request_goes_along() -> None:
    story = Story()

    def name(exchange: Any) -> None:
        exchange.request.request_id = b"r-1"

    story.edge = Edge(filters=[Spy("id", [], request=name), ExtAuthz("authz", OPTIONS, story._call)])
    story.ask(answered(200))
    assert dict(story.question[1])[b"x-request-id"] == b"r-1"


def test_an_open_filter_lets_pass_and_tells_nothing() -> None:
    story = Story(take=("x-user",))
    modes = {"authz": FailureMode(FilterSettings("open", 3.0), 1)}
    options = {**OPTIONS, "take": ("x-user",)}
    story.edge = Edge(filters=[ExtAuthz("authz", options, story._call)], modes=modes)
    got, answer = story.ask(answered(500))
    assert statuses(answer) == [200] and b"root" not in got
    assert story.counts() == [0, 0, 1] and story.edge.failures_of("authz") == [0, 1, 0]
