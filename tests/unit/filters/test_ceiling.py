"""A ceiling inside a stream: where its limit has no more, it ends well for its client, and its service is aborted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import limit_counters as rows
from fastgw.filters.ceiling import SLICE
from fastgw.testing.edge import Spy, statuses
from fastgw.wire import sse
from tests.support.bodies import plain
from tests.support.inference import asks, chunk, delta, event, stream_head, usage_chunk
from tests.unit.filters.test_token_limit import (  # noqa: F401 - fixtures
    PRICES,
    Limited,
    Made,
    arrive,
    clock,
    fd,
    limited,
    prompt,
    said,
    seat,
)

LEARNED: dict[str, Any] = {"reserve": "learned", "default_max_tokens": 5, "ceiling": True}


def events(it: Limited, client: Any) -> list[Any]:
    """What the client got, but for the head."""
    found = plain(client.take())
    return [one.data if one.data == b"[DONE]" else json.loads(one.data) for one in sse.events(found)]


def stream(it: Limited, body: bytes, path: bytes = b"/v1/chat/completions", kind: bytes = b"text/event-stream") -> Any:
    client = it.edge.client(asks(body, path))
    service = it.edge.connect()
    service.feed(stream_head(kind))
    return client, service


def words(count: int) -> bytes:
    return b"".join(chunk(event(delta("w", object="chat.completion.chunk"))) for _ in range(count))


def test_a_stream_ends_where_there_is_no_more(limited: Made) -> None:  # noqa: F811
    it = limited(said(26 + 10), **LEARNED)
    client, service = stream(it, prompt(stream=True))
    service.feed(words(5))
    service.feed(words(3))
    it.edge.run()
    found = events(it, client)
    assert [one["choices"][0].get("finish_reason") for one in found[:-1]] == [None] * 5 + ["length"]
    assert found[-2]["id"] == "c" and found[-2]["model"] == "gpt-x" and found[-1] == b"[DONE]"
    assert service.is_closing()
    assert it.count(rows.CUT) == 1
    assert it.count(rows.CHARGED) == 25 + 8  # what came of the service, which has made it
    it.edge.end()


@pytest.mark.parametrize("is_of_client", [True, False])
def test_no_field_of_a_message_exempts_from_it(limited: Made, is_of_client: bool) -> None:  # noqa: F811
    it = limited(said(26 + 5), **LEARNED)
    field = b"Cache-Control: no-transform"
    client = it.edge.client(asks(prompt(stream=True), b"/v1/chat/completions", *[field] * is_of_client))
    service = it.edge.connect()
    service.feed(
        stream_head().replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n") if not is_of_client else stream_head()
    )
    service.feed(words(9))
    it.edge.run()
    assert len(events(it, client)) == 5 + 2 and service.is_closing()
    it.edge.end()


def test_the_connection_of_its_client_goes_on(limited: Made) -> None:  # noqa: F811
    it = limited(said(1000), said(5, unit="completion_tokens", seconds=1), **LEARNED)
    client, service = stream(it, prompt(stream=True))
    service.feed(words(6) + words(90))
    service.feed(words(5))  # which nobody wants
    it.edge.run()
    assert client.take().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    client.feed(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    it.edge.connect().feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert statuses(client.take()) == [204]
    it.edge.end()


def test_what_is_there_is_had_in_slices(limited: Made) -> None:  # noqa: F811
    it = limited(said(60, burst=26 + 5 + 2 * SLICE), said(9000, unit="cost"), prices=PRICES, **LEARNED)
    client, service = stream(it, prompt(stream=True))
    service.feed(words(5 + SLICE + 1))
    assert it.count(rows.RESERVED) == 26 + 5 + 2 * SLICE
    assert it.count(rows.RESERVED, 2) == 26 + (5 + 2 * SLICE) * 10
    service.feed(words(SLICE - 1) + words(1))
    it.edge.run()
    found = events(it, client)
    assert len(found) == 5 + 2 * SLICE + 2 and found[-1] == b"[DONE]"
    it.edge.end()


def test_another_limit_may_have_no_more(limited: Made) -> None:  # noqa: F811
    it = limited(said(5000), said(26 + 50, unit="cost"), prices=PRICES, **LEARNED)
    client, service = stream(it, prompt(stream=True))
    service.feed(words(9))
    it.edge.run()
    assert len(events(it, client)) == 5 + 2
    assert (it.count(rows.CUT, 1), it.count(rows.CUT, 2), it.count(rows.RESERVED, 1)) == (0, 1, 31)
    it.edge.end()


@pytest.mark.parametrize("options", [{"ceiling": False}, {"ceiling": True, "dry_run": True}])
def test_it_is_there_only_where_it_is_asked_for(limited: Made, options: dict[str, Any]) -> None:  # noqa: F811
    it = limited(said(31), **{**LEARNED, **options})
    client, service = stream(it, prompt(stream=True))
    service.feed(words(50) + chunk(event(usage_chunk(26, 50))) + chunk(b""))
    assert len(events(it, client)) == 51
    it.edge.end()


def test_usage_is_told_where_the_client_asks_for_it(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    body = json.dumps({"model": "m", "stream": True, "n": 2, "stream_options": {"include_usage": True}}).encode()
    client, service = stream(it, body + b" " * (100 - len(body)))
    service.feed(words(20))
    it.edge.run()
    *_, first, second, usage, _ = events(it, client)
    assert [first["choices"][0]["index"], second["choices"][0]["index"]] == [0, 1]
    assert usage["usage"] == {"prompt_tokens": 26, "completion_tokens": 5, "total_tokens": 31}
    it.edge.end()


def test_choices_that_nobody_can_have_do_not_end_each(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(stream=True, n=10**15))
    service.feed(words(40))
    it.edge.run()
    assert len(events(it, client)) == 5 + 128 + 1
    it.edge.end()


def test_a_message_of_anthropic(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(stream=True), b"/v1/messages")
    start = {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 20, "output_tokens": 1}}}
    service.feed(chunk(event(start, b"message_start")))
    for index in range(2):
        begin = {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
        service.feed(chunk(event(begin, b"content_block_start")))
        text = {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": "w"}}
        for _ in range(4):
            service.feed(chunk(event(text, b"content_block_delta")))
        if not index:
            service.feed(chunk(event({"type": "content_block_stop", "index": 0}, b"content_block_stop")))
    it.edge.run()
    found = events(it, client)
    kinds = [one["type"] for one in found]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert [one["index"] for one in found if one["type"] in ("content_block_start", "content_block_stop")][-1] == (
        max(one["index"] for one in found if one["type"] == "content_block_start")
    )
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")
    it.edge.end()


def test_lines_of_ollama(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(), b"/api/chat", b"application/x-ndjson")
    line = json.dumps({"model": "m", "message": {"role": "assistant", "content": "w"}, "done": False}).encode() + b"\n"
    service.feed(chunk(line * 3 + line[:10]) + chunk(line[10:] + line * 9))
    it.edge.run()
    found = [json.loads(one) for one in plain(client.take()).splitlines()]
    assert [one["done"] for one in found] == [False] * 5 + [True]
    assert found[-1]["done_reason"] == "length" and found[-1]["eval_count"] == 5
    it.edge.end()


def test_a_response_goes_on_with_its_numbers(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(stream=True), b"/v1/responses")
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "status": "in_progress"}}
    service.feed(chunk(event(created, b"response.created")))
    for number in range(1, 9):
        text = {"type": "response.output_text.delta", "sequence_number": number, "delta": "w"}
        service.feed(chunk(event(text, b"response.output_text.delta")))
    it.edge.run()
    found = events(it, client)
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    assert found[-1]["type"] == "response.incomplete" and found[-1]["response"]["id"] == "r"
    it.edge.end()


def test_events_in_pieces_are_cut_between_two(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(stream=True))
    data = b"".join(event(delta("w")) for _ in range(12))
    for place in range(0, len(data), 7):
        service.feed(chunk(data[place : place + 7]))
        it.edge.run()
        if service.is_closing():
            break
    found = events(it, client)
    assert len(found) == 5 + 2 and found[-1] == b"[DONE]"
    it.edge.end()


def test_one_that_ends_in_time_is_as_it_came(limited: Made) -> None:  # noqa: F811
    it = limited(said(31), **LEARNED)
    client, service = stream(it, prompt(stream=True))
    end = b"".join(chunk(event(one)) for one in (delta("w"), usage_chunk(20, 1))) + chunk(b"data: [DONE]") + chunk(b"")
    service.feed(end)
    assert plain(client.take()) == b"".join(map(event, (delta("w"), usage_chunk(20, 1)))) + b"data: [DONE]"
    assert (it.count(rows.CUT), it.count(rows.CHARGED)) == (0, 21)
    it.edge.end()


def test_its_client_may_leave_in_the_same_turn(limited: Made) -> None:  # noqa: F811
    gone: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: gone.append(exchange.error))
    it = limited(said(31), front=[spy], **LEARNED)
    client, service = stream(it, prompt(stream=True))
    service.feed(words(9))
    client.close()
    it.edge.run()
    assert len(gone) == 1
    it.edge.end()
