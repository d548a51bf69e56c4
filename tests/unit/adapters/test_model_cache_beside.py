"""A cache of models beside what else may answer, and beside filters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.beginnings import hold
from fastgw.core.exchange.times import Times
from fastgw.core.settings import DialectSettings, StreamSettings
from fastgw.filters.usage import Usage
from fastgw.testing.edge import body_of, head_of, statuses
from fastgw.transformers.dialects import Dialects
from tests.support.inference import OPTIONS
from tests.support.models import body_sent
from tests.unit.adapters.cached_models import TEXT, CachedModels, chat, says, streams

# --- what answers in the place of a service


def other_edge(**options: Any) -> CachedModels:
    return CachedModels({"big": "a", "small": [("b", 1, "tiny")]}, fallback={"big": ["small"]}, **options)


@pytest.mark.parametrize("is_status", [True, False])
def test_another_model_answers_each_who_waits_and_that_is_not_kept(is_status: bool) -> None:
    edge = other_edge()
    clients = [edge.client(chat(model="big")) for _ in range(2)]
    service = edge.connect(port=9000)
    if is_status:
        service.feed(says(b"{}", status="503 No"))
    else:
        service.lose()
    others = [edge.connect(port=9001) for _ in clients]
    for one, other in zip(clients, others, strict=True):
        assert b'"model":"tiny"' in body_sent(other.take()).replace(b" ", b"")
        other.feed(says(TEXT))
        got = one.take()
        assert body_of(got) == TEXT and b"x-fastgw-fallback: service\r\n" in head_of(got)
    assert len(edge.cache.memory.shelf) == 0
    assert [str(one["cache"]) for one in edge.noted.notes] == ["miss", "miss"]
    assert sum(edge.values[edge.by_name["a"].base + counters.SERVICE_FALLBACKS :][:8]) == 2
    edge.end()


def test_a_stream_waits_for_its_content_where_another_model_could_answer() -> None:
    edge = other_edge()
    client = edge.client(chat(model="big", stream=True))
    service = edge.connect(port=9000)
    service.feed(streams(b'data: {"error":{"message":"full","type":"service_unavailable"}}\n\n'))
    service.lose()
    other = edge.connect(port=9001)
    other.feed(streams())
    other.lose()
    assert client.take().count(b"[DONE]") == 1
    client = edge.client(chat(model="big", stream=True))
    edge.connect(port=9000).feed(streams())
    assert client.take().count(b"[DONE]") == 1
    assert edge.ask(chat(model="big", stream=True)).count(b"[DONE]") == 1
    edge.end()


def test_times_of_streams_are_those_of_the_service() -> None:
    edge = CachedModels()
    service = edge.by_name["b"]
    service.settings = service.settings._replace(streams=StreamSettings(2.0, 30.0, 15.0, True))
    service.times, service.minds = Times(service.settings), (hold,)
    client = edge.client(chat(stream=True))
    edge.connect(port=9001).feed(streams(b": wait\n\n")[:-5])
    edge.loop.advance(2.5)
    got = client.take()
    assert statuses(got) == [504] and b"first_token_timeout" in body_of(got)
    (front,) = edge.cache._fronts.values()
    assert front.settings.streams == StreamSettings(0.0, 30.0, 15.0, True)
    edge.end()


# --- beside filters


def test_tokens_of_an_answer_that_is_kept_are_those_of_who_has_asked_first() -> None:
    usage = Usage("usage", {**OPTIONS, "include_usage": True})
    edge = CachedModels(filters=[usage])
    clients = [edge.client(chat(stream=True)) for _ in range(2)]
    service = edge.connect(port=9001)
    assert b"include_usage" in service.take()
    service.feed(streams())
    service.lose()
    bodies = [one.take() for one in clients]
    bodies.append(edge.ask(chat(stream=True)))
    assert all(one.count(b"[DONE]") == 1 and b'"usage"' not in one for one in bodies)
    found = [one["usage"] for one in edge.noted.notes]
    assert sorted((one["total_tokens"], one.get("cached", False)) for one in found) == [
        (0, True),
        (0, True),
        (5, False),
    ]
    assert [one["model"] for one in found] == ["small"] * 3
    asked = edge.ask(chat(stream=True, stream_options={"include_usage": True}), streams())
    assert b'"usage"' in asked
    edge.end()


def test_a_service_of_another_dialect_is_asked_once_and_each_is_told_in_its_own() -> None:
    translating = Dialects({"b": DialectSettings("anthropic", 9, "max_tokens")})
    edge = CachedModels(filters=[translating])
    said = b'{"type":"message","id":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{}}'
    messages = [{"role": "user", "content": "a"}]
    clients = [edge.client(chat(messages=messages)) for _ in range(2)]
    service = edge.connect(port=9001)
    assert service.take().startswith(b"POST /v1/messages ")
    service.feed(says(said))
    got = [one.take() for one in clients] + [edge.ask(chat(messages=messages))]
    assert [json.loads(body_of(one))["choices"][0]["message"]["content"] for one in got] == ["hi"] * 3
    assert edge.outcomes == {"miss": 1, "waited": 1, "hit": 1}
    edge.end()


def test_another_model_of_another_dialect() -> None:
    translating = Dialects({"b": DialectSettings("anthropic", 9, "max_tokens")})
    edge = other_edge(filters=[translating])
    clients = [edge.client(chat(model="big", messages=[{"role": "user", "content": "a"}])) for _ in range(2)]
    edge.connect(port=9000).lose()
    said = b'{"type":"message","id":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{}}'
    services = [edge.connect(port=9001) for _ in clients]
    for one, service in zip(clients, services, strict=True):
        assert service.take().startswith(b"POST /v1/messages ")
        service.feed(says(said))
        assert json.loads(body_of(one.take()))["choices"][0]["message"]["content"] == "hi"
    edge.end()


def settled(edge: CachedModels) -> list[tuple[int, bool]]:
    return [(one["usage"]["total_tokens"], one["usage"].get("cached", False)) for one in edge.noted.notes]


@pytest.mark.parametrize("is_read", [True, False])
def test_whoever_leaves_somebody_pays_for_what_the_service_has_made(is_read: bool) -> None:
    usage = Usage("usage", {**OPTIONS, "include_usage": False})
    edge = CachedModels(filters=[usage])
    first, second, third = (edge.client(chat(stream=True)) for _ in range(3))
    service = edge.connect(port=9001)
    said = streams()
    cut = said.index(b"\n\n", said.index(b"hi")) + 2
    if not is_read:
        first.lose()
        edge.run()
    service.feed(said[:cut])
    first.lose()
    edge.run()
    service.feed(said[cut:])
    assert second.take().count(b"[DONE]") == third.take().count(b"[DONE]") == 1
    left, *others = settled(edge)
    assert left[0] > 0 and not left[1]  # by estimate, of the prompt and of what had come
    assert sorted(others) == [(0, True), (5, False)]
    edge.end()


def test_who_takes_most_of_it_and_leaves_pays_for_that() -> None:
    usage = Usage("usage", {**OPTIONS, "include_usage": False})
    edge = CachedModels(filters=[usage])
    first, second = (edge.client(chat(stream=True)) for _ in range(2))
    service = edge.connect(port=9001)
    service.feed(streams()[:-60])
    for one in (second, first):
        one.lose()
        edge.run()
    assert service.is_closing()
    assert all(tokens > 1 and not cached for tokens, cached in settled(edge))
    edge.end()


def test_a_client_that_takes_nothing_does_not_have_the_others_for_free() -> None:
    usage = Usage("usage", {**OPTIONS, "include_usage": False})
    edge = CachedModels(filters=[usage])
    first, second = (edge.client(chat(stream=True)) for _ in range(2))
    first.protocol.pause_writing()
    edge.connect(port=9001).feed(streams())
    assert second.take().count(b"[DONE]") == 1
    assert settled(edge) == [(5, False)]
    first.lose()
    edge.run()
    edge.end()
