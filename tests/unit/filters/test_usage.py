"""``usage``: each request is settled once, by what its service has told, or by estimate, whatever the end was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.usage import Usage
from fastgw.testing.edge import Edge, Spy, body_of, statuses
from tests.support.bodies import plain
from tests.support.inference import (
    OPTIONS,
    PROMPT,
    TOLD,
    Metered,
    answer,
    asks,
    chunk,
    delta,
    event,
    stream_head,
    usage_chunk,
)

PRICES = (("gpt-x", (("input", 2.0), ("output", 8.0), ("cached", 1.0))),)
KEYS = ("prompt_tokens", "completion_tokens", "estimated")


def numbers(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line[key] for key in KEYS)


def test_an_answer_has_a_line_with_what_it_cost(tmp_path: Path) -> None:
    metered = Metered(tmp_path, prices=PRICES)
    usage = TOLD["usage"] | {"prompt_tokens_details": {"cached_tokens": 9}}  # type: ignore[operator]
    client, service = metered.edge.pair(asks())
    metered.edge.loop.advance(0.25)
    service.feed(answer(TOLD | {"usage": usage}))
    assert statuses(client.take()) == [200]
    assert metered.line() == {
        "time": "2001-09-09T01:46:40.000Z",
        "id": "",
        "client": "127.0.0.1",
        "user": None,
        "route": "all",
        "service": "s",
        "path": "/v1/chat/completions",
        "status": 200,
        "model": "gpt-x",
        "requested_model": "m",
        "prompt_tokens": 19,
        "completion_tokens": 10,
        "total_tokens": 29,
        "cached_tokens": 9,
        "reasoning_tokens": 0,
        "estimated": False,
        "cost": round((10 * 2 + 9 * 1 + 10 * 8) / 1e6, 9),
        "ms": 250.0,
    }


def test_a_stream_passes_in_the_turn_it_came_and_is_timed(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, service = metered.edge.pair(asks())
    service.feed(stream_head())
    for said in (delta(""), delta("Hi"), delta("!"), usage_chunk(9, 3), b"[DONE]"):
        metered.edge.loop.advance(0.125)
        service.feed(chunk(event(said)))
        assert client.take().endswith(chunk(event(said)))
    service.feed(chunk(b""))
    line = metered.line()
    assert numbers(line) == (9, 3, False) and line["model"] == "gpt-x"
    assert (line["first_token_ms"], line["per_token_ms"], line["ms"]) == (250.0, 187.5, 625.0)


def test_the_note_is_there_for_filters_in_front(tmp_path: Path) -> None:
    seen: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: seen.append(dict(exchange.notes["usage"])))
    metered = Metered(tmp_path, [spy])
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    metered.line()
    assert seen[0]["total_tokens"] == 29


# --- what can be read


@pytest.mark.parametrize("value", [b"gzip, br", b"identity", b"*"])
def test_a_service_is_asked_for_an_answer_that_can_be_read(tmp_path: Path, value: bytes) -> None:
    metered = Metered(tmp_path)
    _, service = metered.edge.pair(asks(PROMPT, b"/v1/chat/completions", b"Accept-Encoding: " + value))
    assert service.take().lower().count(b"accept-encoding: identity\r\n") == 1
    service.feed(answer(TOLD))
    metered.line()


def test_nothing_is_asked_for_where_the_client_has_not(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, service = metered.edge.pair(asks())
    assert b"accept-encoding" not in service.take().lower()
    service.feed(answer(TOLD))
    client.feed(b"GET /v1/models HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n")
    assert b"gzip" in service.take()
    service.feed(answer({"data": []}))
    assert len(metered.lines()) == 1


def test_what_is_compressed_all_the_same_is_estimated(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, service = metered.edge.pair(asks())
    service.feed(answer(b"\x1f\x8b" + b"x" * 78, b"Content-Encoding: gzip"))
    assert len(body_of(client.take())) == 80
    assert numbers(metered.line()) == (len(PROMPT) // 4, 20, True)


@pytest.mark.parametrize(
    ("path", "said", "expected"),
    [
        (b"/v1/chat/completions", {"choices": []}, (len(PROMPT) // 4, 3, True)),
        (b"/openai/deployments/x/chat/completions", {"choices": []}, (len(PROMPT) // 4, 3, True)),
        (b"/v1/embeddings", {"data": [0.5] * 99}, (len(PROMPT) // 4, 0, True)),
        (b"/v1/embeddings", {"usage": {"prompt_tokens": 8, "total_tokens": 8}}, (8, 0, False)),
        (b"/api/embed", {"prompt_eval_count": 8}, (8, 0, False)),
        (b"/v1/messages", {"usage": {"input_tokens": 5, "output_tokens": 2}}, (5, 2, False)),
        (b"/tokenize", {"tokens": [1, 2]}, (0, 0, False)),
        (b"/anything", TOLD, (19, 10, False)),
    ],
)
def test_what_a_service_does_not_tell_is_estimated_where_a_model_works(
    tmp_path: Path, path: bytes, said: Any, expected: tuple[Any, ...]
) -> None:
    metered = Metered(tmp_path)
    _, service = metered.edge.pair(asks(PROMPT, path))
    service.feed(answer(said))
    assert numbers(metered.line()) == expected


# --- the ways out


def test_a_client_that_leaves_a_stream_has_used_what_came(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, service = metered.edge.pair(asks())
    service.feed(stream_head() + b"".join(chunk(event(delta(one))) for one in "abc"))
    client.lose()
    line = metered.line()
    assert numbers(line) == (len(PROMPT) // 4, 3, True)
    assert (line["status"], line["error"], line["model"]) == (499, "client_gone", "gpt-x")


def test_what_was_told_before_the_client_left_is_what_it_used(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, service = metered.edge.pair(asks())
    service.feed(stream_head() + chunk(event(delta("a"))) + chunk(event(usage_chunk(9, 1))))
    client.lose()
    assert numbers(metered.line()) == (9, 1, False)


def test_a_client_that_leaves_before_the_answer_has_used_its_prompt(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    client, _ = metered.edge.pair(asks())
    client.lose()
    assert numbers(metered.line()) == (len(PROMPT) // 4, 0, True)


def test_who_never_got_a_connection_has_used_nothing(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    metered.edge.client(asks())
    metered.edge.refuse()
    line = metered.line()
    assert numbers(line) == (0, 0, False) and line["status"] == 502 and line["error"] == "connect_refused"


def test_a_stream_that_breaks_off_has_used_what_came(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    _, service = metered.edge.pair(asks())
    service.feed(stream_head() + chunk(event(delta("a"))) + chunk(event(delta("b"))))
    service.lose()
    line = metered.line()
    assert numbers(line) == (len(PROMPT) // 4, 2, True) and line["status"] == 200 and "error" in line


def test_a_stream_that_falls_silent_has_used_what_came(tmp_path: Path) -> None:
    metered = Metered(tmp_path, edge={"route": {"stream_idle_timeout": 5.0}})
    _, service = metered.edge.pair(asks())
    service.feed(stream_head() + chunk(event(delta("a"))))
    metered.edge.loop.advance(10)
    line = metered.line()
    assert numbers(line) == (len(PROMPT) // 4, 1, True) and line["error"] == "stream_idle_timeout"


def test_an_answer_that_never_comes_is_no_use(tmp_path: Path) -> None:
    metered = Metered(tmp_path, edge={"route": {"answer_timeout": 5.0}})
    metered.edge.pair(asks())
    metered.edge.loop.advance(10)
    assert numbers(metered.line()) == (0, 0, False)


@pytest.mark.parametrize("status", [b"400 Bad Request", b"429 Too Many Requests", b"500 Oops", b"302 Found"])
def test_an_error_of_the_service_is_no_use(tmp_path: Path, status: bytes) -> None:
    metered = Metered(tmp_path)
    _, service = metered.edge.pair(asks())
    service.feed(answer({"error": {"message": "no"}}, status=status))
    line = metered.line()
    assert numbers(line) == (0, 0, False) and line["status"] == int(status[:3]) and line["cost"] is None


def test_a_filter_that_answers_is_no_use(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    edge = Edge(filters=[metered.filter, Spy("full", [], request=lambda _: Reply(429))])
    edge.client(asks())
    edge.end()
    assert numbers(metered.line()) == (0, 0, False)


@pytest.mark.parametrize(("outcome", "used"), [("hit", 0), ("stale", 0), ("waited", 0), ("miss", 19), ("bypass", 19)])
def test_what_a_cache_answers_is_no_use(tmp_path: Path, outcome: str, used: int) -> None:
    cached = Spy("cached", [], response=lambda exchange: exchange.note("cache", outcome))
    metered = Metered(tmp_path, [cached])
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    assert metered.line()["prompt_tokens"] == used


def test_what_a_cache_answers_is_stripped_all_the_same(tmp_path: Path) -> None:
    cached = Spy("cached", [], response=lambda exchange: exchange.note("cache", "hit"))
    metered = Metered(tmp_path, [cached], include_usage=True)
    client, service = metered.edge.pair(asks())
    service.feed(stream_head() + chunk(event(delta("Hi")) + event(usage_chunk(9, 1))) + chunk(b""))
    assert plain(client.take()) == event(delta("Hi"))
    assert numbers(metered.line()) == (0, 0, False)


def test_a_request_that_was_tried_again_is_settled_once(tmp_path: Path) -> None:
    metered = Metered(tmp_path, edge={"endpoints": 2})
    metered.edge.client(asks())
    metered.edge.refuse()
    metered.edge.connect().feed(answer(TOLD))
    assert numbers(metered.line()) == (19, 10, False)


def test_two_of_them_meter_once_and_write_each_its_line(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    outer = Metered(other)
    metered = Metered(tmp_path, [outer.filter])
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    assert numbers(metered.line()) == numbers(outer.line()) == (19, 10, False)


def test_who_is_known_by_another_filter_is_the_user(tmp_path: Path) -> None:
    known = Spy("known", [], request=lambda exchange: exchange.note("api_key", "team-a"))
    metered = Metered(tmp_path, [known])
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    assert metered.line()["user"] == "team-a"


def test_a_line_has_the_key_and_its_labels(tmp_path: Path) -> None:
    def known(exchange: Any) -> None:
        exchange.note("api_key", "ann")
        exchange.note("labels", {"team": "search", "project": "a\n"})

    metered = Metered(tmp_path, [Spy("key", [], request=known)])
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    line = metered.line()
    assert (line["key"], line["labels"]) == ("ann", {"team": "search", "project": "a\n"})


def test_a_log_that_cannot_be_opened_refuses_the_configuration(tmp_path: Path) -> None:
    made = Usage("usage", OPTIONS | {"path": str(tmp_path / "no" / "log")})
    with pytest.raises(OSError, match="cannot be opened"):
        made.start(Edge().loop)


def test_without_a_log_there_is_the_note_alone() -> None:
    made, seen = Usage("usage", OPTIONS), []
    edge = Edge(
        filters=[Spy("spy", [], done=lambda exchange: seen.append(exchange.notes["usage"]["total_tokens"])), made]
    )
    made.start(edge.loop)
    _, service = edge.pair(asks())
    service.feed(answer(TOLD))
    edge.end()
    made.stop()
    assert len(seen) == 1 and seen[0] > 0


# --- usage that the client has not asked for

ASKED = b'{"stream_options":{"include_usage":true},' + PROMPT[1:]


def test_usage_is_asked_for_and_taken_out_again(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True)
    client, service = metered.edge.pair(asks())
    got = service.take()
    assert body_of(got) == ASKED and b"content-length: %d\r\n" % len(ASKED) in got.lower()
    assert b"transfer-encoding" not in got.lower()
    events = [event(one) for one in (delta("Hi"), usage_chunk(9, 1), b"[DONE]")]
    service.feed(stream_head() + b"".join(map(chunk, events)) + chunk(b""))
    assert plain(client.take()) == events[0] + events[2]
    assert numbers(metered.line()) == (9, 1, False)


@pytest.mark.parametrize("size", range(1, 60))
def test_however_an_answer_is_cut_the_client_gets_the_same(tmp_path: Path, size: int) -> None:
    metered = Metered(tmp_path, include_usage=True)
    client, service = metered.edge.pair(asks())
    events = [event(one) for one in (delta("Hi", usage=None), usage_chunk(9, 1), b"[DONE]")]
    stream = b": hello\n\n" + b"".join(events)
    service.feed(stream_head())
    for at in range(0, len(stream), size):
        service.feed(chunk(stream[at : at + size]))
    service.feed(chunk(b""))
    assert plain(client.take()) == b": hello\n\n" + events[0] + events[2]
    assert numbers(metered.line()) == (9, 1, False)


def test_a_body_that_comes_slowly_is_held_until_it_is_known_what_it_asks(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True)
    request = asks()
    client = metered.edge.client(request[:-30])
    for at in range(len(request) - 30, len(request)):
        client.feed(request[at : at + 1])
    got = metered.edge.connect().take()
    assert plain(got) == ASKED
    client.lose()
    assert metered.line()["requested_model"] == "m"


def test_a_large_body_goes_on_as_it_is(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True)
    body = PROMPT[:-1] + b" " * (1 << 20) + b"}"
    _, service = metered.edge.pair(asks(body))
    assert body_of(service.take()) == body
    service.feed(answer(TOLD))
    assert numbers(metered.line()) == (19, 10, False)


@pytest.mark.parametrize(
    ("body", "path", "fields"),
    [
        (PROMPT.replace(b"true", b"false"), b"/v1/chat/completions", ()),
        (PROMPT, b"/v1/responses", ()),
        (PROMPT, b"/api/chat", ()),
        (ASKED, b"/v1/chat/completions", ()),
        (b"no json", b"/v1/chat/completions", ()),
        (PROMPT, b"/v1/chat/completions", (b"Cache-Control: no-transform",)),
        (b"\x1f\x8b and so on", b"/v1/chat/completions", (b"Content-Encoding: gzip",)),
    ],
)
def test_others_are_sent_as_they_came(tmp_path: Path, body: bytes, path: bytes, fields: tuple[bytes, ...]) -> None:
    metered = Metered(tmp_path, include_usage=True)
    client, service = metered.edge.pair(asks(body, path, b"Content-Digest: x", *fields))
    got = service.take()
    assert body_of(got) == body and b"content-digest: x\r\n" in got.lower()
    stream = event(delta("Hi")) + event(usage_chunk(9, 1))
    service.feed(stream_head() + chunk(stream) + chunk(b""))
    assert plain(client.take()) == stream
    assert numbers(metered.line()) == (9, 1, False)


def test_an_answer_that_may_not_be_changed_is_metered_as_it_is(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True)
    client, service = metered.edge.pair(asks())
    head = stream_head().replace(b"\r\n\r\n", b"\r\nCache-Control: no-cache, no-transform\r\n\r\n")
    service.feed(head + chunk(event(usage_chunk(9, 1))) + chunk(b""))
    assert plain(client.take()) == event(usage_chunk(9, 1))
    assert numbers(metered.line()) == (9, 1, False)


def test_an_end_without_its_line_is_stripped_too(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True)
    client, service = metered.edge.pair(asks())
    service.feed(stream_head() + chunk(event(delta("Hi")) + event(usage_chunk(9, 1))[:-1]) + chunk(b""))
    assert plain(client.take()) == event(delta("Hi"))
    assert numbers(metered.line()) == (9, 1, False)


def test_two_of_them_ask_and_strip_once(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    outer = Metered(other, include_usage=True)
    metered = Metered(tmp_path, [outer.filter], include_usage=True)
    client, service = metered.edge.pair(asks())
    assert body_of(service.take()) == ASKED
    service.feed(stream_head() + chunk(event(delta("Hi")) + event(usage_chunk(9, 1))) + chunk(b""))
    assert plain(client.take()) == event(delta("Hi"))
    assert numbers(metered.line()) == numbers(outer.line()) == (9, 1, False)


def test_a_request_that_is_tried_again_asks_for_it_again(tmp_path: Path) -> None:
    metered = Metered(tmp_path, include_usage=True, edge={"endpoints": 2})
    metered.edge.client(asks())
    metered.edge.refuse()
    service = metered.edge.connect()
    assert body_of(service.take()) == ASKED
    service.feed(stream_head() + chunk(event(usage_chunk(9, 1))) + chunk(b""))
    assert numbers(metered.line()) == (9, 1, False)
