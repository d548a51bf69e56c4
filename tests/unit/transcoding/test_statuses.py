"""How a call went, as a problem."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.statuses import CallStatus, problem, read_status


def status(**fields: bytes) -> CallStatus | None:
    return read_status(lambda name: fields.get(name.decode().replace("-", "_")))


def dumped(one: Any) -> Any:
    if "known" in one.type_url:
        return {"@type": one.type_url, "it": one.value.decode()}
    raise MisfitError("not known")


def test_it_is_read_from_its_fields() -> None:
    assert status() is None
    assert status(grpc_status=b"0") == CallStatus(0, "", b"")
    assert status(grpc_status=b"5", grpc_message=b"no%20%E2%82%AC") == CallStatus(5, "no €", b"")
    assert status(grpc_status=b"x") == CallStatus(2, "", b"")
    assert status(grpc_status=b"99") == CallStatus(2, "", b"")


@pytest.mark.parametrize("code", range(17))
def test_every_code_has_a_status_and_a_title(code: int) -> None:
    told = problem(CallStatus(code, "m", b""), dumped)
    assert (told["code"], told["detail"], told["details"]) == (code, "m", [])
    assert told["title"] != "Error"


def test_details_are_told_as_json_or_as_what_they_are() -> None:
    details = status_pb2.Status(code=5, message="m")
    details.details.add(type_url="x/known.Type", value=b"v")
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason="R"))
    details.details.append(packed)
    details.details.add(type_url="x/no.Such", value=b"\7")
    encoded = base64.b64encode(details.SerializeToString()).rstrip(b"=")
    found = status(grpc_status=b"5", grpc_status_details_bin=encoded)
    assert found is not None
    told = problem(found, dumped, "7")
    assert told["status"] == 404
    assert told["title"] == "Not Found"
    assert told["type"] == "urn:fastgw:grpc:not_found"
    assert told["grpc_status"] == "NOT_FOUND"
    assert told["instance"] == "urn:request:7"
    assert told["details"] == [
        {"@type": "x/known.Type", "it": "v"},
        {"@type": packed.type_url, "reason": "R"},
        {"@type": "x/no.Such", "value": "Bw=="},
    ]


@pytest.mark.parametrize("data", [b"%%%", b"/////w", b"A" * (65 << 10)])
def test_details_that_are_none_are_left_out(data: bytes) -> None:
    found = status(grpc_status=b"3", grpc_status_details_bin=data)
    assert found is not None
    assert problem(found, dumped)["details"] == []
