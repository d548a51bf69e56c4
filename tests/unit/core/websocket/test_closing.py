"""What a client is told of a CLOSE."""

from __future__ import annotations

import pytest

from fastgw.core.websocket.closing import error_of


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        (1001, 502, "websocket_failed"),
        (1003, 415, "websocket_unsupported"),
        (1007, 400, "websocket_invalid"),
        (1008, 403, "websocket_forbidden"),
        (3003, 403, "websocket_forbidden"),
        (1009, 413, "websocket_too_large"),
        (1011, 502, "websocket_failed"),
        (1012, 503, "websocket_busy"),
        (1013, 503, "websocket_busy"),
        (4001, 502, "websocket_failed"),
    ],
)
def test_the_code_of_the_service_is_a_status(code: int, status: int, name: str) -> None:
    error = error_of(code, "why", is_theirs=True)
    assert (error.status, error.code) == (status, name)
    assert error.detail == f"the service has closed the WebSocket with {code}: why"
    assert error_of(code, "", is_theirs=True).detail.endswith(str(code))


def test_that_of_the_gateway_says_what_the_service_has_done() -> None:
    found = error_of(1009, "a message of more than 5 bytes", is_theirs=False)
    assert (found.status, found.code) == (502, "answer_too_large")
    assert error_of(1002, "a frame with a mask", is_theirs=False).code == "websocket_failed"
