"""Requests that name a model in their body go to the service of that model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing import usual
from fastgw.testing.edge import Gate, Spy, body_of, new_loop, statuses
from tests.support.models import OK, ModelEdge, body_sent, get, post

CHAT = b'{"messages":[{"role":"user","content":"model"}], "model" : "%b","stream":true,"n":2,"max_tokens":1e2}'
NAMED = CHAT % b"gpt-oss"
SENT = CHAT % b"openai/gpt-oss-120b"


def refused(edge: ModelEdge, request: bytes) -> tuple[int, Any]:
    client = edge.client(request)
    answer = client.take()
    assert not edge.attempts
    return statuses(answer)[0], json.loads(body_of(answer))


@pytest.mark.parametrize(
    ("name", "port", "sent"),
    [(b"gpt-oss", 9000, b"openai/gpt-oss-120b"), (b"small", 9001, b"small"), (b"embed-large", 9001, b"org/large")],
)
def test_a_model_leads_to_its_service_by_its_name_there(name: bytes, port: int, sent: bytes) -> None:
    edge = ModelEdge()
    client = edge.client(post(CHAT % name))
    service = edge.connect(port=port)
    assert body_sent(service.take()) == CHAT % sent
    service.feed(OK)
    assert statuses(client.take()) == [200]
    (notes,) = edge.noted.notes
    found = notes["asked_model"]
    assert (notes["model"], found.model, found.sent_as) == (name.decode(), name.decode(), sent.decode())
    assert found.flag(b"stream") is True and found.number(b"n") == 2 and found.operation.name == "chat"
    edge.end()


def test_a_body_is_read_at_every_split() -> None:
    edge = ModelEdge()
    data = post(NAMED)
    client = edge.client(data)
    service = edge.connect(port=9000)
    whole = service.take()
    service.feed(OK)
    for cut in range(1, len(data)):
        client.feed(data[:cut])
        edge.check()
        client.feed(data[cut:])
        assert service.take() == whole, cut
        service.feed(OK)
    for place in range(len(data)):
        client.feed(data[place : place + 1])
    assert service.take() == whole
    service.feed(OK)
    edge.end()


def test_chunks_become_a_length() -> None:
    edge = ModelEdge()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    edge.client(head + b"3\r\n" + NAMED[:3] + b"\r\n%x\r\n" % (len(NAMED) - 3) + NAMED[3:] + b"\r\n0\r\n\r\n")
    service = edge.connect(port=9000)
    assert body_sent(service.take()) == SENT
    edge.end()


def test_chunks_with_trailers_stay_chunks() -> None:
    edge = ModelEdge()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    edge.client(head + b"%x\r\n" % len(NAMED) + NAMED + b"\r\n0\r\nx-sum: 1\r\n\r\n")
    sent = edge.connect(port=9000).take()
    assert sent.endswith(b"%x\r\n%b\r\n0\r\nx-sum: 1\r\n\r\n" % (len(SENT), SENT))
    edge.end()


def test_who_waits_for_leave_to_send_gets_it() -> None:
    edge = ModelEdge()
    data = post(NAMED, "/v1/chat/completions", "application/json", "Expect: 100-continue")
    head, _, body = data.partition(b"\r\n\r\n")
    client = edge.client(head + b"\r\n\r\n")
    assert client.take().startswith(b"HTTP/1.1 100 ") and not edge.attempts
    client.feed(body)
    assert body_sent(edge.connect(port=9000).take()) == SENT
    edge.end()


def test_digests_of_another_body_are_gone() -> None:
    edge = ModelEdge()
    edge.client(post(NAMED, "/v1/chat/completions", "application/json", "Content-Digest: sha-256=:eA==:"))
    assert b"digest" not in edge.connect(port=9000).take().lower()
    edge.client(post(CHAT % b"small", "/v1/chat/completions", "application/json", "Content-Digest: sha-256=:eA==:"))
    assert b"Content-Digest: sha-256=:eA==:" in edge.connect(port=9001).take()
    edge.end()


@pytest.mark.parametrize(("chance", "port", "sent"), [(0.0, 9000, b"v1"), (0.74, 9000, b"v1"), (0.76, 9001, b"v2")])
def test_parts_of_a_model_have_weights(chance: float, port: int, sent: bytes) -> None:
    edge = ModelEdge({"canary": [("a", 3, "v1"), ("b", 1, "v2")]})
    edge.chance = chance
    edge.client(post(CHAT % b"canary"))
    assert body_sent(edge.connect(port=port).take()) == CHAT % sent
    edge.end()


# --- no name


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b'{"input":"x"}', b'{"model":"gpt","input":"x"}'),
        (b" { }", b' {"model":"gpt" }'),
        (b'{"model":null,"x":1}', b'{"model":"gpt","x":1}'),
        (b'{"model":"","x":1}', b'{"model":"gpt","x":1}'),
    ],
)
def test_who_names_no_model_gets_the_default(body: bytes, sent: bytes) -> None:
    edge = ModelEdge({"default": [("a", 1, "gpt")]})
    edge.client(post(body, "/v1/embeddings"))
    assert body_sent(edge.connect(port=9000).take()) == sent
    edge.end()


def test_a_default_may_leave_it_to_the_service() -> None:
    edge = ModelEdge({"default": "a"})
    edge.client(post(b'{"input":"x"}', "/v1/embeddings"))
    assert body_sent(edge.connect(port=9000).take()) == b'{"input":"x"}'
    edge.end()


# --- what is refused


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"{}", 400, "model_missing", "names no model"),
        (b'{"model":"gpt-os"}', 404, "model_not_found", "did you mean 'gpt-oss'?"),
        (b'{"model":"zzz"}', 404, "model_not_found", "'zzz' does not exist"),
        (b'{"model":7}', 400, "model_malformed", "must be a string, and is a number"),
        (b'{"model":"' + b"x" * 300 + b'"}', 400, "model_malformed", "more than 256 bytes"),
        (b'{"model":"' + b"x" * 5000 + b'"}', 400, "model_malformed", "more than 256 bytes"),
        (b'{"model":"small","model":"gpt-oss"}', 400, "json_ambiguous", "'model' stands there twice (byte 17)"),
        (b'{"model":"small","Model":"gpt-oss"}', 400, "json_ambiguous", "(byte 17)"),
        (b'{"model":"small"', 400, "json_malformed", "(byte 16)"),
        (b'{"model":"small"}{}', 400, "json_malformed", "(byte 17)"),
        (b'{"a":' + b"[" * 1000, 400, "json_malformed", "nested more than 256 deep"),
        (b"[]", 400, "json_malformed", "does not begin as a JSON object"),
        (b"", 400, "json_malformed", "the request body is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_goes_nowhere(body: bytes, status: int, code: str, words: str) -> None:
    edge = ModelEdge()
    told_status, told = refused(edge, post(body))
    assert told_status == status and told["error"]["code"] == code and words in told["error"]["message"]
    assert told["error"]["type"] == "invalid_request_error"
    edge.end()


def test_a_mistake_is_told_before_the_rest_of_the_body_comes() -> None:
    edge = ModelEdge()
    client = edge.client(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b'{"model"!'
    )
    answer = client.take()
    assert statuses(answer) == [400] and b"connection: close" in answer.lower()
    edge.end()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/team/v1/messages"])
def test_clients_of_anthropic_are_told_in_their_shape(path: str) -> None:
    edge = ModelEdge()
    status, told = refused(edge, post(b'{"model":"none-such"}', path))
    assert (status, told["type"], told["error"]["type"]) == (404, "error", "not_found_error")
    assert refused(edge, post(b"{", path))[1]["error"]["type"] == "invalid_request_error"
    edge.end()


def test_clients_of_ollama_are_told_in_theirs() -> None:
    edge = ModelEdge()
    assert refused(edge, post(b'{"model":"none-such"}', "/api/chat")) == (
        404, {"error": "the model 'none-such' does not exist here"}
    )  # fmt: skip
    edge.end()


def test_a_coding_that_cannot_be_read_is_refused() -> None:
    edge = ModelEdge()
    request = post(NAMED, "/v1/chat/completions", "application/json", "Content-Encoding: gzip")
    status, told = refused(edge, request)
    assert (status, told["error"]["code"]) == (415, "body_type_refused")
    edge.client(request.replace(b"gzip", b"Identity"))
    assert edge.connect(port=9000)
    edge.end()


def test_bodies_that_wait_have_bounds() -> None:
    edge = ModelEdge(route={"max_body": 100})
    assert statuses(edge.client(post(b" " * 101)).take()) == [413]
    edge.end()
    edge = ModelEdge(limits=usual.limits(body_memory=1000))
    client = edge.client(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n")
    client.feed(b'{"messages":"' + b"x" * 500)
    assert not client.take() and edge.plane.body_bytes == 513
    client.feed(b"x" * 500)
    assert statuses(client.take()) == [503]
    edge.run()
    assert edge.plane.body_bytes == 0
    edge.end()


def test_a_body_that_stops_coming_is_given_up() -> None:
    edge = ModelEdge()
    client = edge.client(post(NAMED)[:-5])
    assert edge.count(counters.BODIES_HELD) == 1 and edge.plane.body_bytes == len(NAMED) - 5
    edge.loop.advance(edge.timeouts.body + 2)
    assert statuses(client.take()) == [408] and edge.plane.body_bytes == 0
    edge.end()


def test_a_client_that_leaves_takes_its_body_along() -> None:
    edge = ModelEdge()
    client = edge.client(post(NAMED)[:-5])
    client.lose()
    edge.run()
    assert edge.plane.body_bytes == 0 and not edge.attempts
    edge.end()


# --- what asks for no model


def test_the_rest_of_the_paths_goes_where_the_route_says() -> None:
    edge = ModelEdge(has_rest=True)
    for request in (
        get("/v1/files"),
        post(b"anything", "/v1/files"),
        get("/v1/chat/completions"),
        post(b"{}", "/v1/models"),
    ):
        client = edge.client(request)
        service = edge.connect(port=9002)
        service.feed(OK)
        assert statuses(client.take()) == [200]
        client.lose()
        service.lose()
    edge.end()


def test_without_a_rest_they_lead_nowhere() -> None:
    edge = ModelEdge()
    assert refused(edge, get("/v1/files"))[0] == 404
    assert refused(edge, get("/v1/chat/completions"))[1]["error"]["message"].startswith(
        "/v1/chat/completions asks for no"
    )
    edge.end()


# --- with what else a route has


def test_hooks_come_before_and_may_wait() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = ModelEdge(loop=loop, filters=[Spy("auth", [], request=gate)])
    client = edge.client(post(NAMED)[:-5])
    gate.open()
    assert not edge.attempts
    client.feed(post(NAMED)[-5:])
    assert body_sent(edge.connect(port=9000).take()) == SENT
    edge.end()
