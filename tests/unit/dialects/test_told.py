"""Errors in every shape that servers have, and in that of whom they are told."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.dialects.told import FailureTold, read, status_for, written
from fastgw.wire.inference import ANTHROPIC, OLLAMA, OPENAI


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"error": {"message": "m", "type": "t", "param": "p", "code": "c"}}, FailureTold("m", "t", "c", "p")),
        ({"error": {"message": "m", "code": 429}}, FailureTold("m", "", "429")),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            FailureTold("m", "overloaded_error"),
        ),
        ({"error": "m"}, FailureTold("m")),
        (
            {"object": "error", "message": "m", "type": "BadRequestError", "code": 400},
            FailureTold("m", "BadRequestError", "400"),
        ),
        ({"detail": "m"}, FailureTold("m")),
        ({"error": {"message": 7, "type": []}}, FailureTold("the service says no more")),
        ({"error": None, "choices": []}, None),
        ({"error": ""}, None),
        ([], None),
        (None, None),
    ],
)
def test_what_is_said(document: Any, expected: FailureTold | None) -> None:
    assert read(document) == expected


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (FailureTold("m", "overloaded_error"), 529),
        (FailureTold("m", "rate_limit_error"), 429),
        (FailureTold("m", "invalid_request_error", "rate_limit_exceeded"), 429),
        (FailureTold("m", "BadRequestError", "400"), 400),
        (FailureTold("m", "whatever", "200"), 500),
        (FailureTold("m"), 500),
    ],
)
def test_an_error_of_a_stream_has_a_status(told: FailureTold, status: int) -> None:
    assert told.status == status


def test_each_dialect_has_its_shape() -> None:
    told = FailureTold("m", "overloaded_error")
    assert written(OLLAMA, 529, told, "r") == {"error": "m"}
    shape = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"}
    assert written(ANTHROPIC, 529, told, "r") == shape
    assert "request_id" not in written(ANTHROPIC, 500, told, "")
    error = {"message": "m", "type": "server_error", "param": None, "code": "overloaded_error"}
    assert written(OPENAI, 529, told, "r") == {"error": error}
    assert written(OPENAI, 422, FailureTold("m", "", "", "a.b"), "")["error"] == {
        "message": "m",
        "type": "invalid_request_error",
        "param": "a.b",
        "code": None,
    }
    assert (status_for(OPENAI, 529), status_for(ANTHROPIC, 529), status_for(OPENAI, 503)) == (503, 529, 503)
