"""What the cache of a route that leads to models keeps, and for whom."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import body_of, head_of, statuses
from tests.support.models import body_sent, post
from tests.unit.adapters.cached_models import EMBED, SAID, STREAM, TEXT, CachedModels, chat, embed, says, streams


def test_an_embedding_is_asked_for_once() -> None:
    edge = CachedModels()
    first = edge.ask(
        embed(), says(SAID, "x-ratelimit-remaining-requests: 9", "x-request-id: r-1", "Vary: Accept-Encoding")
    )
    assert b'"model": "org/x"' in body_sent(edge.sent) and b"accept-encoding: identity\r\n" in edge.sent.lower()
    assert (statuses(first), body_of(first)) == ([200], SAID)
    assert b"cache-status: fastgw; fwd=miss; fwd-status=200; stored\r\n" in head_of(first)
    edge.loop.advance(10.0)
    second = edge.ask(embed("a", "Accept-Encoding: gzip"))
    assert (statuses(second), body_of(second)) == ([200], SAID)
    head = head_of(second)
    assert b"cache-status: fastgw; hit; ttl=50\r\n" in head and b"age: 10\r\n" in head
    assert b"ratelimit" not in head and b"r-1" not in head and b"content-type: application/json\r\n" in head
    edge.loop.advance(51.0)
    edge.ask(embed(), says(SAID))
    assert edge.outcomes == {"hit": 1, "miss": 2}
    edge.end()


@pytest.mark.parametrize(
    "other",
    [
        embed("b"),
        embed("a", "Authorization: Bearer b"),
        embed("a", "x-api-key: b"),
        embed("a", "OpenAI-Organization: b"),
        embed("a", "anthropic-beta: b"),
        embed("a").replace(b"Host: a", b"Host: b"),
        embed("a").replace(EMBED.encode(), b"/v1/embeddings?b"),
        embed("a").replace(EMBED.encode(), b"/b/v1/embeddings"),
        embed("a").replace(b'"a"', b'"a" '),
        post(b'{"input":"a","model":"embed-x"}', EMBED),
        embed("a", model="embed-y"),
    ],
)
def test_another_request_is_another_entry(other: bytes) -> None:
    edge = CachedModels()
    if b"Content-Length: %d\r\n" % len(other.partition(b"\r\n\r\n")[2]) not in other:
        head, _, body = other.partition(b"\r\n\r\n")
        other = head.rpartition(b"Content-Length")[0] + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    edge.ask(embed("a", "Authorization: Bearer a"), says(SAID))
    assert body_of(edge.ask(other, says(b"{}"))) == b"{}"
    assert body_of(edge.ask(embed("a", "Authorization: Bearer a"))) == SAID
    edge.end()


class Keys:
    """Knows who asks by a field of its own, as ``api_key`` does by ``x-key``."""

    name = "keys"
    decides_by = ()

    def request(self, exchange: Any) -> None:
        exchange.note("api_key", (exchange.request.header(b"x-key") or b"").decode())


def test_no_key_is_given_what_another_has_asked_for() -> None:
    edge = CachedModels(filters=[Keys()])
    edge.ask(embed("a", "x-key: ann"), says(SAID))
    assert body_of(edge.ask(embed("a", "x-key: bob"), says(b"{}"))) == b"{}"
    assert [body_of(edge.ask(embed("a", f"x-key: {one}"))) for one in ("ann", "bob")] == [SAID, b"{}"]
    waiting = [edge.client(embed("b", f"x-key: {one}")) for one in ("ann", "bob")]
    services = [edge.connect(port=9001) for _ in waiting]
    for place, service in enumerate(services):
        service.feed(says(b'{"data":%d}' % place))
    assert [body_of(one.take()) for one in waiting] == [b'{"data":0}', b'{"data":1}']
    edge.end()


def test_what_is_shared_is_given_to_all() -> None:
    edge = CachedModels(cache={"shared": True}, filters=[Keys()])
    edge.ask(embed("a", "x-key: ann", "Authorization: Bearer a"), says(SAID))
    assert body_of(edge.ask(embed("a", "x-key: bob", "Authorization: Bearer b"))) == SAID
    edge.end()


def test_two_names_of_one_model_have_one_entry() -> None:
    edge = CachedModels({"a": "b", "b": "b", "c": [("b", 1, "b")]})
    edge.ask(embed(model="b"), says(SAID))
    assert body_of(edge.ask(embed(model="c"))) == SAID
    assert body_of(edge.ask(embed(model="a"), says(b"{}"))) == b"{}"
    edge.end()


def test_a_chat_without_chance_is_kept_and_another_passes_by() -> None:
    edge = CachedModels()
    edge.ask(chat(), says(TEXT))
    assert body_of(edge.ask(chat())) == TEXT
    for other in ({"temperature": 0.7}, {"temperature": None}, {"n": 2}, {"store": True}):
        got = edge.ask(chat(**other), says(b"{}"))
        assert body_of(got) == b"{}" and b"cache-status" not in head_of(got)
    assert edge.outcomes == {"hit": 1, "miss": 1, "bypass": 4}
    edge.end()


def test_any_temperature_where_that_is_said() -> None:
    edge = CachedModels(cache={"temperature": "any"})
    edge.ask(chat(temperature=1), says(TEXT))
    assert body_of(edge.ask(chat(temperature=1))) == TEXT
    edge.end()


def test_what_passes_by() -> None:
    edge = CachedModels(has_rest=True)
    for request in (
        embed("a", "Cache-Control: no-store"),
        embed("a" * 500),
        embed("a", "Range: bytes=0-1"),
        post(b'{"model":"small","prompt":"x"}', "/v1/images/generations"),
        post(b'{"model":"small","temperature":0}', "/v1/responses"),
    ):
        assert body_of(edge.ask(request, says(SAID))) == SAID
    assert edge.outcomes == {"bypass": 5}
    edge.ask(post(b"{}", "/v1/files"), says(b"{}"), port=9002)  # which asks for no model
    assert edge.outcomes == {"bypass": 5}
    edge.end()


def test_who_wants_no_kept_answer_leaves_one() -> None:
    edge = CachedModels()
    edge.ask(embed(), says(SAID))
    got = edge.ask(embed("a", "Cache-Control: no-cache"), says(b'{"data":[]}'))
    assert b"cache-status: fastgw; fwd=request; fwd-status=200; stored\r\n" in head_of(got)
    assert body_of(edge.ask(embed())) == b'{"data":[]}'
    edge.end()


def test_a_body_in_chunks_is_the_same_request() -> None:
    edge = CachedModels()
    edge.ask(embed(), says(SAID))
    head, _, body = embed().partition(b"\r\n\r\n")
    head = head.rpartition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    client = edge.client(head + b"%x\r\n%b\r\n" % (len(body), body))
    client.feed(b"0\r\n\r\n")
    assert body_of(client.take()) == SAID and not edge.attempts
    edge.end()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (embed(), says(SAID, kind="text/html")),
        (embed(), says(SAID, kind="text/event-stream")),
        (embed(), says(SAID, "Cache-Control: no-store")),
        (embed(), says(SAID, "Cache-Control: private")),
        (embed(), says(SAID, "Content-Encoding: gzip")),
        (embed(), says(SAID, "Vary: *")),
        (embed(), says(b'{"error":{"message":"no"}}')),
        (embed(), says(SAID[:-1])),
        (embed(), says(SAID, status="201 Created")),
        (embed(), says(SAID, status="400 Bad Request")),
        (embed(), says(b'{"x":"%b"}' % (b"x" * 2000))),
        (embed(), b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n" + SAID),
        (chat(), says(b'{"choices":[{"finish_reason":"content_filter"}]}')),
        (chat(stream=True), says(TEXT)),
        (chat(stream=True), streams(STREAM[:-14])),
        (chat(stream=True), streams(b'data: {"error":{"message":"no"}}\n\n' + STREAM)),
    ],
)
def test_what_is_not_kept(request_: bytes, said: bytes) -> None:
    edge = CachedModels()
    edge.ask(request_, said)
    assert edge.of_route(counters.ROUTE_CACHE_STORED) == 0 and len(edge.cache.memory.shelf) == 0
    edge.ask(request_, said)
    edge.end()


def test_what_a_service_says_of_time_does_not_matter() -> None:
    edge = CachedModels()
    edge.ask(
        chat(stream=True), streams(STREAM, "Cache-Control: no-cache, must-revalidate", "Set-Cookie: a=b", "Age: 100")
    )
    got = edge.ask(chat(stream=True))
    assert body_of(got) == STREAM and b"set-cookie" not in head_of(got).lower() and b"age: 0\r\n" in head_of(got)
    edge.end()


def test_a_stream_is_kept_whole_and_comes_at_once() -> None:
    edge = CachedModels()
    first = edge.ask(chat(stream=True), streams())
    assert STREAM in first or body_of(first)
    second = edge.ask(chat(stream=True))
    assert body_of(second) == STREAM and b"text/event-stream" in head_of(second)
    assert body_of(edge.ask(chat(), says(TEXT))) == TEXT  # another entry
    assert edge.outcomes == {"hit": 1, "miss": 2}
    edge.end()


# --- one asks for all


def test_equal_requests_in_flight_are_one_at_the_service() -> None:
    edge = CachedModels()
    clients = [edge.client(chat(stream=True)) for _ in range(3)]
    service = edge.connect(port=9001)
    assert not edge.attempts
    said = streams()
    service.feed(said[:120])
    service.feed(said[120:])
    got = [one.take() for one in clients]
    assert got[0].count(b"[DONE]") == 1 and got[1].partition(b"\r\n\r\n")[2] == got[0].partition(b"\r\n\r\n")[2]
    assert edge.outcomes == {"miss": 1, "waited": 2}
    edge.end()


def test_whoever_leaves_the_others_get_it_whole() -> None:
    edge = CachedModels()
    first, second, third = (edge.client(embed()) for _ in range(3))
    service = edge.connect(port=9001)
    first.lose()
    edge.run()
    service.feed(says(SAID)[:80])
    second.lose()
    edge.run()
    service.feed(says(SAID)[80:])
    assert body_of(third.take()) == SAID
    assert body_of(edge.ask(embed())) == SAID
    edge.end()


def test_without_anybody_the_service_is_let_go() -> None:
    edge = CachedModels()
    clients = [edge.client(embed()) for _ in range(2)]
    service = edge.connect(port=9001)
    for one in clients:
        one.lose()
    edge.run()
    assert service.is_closing()
    edge.end()


def test_an_error_of_the_service_is_that_of_all_who_wait() -> None:
    edge = CachedModels()
    clients = [edge.client(embed()) for _ in range(3)]
    edge.connect(port=9001).feed(says(b'{"error":{}}', status="503 No"))
    assert [statuses(one.take()) for one in clients] == [[503]] * 3
    assert not edge.attempts
    edge.end()


def test_a_refusal_is_its_own_and_the_others_ask_themselves() -> None:
    edge = CachedModels()
    clients = [edge.client(embed()) for _ in range(3)]
    edge.connect(port=9001).feed(says(b"{}", "Connection: close", status="429 No"))
    assert statuses(clients[0].take()) == [429]
    for service in [edge.connect(port=9001) for _ in clients[1:]]:
        service.feed(says(SAID))
    assert [body_of(one.take()) for one in clients[1:]] == [SAID] * 2
    assert edge.outcomes == {"miss": 3, "waited": 2}  # who has waited in vain is a miss then
    edge.end()
