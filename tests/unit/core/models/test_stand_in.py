"""A model that answers in the place of another."""

from __future__ import annotations

from typing import Any

from fastgw.testing.edge import body_of, statuses
from tests.support.bodies import reading
from tests.support.models import OK, ModelEdge, body_sent, post

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
CHAT = b'{"model":"%b","stream":true}'
MODELS: dict[str, Any] = {"gpt-oss": [("a", 1, "openai/gpt")], "small": "b"}


def edge_of(**options: Any) -> ModelEdge:
    return ModelEdge(MODELS, fallback={"gpt-oss": ["small"]}, **options)


def test_another_model_is_asked_by_its_own_name_where_nobody_is_reached() -> None:
    edge = edge_of()
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.refuse()
    service = edge.connect(port=9001)
    assert body_sent(service.take()) == CHAT % b"small"
    service.feed(OK)
    answer = client.take()
    assert statuses(answer) == [200] and b"x-fastgw-fallback: service\r\n" in answer
    assert edge.noted.notes[0]["fallback_from"] == "a: connect_refused"
    edge.end()


def test_and_where_an_answer_counts_as_none() -> None:
    edge = edge_of()
    client = edge.client(post(CHAT % b"gpt-oss"))
    service = edge.connect(port=9000)
    assert body_sent(service.take()) == CHAT % b"openai/gpt"
    service.feed(BUSY)
    other = edge.connect(port=9001)
    assert body_sent(other.take()) == CHAT % b"small"
    other.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.plane.body_bytes == 0
    edge.end()


def test_the_last_one_says_what_it_says() -> None:
    edge = edge_of()
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.connect(port=9000).feed(BUSY)
    edge.connect(port=9001).feed(BUSY)
    answer = client.take()
    assert (statuses(answer), body_of(answer)) == ([503], b"busy")
    edge.end()


def test_who_asks_for_the_other_is_not_sent_on() -> None:
    edge = edge_of()
    client = edge.client(post(CHAT % b"small"))
    edge.connect(port=9001).feed(BUSY)
    assert statuses(client.take()) == [503] and not edge.attempts
    edge.end()


def test_a_body_that_was_too_large_to_be_kept_is_not_sent_again() -> None:
    edge = edge_of()
    client = edge.client(post(b'{"x":"%b","model":"gpt-oss"}' % (b"x" * 70_000)))
    edge.run()
    service = edge.connect(port=9000)
    service.feed(BUSY)
    assert statuses(client.take()) == [503] and not edge.attempts
    edge.end()


def test_filters_that_read_bodies_do_not_keep_it_from_happening() -> None:
    edge = edge_of(filters=[reading("read_request")])
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.refuse()
    service = edge.connect(port=9001)
    assert body_sent(service.take()).startswith(b'{"model":"small"')
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_where_the_time_is_over_nobody_else_is_asked() -> None:
    edge = edge_of(route={"timeout": 1.0})
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.connect(port=9000)
    edge.loop.advance(2.0)
    assert statuses(client.take()) == [504] and not edge.attempts
    edge.end()


def test_a_name_that_the_other_has_too_is_not_written_again() -> None:
    data = b'{"model":"sm\\u0061ll"}'
    edge = ModelEdge({"small": "a", "other": [("b", 1, "small")]}, fallback={"small": ["other"]})
    client = edge.client(post(data))
    edge.refuse()
    service = edge.connect(port=9001)
    assert body_sent(service.take()) == data
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()
