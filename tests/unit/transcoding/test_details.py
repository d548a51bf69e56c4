"""Details of errors, beside the messages that Google has for them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2 as theirs

from fastgw.transcoding.details import DETAILS

LINK: dict[str, str] = {"description": "d", "url": "u"}


@pytest.mark.parametrize(
    "message",
    [
        theirs.RetryInfo(retry_delay={"seconds": 3}),
        theirs.DebugInfo(stack_entries=["a", "b"], detail="d"),
        theirs.QuotaFailure(violations=[{"subject": "s", "description": "d", "quota_value": 7, "quota_dimensions": {"a": "b"}}]),
        theirs.ErrorInfo(reason="R", domain="d", metadata={"a": "b"}),
        theirs.PreconditionFailure(violations=[{"type": "t", "subject": "s", "description": "d"}]),
        theirs.BadRequest(field_violations=[{"field": "f", "description": "d", "reason": "r", "localized_message": {"locale": "de"}}]),
        theirs.RequestInfo(request_id="i", serving_data="s"),
        theirs.ResourceInfo(resource_type="t", resource_name="n", owner="o", description="d"),
        theirs.Help(links=[LINK]),
        theirs.LocalizedMessage(locale="de", message="m"),
    ],
)  # fmt: skip
def test_they_are_written_as_theirs(message: Any) -> None:
    packed = any_pb2.Any()
    packed.Pack(message)
    assert DETAILS.own_out(packed) == json_format.MessageToDict(packed)
