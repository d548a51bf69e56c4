"""What one hook does, the next ones, the choice of a service and the wire see: fields, paths, notes."""

from __future__ import annotations

from typing import Any

from fastgw.core.exchange.reply import Reply
from fastgw.routing import Split
from fastgw.routing.sticky import sticky_key
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, head_of, statuses


def test_notes_are_none_until_somebody_notes_something() -> None:
    seen: list[Any] = []
    edge = Edge(
        filters=[
            Spy("last", [], done=lambda exchange: seen.append(exchange.notes and dict(exchange.notes))),
            Spy("a", [], request=lambda exchange: exchange.note("n", 1) if exchange.request.path == b"/n" else None),
            Spy("b", [], request=lambda exchange: seen.append(exchange.notes and dict(exchange.notes))),
        ]
    )
    client, service = edge.pair()
    service.feed(OK)
    client.feed(GET.replace(b"GET /", b"GET /n"))
    service.feed(OK)
    client.feed(GET)  # another request, in the same exchange object
    service.feed(OK)
    assert seen == [None, None, {"n": 1}, {"n": 1}, None, None]
    edge.end()


def test_the_next_filter_sees_what_is_sent() -> None:
    seen: list[Any] = []

    def change(exchange: Any) -> None:
        exchange.request.set_header(b"x-a", b"new")
        exchange.request.add_header(b"x-a", b"more")
        exchange.request.remove_header(b"x-b")
        exchange.request.rewrite(b"/v2")

    def look(exchange: Any) -> None:
        request = exchange.request
        seen.append((request.header(b"x-a"), request.header(b"x-b"), request.path, request.original_path))

    edge = Edge(filters=[Spy("a", [], request=change), Spy("b", [], request=look)])
    _, service = edge.pair(b"GET /v1?q=1 HTTP/1.1\r\nHost: a\r\nX-A: old\r\nX-B: 1\r\n\r\n")
    assert seen == [(b"new, more", None, b"/v2", b"/v1")]
    sent = service.take()
    assert sent.startswith(b"GET /v2?q=1 HTTP/1.1\r\n")
    assert b"x-a: new\r\nx-a: more\r\n" in sent and b"old" not in sent and b"X-B" not in sent
    edge.end()


def test_the_key_of_a_split_is_what_a_filter_made_it() -> None:
    def tenant(exchange: Any) -> None:
        exchange.request.set_header(b"x-tenant", exchange.request.query[1:])

    edge = Edge(filters=[Spy("a", [], request=tenant)], endpoints=2)
    services = [usual.service(f"s{n}", (one,), edge.service.balancer) for n, one in enumerate(edge.endpoints)]
    split = Split([(one, 1) for one in services])
    route = usual.route("split", 2, split=split, sticky="header:x-tenant", chain=edge.route.chain)
    edge.install(edge.listen(route), *services)
    keys = [b"%d" % number for number in range(20)]
    expected = []
    for key in keys:
        edge.client(b"GET /?%b HTTP/1.1\r\nHost: a\r\nX-Tenant: forged\r\n\r\n" % key)
        expected.append(split.choose(split.sticky_fraction(sticky_key(lambda _, key=key: key, "header:x-tenant"))))  # type: ignore[misc]
    asked = [int(one.target["port"]) - 9000 for one in edge.attempts]
    assert sorted(asked) == sorted(services.index(one) for one in expected)
    assert set(asked) == {0, 1}
    edge.end()


def test_a_path_that_no_route_takes_is_told_by_what_was_asked_for() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: exchange.request.rewrite(b"/other"))], path="/known")
    client = edge.client(b"DELETE /known HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(client.take()) == [405]
    edge.end()


def test_fields_of_a_reply_are_changed_like_those_of_an_answer() -> None:
    reply = Reply(200, b"hi", "text/plain", (("cache-control", "max-age=1"), ("x-a", "1")))

    def change(exchange: Any) -> None:
        response = exchange.response
        assert response.header(b"content-type") == b"text/plain"
        response.set_header(b"content-type", b"text/html")
        response.set_header(b"cache-control", b"no-store")
        response.add_header(b"x-a", b"2")

    edge = Edge(filters=[Spy("a", [], response=change), Spy("b", [], request=lambda exchange: reply)])
    client = edge.client(GET)
    for _ in range(2):  # the reply itself is not changed
        answer = client.take()
        head = head_of(answer)
        assert head.count(b"content-type") == head.count(b"cache-control") == head.count(b"content-length") == 1
        assert b"content-type: text/html\r\n" in head and b"cache-control: no-store\r\n" in head
        assert b"x-a: 1\r\n" in head and b"x-a: 2\r\n" in head and b"content-length: 2\r\n" in head
        assert body_of(answer) == b"hi"
        client.feed(GET)
    edge.end()


def test_a_value_that_would_end_its_line_is_a_failure_of_the_filter() -> None:
    for hook in ("request", "response"):
        acts: dict[str, Any] = {
            hook: lambda exchange, hook=hook: getattr(exchange, hook).set_header(b"x-a", b"1\r\nx: y")
        }
        edge = Edge(filters=[Spy("bad", [], **acts)])
        client = edge.client(GET)
        if hook == "response":
            edge.connect().feed(OK)
        answer = client.take()
        assert statuses(answer) == [500] and b"x: y" not in answer
        assert edge.events("a filter failed")[0]["filter"] == "bad"
        edge.end()
