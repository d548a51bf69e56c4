"""What is said of a call that cannot go on."""

from __future__ import annotations

from fastgw.transcoding.scalars import MisfitError
from fastgw.transformers.grpc_json_call import misfit, unreadable


def test_a_misfit_is_told_with_its_place() -> None:
    assert misfit(MisfitError("expected a string", "a", "[2]", "b")).detail == "a[2].b: expected a string"
    assert misfit(MisfitError("expected an object")).detail == "the body: expected an object"


def test_what_cannot_be_read_is_the_fault_of_the_service() -> None:
    error = unreadable("it is broken")
    assert (error.status, error.code, error.fault) == (502, "answer_unreadable", "upstream")
    assert error.detail.endswith(": it is broken")
