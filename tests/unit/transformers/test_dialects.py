"""Requests of one dialect for services of another: path, fields and body, as soon as it is known which service it is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fastgw.core.settings import DialectSettings
from fastgw.filters.usage import Usage
from fastgw.testing.edge import Edge, body_of, head_of, statuses
from fastgw.transformers.dialects import Dialects
from tests.support.bodies import Elsewhere, plain
from tests.support.dialects import (
    STREAM,
    DialectEdge,
    answer_of,
    anthropic_message,
    anthropic_text,
    chat_of,
    message_of,
    on_the_wire,
    openai_text,
)
from tests.support.inference import OPTIONS
from tests.support.models import body_sent, post

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
NO_TRANSFORM = "Cache-Control: no-transform"


def test_a_client_of_anthropic_in_front_of_a_service_of_openai() -> None:
    edge = DialectEdge()
    fields = ("x-api-key: secret", "anthropic-version: 2023-06-01", "anthropic-beta: b", "x-other: o")
    client, service, sent = edge.ask(message_of("gpt"), f"/team{MESSAGES}?beta=true", *fields)
    head = head_of(sent)
    assert sent.startswith(b"POST /team/v1/chat/completions HTTP/1.1\r\n")
    assert b"authorization: bearer secret\r\n" in head and b"x-other: o\r\n" in head and b"identity" in head
    assert b"anthropic" not in head and b"x-api-key" not in head and b"beta" not in head
    assert orjson.loads(body_sent(sent)) == {
        "model": "gpt",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 5,
    }
    service.feed(answer_of(b'{"id":"c","model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'))
    out = client.take()
    assert statuses(out) == [200] and orjson.loads(body_of(out))["content"] == [{"type": "text", "text": "hi"}]
    edge.end()


def test_a_client_of_openai_in_front_of_a_service_of_anthropic() -> None:
    edge = DialectEdge()
    fields = ("Authorization: bearer secret", "OpenAI-Organization: o", "Accept-Encoding: gzip")
    _, _, sent = edge.ask(chat_of("claude"), CHAT, *fields)
    head = head_of(sent)
    assert sent.startswith(b"POST /v1/messages HTTP/1.1\r\n")
    assert b"x-api-key: secret\r\n" in head and b"anthropic-version: 2023-06-01\r\n" in head
    assert b"authorization" not in head and b"organization" not in head and b"gzip" not in head
    assert orjson.loads(body_sent(sent))["model"] == "claude-9"
    edge.end()


def test_a_client_of_ollama_in_front_of_a_service_of_openai() -> None:
    edge = DialectEdge()
    document = {"model": "gpt", "messages": [{"role": "user", "content": "x"}]}
    client, service, sent = edge.ask(document, "/api/chat", "Content-Type: application/x-www-form-urlencoded")
    assert sent.startswith(b"POST /v1/chat/completions HTTP/1.1") and head_of(sent).count(b"content-type") == 1
    assert orjson.loads(body_sent(sent))["stream"] is True
    data = on_the_wire(openai_text("a"))
    service.feed(STREAM + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
    out = client.take()
    assert b"content-type: application/x-ndjson\r\n" in head_of(out)
    first, last = [orjson.loads(one) for one in plain(out).splitlines()]
    assert first["message"]["content"] == "a" and last["done"] and last["eval_count"] == 4
    edge.end()
    status, said = refused(b'{"model":"gpt"}', "/api/show")
    assert (status, list(said)) == (404, ["error"])


@pytest.mark.parametrize(
    ("document", "path", "fields", "expected"),
    [
        (chat_of("claude"), CHAT, ("Authorization: Bearer c", "x-api-key: own"), b"x-api-key: own"),
        (chat_of("claude"), CHAT, ("Authorization: Basic c",), b"authorization: basic c"),
        (message_of("gpt"), MESSAGES, ("x-api-key: c", "Authorization: Bearer own"), b"authorization: bearer own"),
    ],
)
def test_a_key_that_stands_in_its_place_already_stays(document: Any, path: str, fields: Any, expected: bytes) -> None:
    edge = DialectEdge()
    _, _, sent = edge.ask(document, path, *fields)
    found = [line for line in head_of(sent).split(b"\r\n") if line.startswith((b"x-api-key", b"authorization"))]
    assert found == [expected]
    edge.end()


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gpt", CHAT),
        ("claude", MESSAGES),
        ("claude", f"{MESSAGES}/count_tokens"),
        ("any", CHAT),
        ("any", MESSAGES),
        ("gpt", "/v1/embeddings"),
    ],
)
def test_who_speaks_what_the_service_does_passes_as_it_is(model: str, path: str) -> None:
    edge = DialectEdge()
    body = b'{ "model":"%b", "input": [] }' % model.encode()
    client, service, sent = edge.ask(body, path, "anthropic-version: 2023-06-01")
    assert sent.startswith(b"POST %b HTTP/1.1" % path.encode())
    assert body_sent(sent) == body.replace(b"claude", b"claude-9") and b"anthropic-version" in head_of(sent)
    service.feed(answer_of(b"[not what it has]", "application/json"))
    assert body_of(client.take()) == b"[not what it has]"
    edge.end()


def refused(body: bytes, path: str, *fields: str, kind: str = "application/json") -> tuple[int, Any]:
    edge = DialectEdge()
    client = edge.client(post(body, path, kind, *fields))
    assert not edge.attempts
    out = client.take()
    edge.end()
    return statuses(out)[0], orjson.loads(body_of(out))


def test_what_cannot_be_translated_is_refused_in_the_dialect_of_the_client() -> None:
    status, said = refused(orjson.dumps(message_of("gpt", container="c")), MESSAGES)
    assert (status, said["error"]["type"]) == (400, "invalid_request_error")
    assert said["error"]["message"] == "container: has nothing like it in the API of the service"
    status, said = refused(orjson.dumps(chat_of("claude", n=3)), CHAT)
    assert (status, said["error"]["code"], said["error"]["message"][:2]) == (400, "untranslatable", "n:")
    status, said = refused(b'{"model":"claude"}', CHAT)
    assert (status, said["error"]["code"]) == (400, "request_misfit")
    status, said = refused(orjson.dumps({"model": "gpt", "messages": []}), f"{MESSAGES}/count_tokens")
    assert (status, said["error"]["type"]) == (404, "not_found_error") and "count_tokens" in said["error"]["message"]
    status, said = refused(b'{"model":"claude","input":"x"}', "/v1/embeddings")
    assert (status, said["error"]["code"]) == (404, "operation_untranslatable")
    status, said = refused(b'{"model":"claude","messages":[],"x":%b}' % (b"[" * 2000 + b"]" * 2000), CHAT)
    assert (status, said["error"]["code"]) == (400, "json_malformed")


def test_nobody_keeps_a_body_from_being_translated_by_saying_so() -> None:
    edge = DialectEdge()
    client, service, sent = edge.ask(message_of("gpt"), MESSAGES, NO_TRANSFORM)
    assert sent.startswith(b"POST /v1/chat/completions") and b"no-transform" not in head_of(sent)
    service.feed(answer_of(b'{"choices":[{"message":{"content":"hi"}}]}', "application/json", "200 OK", NO_TRANSFORM))
    assert orjson.loads(body_of(client.take()))["type"] == "message"
    edge.end()
    status, said = refused(orjson.dumps(message_of("gpt")), MESSAGES, "Content-Range: bytes 0-9/99")
    assert (status, said["type"]) == (415, "error")
    plain_edge = Edge(
        filters=[Dialects({"s": DialectSettings("openai", 1, "max_tokens")})], route={"body_buffer": 65536}
    )
    for path, coded in ((CHAT, True), (MESSAGES, False)):  # which only has to be read where it is translated
        client = plain_edge.client(post(b"\x1f\x8b", path, "application/json", "Content-Encoding: gzip"))
        assert bool(plain_edge.attempts) is coded and statuses(client.take()) == ([] if coded else [415])
        for one in plain_edge.attempts:
            one.succeed(extra={"socket": None})
        client.lose()
        plain_edge.run()
    plain_edge.end()


@pytest.mark.parametrize("path", [CHAT, f"/team{CHAT}", MESSAGES, f"/team{MESSAGES}"])
def test_what_all_services_speak_passes_as_it_is_wherever_it_is_asked_for(path: str) -> None:
    """With something in front of the path or not, of which only the second is found by one look-up."""
    is_of_anthropic = path.endswith(MESSAGES)
    spoken = DialectSettings("anthropic" if is_of_anthropic else "openai", 1, "max_tokens")
    edge = Edge(filters=[Dialects({"s": spoken})], route={"body_buffer": 65536})
    client = edge.client(post(b"{}", path, "application/json", NO_TRANSFORM, "x-request-id: r1"))
    service = edge.connect()
    sent = service.take()
    assert sent.startswith(f"POST {path} ".encode()) and body_sent(sent) == b"{}" and b"no-transform" in head_of(sent)
    service.feed(answer_of(b'{"a": 1}', "application/json", "200 OK", NO_TRANSFORM))
    out = client.take()
    assert body_of(out) == b'{"a": 1}' and b"no-transform" in head_of(out)
    assert (b"\r\nrequest-id: r1" in head_of(out)) is is_of_anthropic
    edge.end()


def test_what_a_filter_has_made_of_the_path_is_where_the_service_has_it() -> None:
    class Rewriting:
        name = "rewriting"

        def request(self, exchange: Any) -> None:
            exchange.request.rewrite(b"/own/chat")

    edge = DialectEdge(filters=[Rewriting()])
    _, _, sent = edge.ask(message_of("gpt"), MESSAGES)
    assert sent.startswith(b"POST /own/chat HTTP/1.1")
    edge.end()


def test_the_id_of_a_request_is_where_its_client_looks_for_it() -> None:
    edge = DialectEdge()
    client, service, _ = edge.ask(message_of("gpt"), MESSAGES, "x-request-id: r1")
    service.feed(answer_of(b'{"error":{"message":"no"}}', "application/json", "500 No"))
    out = client.take()
    assert b"request-id: r1\r\n" in head_of(out).replace(b"x-request-id", b"x-other")
    assert orjson.loads(body_of(out))["request_id"] == "r1"
    edge.end()


def test_a_large_body_is_translated_elsewhere_and_others_are_served() -> None:
    elsewhere = Elsewhere()
    edge = DialectEdge(submit=elsewhere)
    text = "x" * 100_000
    client = edge.client(post(orjson.dumps(message_of("gpt", system=text)), MESSAGES))
    assert not edge.attempts
    edge.run()
    elsewhere.do()
    edge.run()
    service = edge.connect()
    assert orjson.loads(body_sent(service.take()))["messages"][0] == {"role": "system", "content": text}
    service.feed(answer_of(orjson.dumps({"choices": [{"message": {"content": text}}]})))
    assert client.take() == b""
    edge.run()
    elsewhere.do()
    edge.run()
    assert orjson.loads(body_of(client.take()))["content"][0]["text"] == text
    edge.end()


@pytest.mark.parametrize("stream", [True, False])
def test_tokens_are_metered_in_front_of_it(stream: bool) -> None:
    edge = DialectEdge(filters=[Usage("used", {**OPTIONS, "include_usage": True})])
    client, service, sent = edge.ask(chat_of("claude", stream=stream), CHAT)
    assert "stream_options" not in orjson.loads(body_sent(sent))
    if stream:
        data = on_the_wire(anthropic_text("x"))
        service.feed(STREAM + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
        assert b"prompt_tokens" not in client.take()  # which the client has not asked for
    else:
        service.feed(answer_of(orjson.dumps(anthropic_message([{"type": "text", "text": "x"}]))))
    [notes] = edge.noted.notes
    used = notes["usage"]
    assert (used["prompt_tokens"], used["cached_tokens"], used["estimated"]) == (9, 5, False)
    assert used["completion_tokens"] == (4 if stream else 1)
    edge.end()


# --- models that stand in for others

BUSY = answer_of(b"busy", "text/plain", "503 Busy")


def fallen(first: str, *then: str, document: Any, path: str, fields: Any = (), refuses: bool = False) -> Any:
    """What the service of each model gets where those in front of it are busy, or cannot be reached; and the client and last service."""
    edge = DialectEdge(fallback={first: list(then)})
    client = edge.client(post(orjson.dumps(document), path, "application/json", *fields))
    got = []
    for place in range(len(then) + 1):
        if refuses and place < len(then):
            edge.refuse()
            continue
        service = edge.connect()
        got.append(service.take())
        if place < len(then):
            service.feed(BUSY)
    return edge, client, service, got


@pytest.mark.parametrize("refuses", [True, False])
def test_a_model_of_another_dialect_stands_in_for_one_that_was_translated(refuses: bool) -> None:
    document, fields = (
        message_of("gpt", top_k=3),
        ("x-api-key: secret", "anthropic-version: 2026-10-21", "openai-beta: b"),
    )
    edge, client, service, got = fallen(
        "gpt", "claude", document=document, path=f"/t{MESSAGES}?beta=true", fields=fields, refuses=refuses
    )
    assert all(one.startswith(b"POST /t/v1/chat/completions HTTP") for one in got[:-1]) and len(got) == 2 - refuses
    sent = got[-1]
    assert sent.startswith(b"POST /t/v1/messages?beta=true HTTP/1.1") and b"x-api-key: secret\r\n" in head_of(sent)
    assert orjson.loads(body_sent(sent)) == document | {"model": "claude-9"} and b"authorization" not in head_of(sent)
    assert b"anthropic-version: 2026-10-21\r\n" in head_of(sent)
    service.feed(answer_of(orjson.dumps(anthropic_message([{"type": "text", "text": "hi"}]))))
    out = client.take()
    assert orjson.loads(body_of(out)) == anthropic_message([{"type": "text", "text": "hi"}])
    assert b"x-fastgw-fallback: service\r\n" in head_of(out) and edge.plane.body_bytes == 0
    edge.end()


def test_one_that_is_translated_stands_in_for_one_that_was_not_and_another_for_that() -> None:
    document = chat_of("gpt", n=1, stop="x")
    edge, client, service, got = fallen("gpt", "claude", "any", document=document, path=CHAT)
    bodies = [orjson.loads(body_sent(one)) for one in got]
    assert [one.split(b" ")[1] for one in got] == [b"/v1/chat/completions", b"/v1/messages", b"/v1/chat/completions"]
    assert bodies[0] == document and bodies[2] == document | {"model": "any"}
    assert bodies[1]["stop_sequences"] == ["x"] and bodies[1]["model"] == "claude-9"
    assert b"anthropic" not in head_of(got[2])
    service.feed(answer_of(b"{}"))
    assert body_of(client.take()) == b"{}" and edge.plane.body_bytes == 0
    edge.end()


def test_a_client_of_a_third_dialect_is_translated_for_each() -> None:
    document: dict[str, Any] = chat_of("claude", stream=False)
    edge, client, service, got = fallen("claude", "gpt", document=document, path="/api/chat")
    assert [one.split(b" ")[1] for one in got] == [b"/v1/messages", b"/v1/chat/completions"]
    assert orjson.loads(body_sent(got[1])) == {"model": "gpt", "messages": document["messages"]}
    service.feed(answer_of(b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'))
    assert orjson.loads(body_of(client.take()))["message"]["content"] == "hi"
    edge.end()


def test_what_cannot_be_translated_for_who_stands_in_is_refused() -> None:
    edge = DialectEdge(fallback={"gpt": ["claude"]})
    client = edge.client(post(orjson.dumps(chat_of("gpt", n=2)), CHAT))
    service = edge.connect()
    service.feed(BUSY)
    out = client.take()
    assert statuses(out) == [400] and orjson.loads(body_of(out))["error"]["code"] == "untranslatable"
    edge.end()


def test_a_client_that_leaves_leaves_nothing_that_is_kept() -> None:
    edge = DialectEdge(fallback={"gpt": ["claude"]})
    client, _, _ = edge.ask(message_of("gpt"), MESSAGES)
    assert edge.plane.body_bytes > 0
    client.lose()
    edge.run()
    assert edge.plane.body_bytes == 0
    edge.end()
