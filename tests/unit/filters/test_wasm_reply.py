"""The answer of a guest, as the gateway has such."""

from __future__ import annotations

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.wasm_reply import answered, made
from fastgw.wasm.guest import LocalReply
from fastgw.wasm.traps import WasmTrap


def test_fields_that_are_the_gateways_are_left_out() -> None:
    fields = [
        *(
            (b"content-type", b"text/html"),
            (b"content-length", b"99"),
            (b"x-a", b"1"),
            (b"transfer-encoding", b"chunked"),
        ),
        *((b":status", b"1"), (b"date", b"never"), (b"x-request-id", b"mine"), (b"connection", b"close")),
    ]
    found = made(LocalReply(403, b"no", fields))
    assert (found.status, found.body, found.content_type, found.headers) == (403, b"no", "text/html", (("x-a", "1"),))
    assert made(LocalReply(200, b"", ())).content_type.startswith("text/plain")


@pytest.mark.parametrize(
    "field", [(b"x-a", b"1\r\nx-b: 2"), (b"x a", b"1"), (b"content-type", b"a\nb"), (b"x", b"a" * 70_000)]
)
def test_a_field_that_is_none_is_a_trap(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(WasmTrap, match="cannot be sent"):
        made(LocalReply(200, b"", [field]))


def test_an_error_has_the_answer_with_it() -> None:
    error = answered(LocalReply(418, b"tea", ()))
    assert isinstance(error.answer, Reply) and error.answer.status == error.status == 418 and error.code == "wasm_reply"
