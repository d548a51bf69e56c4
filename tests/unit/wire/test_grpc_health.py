"""Messages of health checks, against those of protobuf."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.grpc_health import STATUSES, health_request, read_health


def _classes() -> tuple[type, type]:
    file = descriptor_pb2.FileDescriptorProto(name="health.proto", package="grpc.health.v1", syntax="proto3")
    asked = file.message_type.add(name="HealthCheckRequest")
    asked.field.add(name="service", number=1, type=9, label=1)
    told = file.message_type.add(name="HealthCheckResponse")
    told.field.add(name="status", number=1, type=5, label=1)  # an enumeration is written as a number is
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = ("HealthCheckRequest", "HealthCheckResponse")
    found = [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.health.v1.{one}")) for one in names]
    return found[0], found[1]


Request, Response = _classes()


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_a_request_is_what_protobuf_writes(service: str) -> None:
    assert health_request(service) == Request(service=service).SerializeToString()  # type: ignore[call-arg,attr-defined]


@given(st.integers(0, 2**31 - 1))
def test_an_answer_is_read_as_protobuf_writes_it(status: int) -> None:
    assert read_health(Response(status=status).SerializeToString()) == status  # type: ignore[call-arg,attr-defined]


def test_what_says_nothing_is_unknown() -> None:
    assert STATUSES[read_health(b"")] == "UNKNOWN"


def test_fields_that_are_not_known_are_passed_over() -> None:
    assert read_health(b"\x12\x02ab" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x28\x07" + b"\x08\x01") == 1


@pytest.mark.parametrize("message", [b"\x08", b"\x08\x80", b"\x12\x05ab", b"\x0b", b"\x19\0", b"\xff" * 11])
def test_what_is_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"field|number"):
        read_health(message)


@given(st.binary(max_size=30))
def test_nothing_else_is_raised(message: bytes) -> None:
    try:
        assert read_health(message) >= 0
    except ValueError:
        pass
