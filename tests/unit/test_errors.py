"""Errors: whose fault they are, when they may be retried, what they say."""

from __future__ import annotations

import pickle

import pytest

from fastgw import errors
from fastgw.errors import ConfigError, DownstreamError, GatewayError, InternalError, UpstreamError


@pytest.mark.parametrize(
    ("kind", "fault"), [(DownstreamError, "downstream"), (UpstreamError, "upstream"), (InternalError, "internal")]
)
def test_error_carries_what_the_client_is_told(kind: type[GatewayError], fault: str) -> None:
    error = kind(502, "some_code", "what happened")
    assert isinstance(error, GatewayError)
    assert (error.status, error.code, error.detail, error.fault) == (502, "some_code", "what happened", fault)
    assert str(error) == "what happened"
    assert repr(error) == f"{kind.__name__}(502, 'some_code', 'what happened')"


def test_error_is_not_retried_unless_it_says_so() -> None:
    assert UpstreamError(502, "a", "b").retry == errors.RETRY_NEVER
    assert UpstreamError(502, "a", "b", retry=errors.RETRY_ALWAYS).retry == errors.RETRY_ALWAYS


def test_degrees_of_retry_are_in_order() -> None:
    assert errors.RETRY_NEVER < errors.RETRY_SAFE < errors.RETRY_IDEMPOTENT < errors.RETRY_ALWAYS
    assert not errors.RETRY_NEVER


def test_the_operator_may_learn_more_than_the_client() -> None:
    assert UpstreamError(502, "a", "no connection").reason == "no connection"
    error = UpstreamError(502, "a", "no connection", reason="10.0.0.7:80: connection refused")
    assert (str(error), error.detail, error.reason) == (
        "no connection",
        "no connection",
        "10.0.0.7:80: connection refused",
    )


def test_unusable_configuration_lists_every_problem() -> None:
    error = ConfigError(["a.yaml:1: one", "a.yaml:7: two"])
    assert error.problems == ["a.yaml:1: one", "a.yaml:7: two"]
    assert str(error) == "a.yaml:1: one\na.yaml:7: two"
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
    assert not isinstance(error, GatewayError)
