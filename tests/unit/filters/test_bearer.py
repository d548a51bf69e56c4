"""What filters of tokens have in common: what ``test_jwt`` does not ask of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.labels import TOKEN_CAUSES
from fastgw.filters.bearer import Bearer
from fastgw.filters.tokens import TokenError
from fastgw.testing.edge import GET, Edge, Spy
from tests.support.tokens import OPTIONS


@pytest.mark.parametrize("cause", TOKEN_CAUSES)
def test_every_cause_is_an_answer(cause: str) -> None:
    errors: list[Any] = []
    bearer = Bearer("auth", {**OPTIONS, "scopes": ("b", "a")}, "note")
    spy = Spy(
        "spy", [], request=lambda exchange: errors.append(bearer.refusal(exchange, TokenError(cause, "no"), "more"))
    )
    Edge(filters=[spy]).client(GET)
    (error,) = errors
    assert error.detail == "no" and error.reason == f"more ({cause}, by the filter 'auth')"
    told = {
        "unavailable": (503, ()),
        "busy": (503, ()),
        "repeated": (400, ("invalid_request",)),
        "scope": (403, ("insufficient_scope",)),
    }
    status, words = told.get(cause, (401, ("invalid_token",)))
    assert error.status == status
    challenges = [value for name, value in error.headers if name == "www-authenticate"]
    assert len(challenges) == len(words) and all(word in challenges[0] for word in words)
    assert cause != "scope" or 'scope="a b"' in challenges[0]


def test_a_claim_that_cannot_be_a_field_is_none() -> None:
    bearer = Bearer("auth", {**OPTIONS, "headers": (("x-user", "sub"), ("x-age", "age"))}, "note")
    assert bearer.accepted({"sub": "ann", "age": 7, "more": []}, 1.0).lines == b"x-user: ann\r\nx-age: 7\r\n"
    for value in ("a\r\nb: c", " a", ["a"], {}, True, 1.5):
        with pytest.raises(TokenError) as caught:
            bearer.accepted({"sub": value}, 1.0)
        assert caught.value.cause == "claims"
