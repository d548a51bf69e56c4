"""Replies for errors, in both formats."""

from __future__ import annotations

import json

import pytest

from fastgw.core.exchange.reply import Reply, error_reply, refusal
from fastgw.errors import DownstreamError, GatewayError, UpstreamError


def test_reply_has_defaults() -> None:
    reply = Reply(204)
    assert (reply.status, reply.body, reply.content_type, reply.headers, reply.close) == (
        204,
        b"",
        "application/json",
        (),
        False,
    )


@pytest.mark.parametrize("status", [204, 304, 101])
def test_a_status_that_has_no_body_gets_none(status: int) -> None:
    """A client would take it for the beginning of the next answer (RFC 9110 section 6.4.1)."""
    reply = Reply(status, b"hey", "text/plain", (("x-a", "1"),))
    assert reply.body == b"" and b"content-" not in reply.fields and b"x-a: 1" in reply.fields


def test_problem() -> None:
    reply = error_reply(DownstreamError(404, "no_route", "none", headers=(("allow", "GET"),)), "problem", "id-1")
    assert (reply.status, reply.content_type, reply.headers) == (404, "application/problem+json", (("allow", "GET"),))
    assert json.loads(reply.body) == {
        "type": "urn:fastgw:error:no_route",
        "title": "Not Found",
        "status": 404,
        "detail": "none",
        "instance": "urn:request:id-1",
    }


@pytest.mark.parametrize("error_format", ["problem", "openai"])
@pytest.mark.parametrize(("status", "seconds"), [(429, "1"), (503, "1"), (502, None), (404, None)])
def test_what_is_over_soon_says_when_to_ask_again(error_format: str, status: int, seconds: str | None) -> None:
    """RFC 9110 section 10.2.3, RFC 6585 section 4."""
    reply = error_reply(GatewayError(status, "code", "why"), error_format, "")
    assert dict(reply.headers).get("retry-after") == seconds


def test_an_error_may_know_better_when_to_ask_again() -> None:
    error = DownstreamError(429, "too_many", "slow down", headers=(("Retry-After", "30"),))
    assert error_reply(error, "problem", "").headers == (("Retry-After", "30"),)


@pytest.mark.parametrize("status", [429, 503, 529])
@pytest.mark.parametrize(
    ("after", "told"),
    [
        ((), {"retry-after": "1", "retry-after-ms": "1000", "x-should-retry": "true"}),
        ((("Retry-After", "60"),), {"Retry-After": "60", "retry-after-ms": "60000", "x-should-retry": "true"}),
        ((("retry-after", "61"),), {"retry-after": "61", "retry-after-ms": "61000", "x-should-retry": "false"}),
        ((("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),), {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}),
    ],
)
def test_what_sdks_read_is_told_in_their_dialects(
    status: int, after: tuple[tuple[str, str], ...], told: dict[str, str]
) -> None:
    error = GatewayError(status, "code", "why", headers=after)
    for dialect in ("openai", "anthropic", "dialect"):
        assert dict(error_reply(error, dialect, "").headers) == told
    for other in ("problem", "ollama"):
        assert {name.lower() for name, _ in error_reply(error, other, "").headers} == {"retry-after"}
    advised = error_reply(error, "openai", "", (("x-should-retry", "false"),)).headers
    assert [value for name, value in advised if name == "x-should-retry"] == ["false"]


def test_a_refusal_is_the_last_answer_and_to_head_has_no_body() -> None:
    error = DownstreamError(400, "malformed", "no")
    whole = refusal(error, "problem", b"date: now\r\n", is_head=False)
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close\r\ndate: now" in head
    assert json.loads(body)["detail"] == "no"
    assert refusal(error, "problem", b"date: now\r\n", is_head=True) == head + b"\r\n\r\n"


def test_problem_without_an_id_or_a_known_title() -> None:
    problem = json.loads(error_reply(DownstreamError(499, "odd", "short"), "problem", "").body)
    assert problem["title"] == "Error"
    assert "instance" not in problem


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
    ],
)
def test_shape_of_openai(status: int, kind: str) -> None:
    reply = error_reply(UpstreamError(status, "code", "why"), "openai", "id-1")
    assert (reply.status, reply.content_type) == (status, "application/json")
    assert json.loads(reply.body) == {"error": {"message": "why", "type": kind, "param": None, "code": "code"}}


def test_a_key_that_is_no_good_is_told_in_the_word_of_openai() -> None:
    error = DownstreamError(401, "invalid_key", "no")
    told = json.loads(error_reply(error, "openai", "").body)["error"]
    assert (told["code"], told["type"]) == ("invalid_api_key", "authentication_error")
    assert json.loads(error_reply(error, "problem", "").body)["type"] == "urn:fastgw:error:invalid_key"
    assert json.loads(error_reply(error, "anthropic", "").body)["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "a\0", "\x7f", "\u20ac"])
def test_no_field_may_end_its_line(value: str) -> None:
    for fields in ((("x-a", value),), (("x-a" + value, "1"),)):
        with pytest.raises(ValueError, match="no header field has"):
            Reply(200, headers=fields)
        with pytest.raises(ValueError, match="no header field has"):
            DownstreamError(401, "no_token", "no", headers=fields)
    with pytest.raises(ValueError, match="no header field has"):
        Reply(200, b"x", value)
