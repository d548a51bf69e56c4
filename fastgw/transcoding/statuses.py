"""How a call went, as a client of HTTP is told: ``grpc-status`` and ``google.rpc.Status`` as a problem (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pybase64
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from fastgw.transcoding.details import DETAILS
from fastgw.transcoding.scalars import MisfitError
from fastgw.wire.grpc import CODES, HTTP_STATUSES, OK, UNKNOWN, read_code, read_message
from fastgw.wire.serialize import REASONS

_DETAILS_MAX: Final = 64 << 10  #: bytes of ``grpc-status-details-bin`` that are read
#: Fields of gRPC itself, which no client of HTTP gets.
OWN_FIELDS: Final = (
    *(b"grpc-status", b"grpc-message", b"grpc-status-details-bin"),
    *(b"grpc-encoding", b"grpc-accept-encoding"),
)


class CallStatus(NamedTuple):
    """How a call went."""

    code: int
    message: str
    details: bytes  #: a serialised ``google.rpc.Status``; empty: there is none

    @property
    def is_ok(self) -> bool:
        """Did it succeed?"""
        return self.code == OK

    @property
    def http_status(self) -> int:
        """That of HTTP."""
        return HTTP_STATUSES[self.code]


_SUCCESS: Final = CallStatus(OK, "", b"")


def read_status(field: Callable[[bytes], bytes | None]) -> CallStatus | None:
    """How the call went, by the fields that tell, of trailers or of a head; None: they do not."""
    value = field(b"grpc-status")
    if value is None:
        return None
    if value == b"0":
        return _SUCCESS
    code = read_code(value)
    return CallStatus(
        UNKNOWN if code < 0 else code,
        read_message(field(b"grpc-message") or b""),
        _decoded(field(b"grpc-status-details-bin")),
    )


def _decoded(value: bytes | None) -> bytes:
    """Base64 without padding, mostly; what is none is nothing: the code has been told."""
    if not value or len(value) > _DETAILS_MAX:
        return b""
    try:
        return pybase64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except ValueError:
        return b""


def problem(status: CallStatus, dump: Callable[[Any], Any], instance: str = "") -> dict[str, Any]:
    """The problem that ``status`` is.

    Args:
        dump: what JSON has for a ``google.protobuf.Any``; raises MisfitError where its type is not known.
        instance: the id of the request; empty: it has none.
    """
    http_status = status.http_status
    found = {
        "type": f"urn:fastgw:grpc:{CODES[status.code].lower()}",
        "title": REASONS.get(http_status, b"Cancelled").decode(),
        "status": http_status,
        "detail": status.message,
        "code": status.code,
        "grpc_status": CODES[status.code],
        "details": _details(status.details, dump),
    }
    if instance:
        found["instance"] = f"urn:request:{instance}"
    return found


def _details(data: bytes, dump: Callable[[Any], Any]) -> list[Any]:
    if not data:
        return []
    try:
        details = _STATUS.FromString(data).details
    except DecodeError:
        return []
    return [_detail(any_pb2.Any(type_url=one.type_url, value=one.value), dump) for one in details]


def _detail(one: Any, dump: Callable[[Any], Any]) -> Any:
    for known in (dump, DETAILS.own_out):
        try:
            return known(one)
        except MisfitError:  # of a type that is not there
            continue
    return {"@type": one.type_url, "value": pybase64.b64encode(one.value).decode()}


def _status_class() -> Any:
    """``google.rpc.Status`` (google/rpc/status.proto), by its published numbers."""
    file = descriptor_pb2.FileDescriptorProto(name="status.proto", package="fastgw", syntax="proto3")
    file.dependency.append("google/protobuf/any.proto")
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=5, label=1)
    status.field.add(name="message", number=2, type=9, label=1)
    status.field.add(name="details", number=3, type=11, type_name=".google.protobuf.Any", label=3)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fastgw.Status"))


_STATUS: Final = _status_class()
