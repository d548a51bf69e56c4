"""Details of errors that every service may tell without having them in its descriptors: ``google/rpc/error_details.proto``, by its
published names and numbers."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.shapes import MessageShapes

_STRING, _INT64, _MESSAGE = 9, 3, 11
_ONE, _MANY = 1, 3

#: Type -> field -> number and type, "*" in front of what there may be many of; a field without a type is text.
_TYPES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "RetryInfo": {"retry_delay": (1, "google.protobuf.Duration")},
    "DebugInfo": {"stack_entries": (1, "*"), "detail": (2, "")},
    "QuotaViolation": {
        "subject": (1, ""),
        "description": (2, ""),
        "api_service": (3, ""),
        "quota_metric": (4, ""),
        "quota_id": (5, ""),
        "quota_dimensions": (6, "{}"),
        "quota_value": (7, "int64"),
        "future_quota_value": (8, "int64"),
    },
    "QuotaFailure": {"violations": (1, "*google.rpc.QuotaViolation")},
    "ErrorInfo": {"reason": (1, ""), "domain": (2, ""), "metadata": (3, "{}")},
    "PreconditionViolation": {"type": (1, ""), "subject": (2, ""), "description": (3, "")},
    "PreconditionFailure": {"violations": (1, "*google.rpc.PreconditionViolation")},
    "LocalizedMessage": {"locale": (1, ""), "message": (2, "")},
    "FieldViolation": {
        "field": (1, ""),
        "description": (2, ""),
        "reason": (3, ""),
        "localized_message": (4, "google.rpc.LocalizedMessage"),
    },
    "BadRequest": {"field_violations": (1, "*google.rpc.FieldViolation")},
    "RequestInfo": {"request_id": (1, ""), "serving_data": (2, "")},
    "ResourceInfo": {"resource_type": (1, ""), "resource_name": (2, ""), "owner": (3, ""), "description": (4, "")},
    "Link": {"description": (1, ""), "url": (2, "")},
    "Help": {"links": (1, "*google.rpc.Link")},
}


def _put(message: Any, name: str, number: int, kind: str) -> None:
    """Add a field."""
    if kind == "{}":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        for place, key in enumerate(("key", "value"), 1):
            entry.field.add(name=key, number=place, type=_STRING, label=_ONE)
        of = f".google.rpc.{message.name}.{entry.name}"
        message.field.add(name=name, number=number, type=_MESSAGE, type_name=of, label=_MANY)
        return
    label = _MANY if kind.startswith("*") else _ONE
    kind = kind.removeprefix("*")
    if "." in kind:
        message.field.add(name=name, number=number, type=_MESSAGE, type_name=f".{kind}", label=label)
    else:
        message.field.add(name=name, number=number, type=_INT64 if kind == "int64" else _STRING, label=label)


def _shapes() -> MessageShapes:
    file = descriptor_pb2.FileDescriptorProto(
        name="google/rpc/error_details.proto", package="google.rpc", syntax="proto3"
    )
    file.dependency.append("google/protobuf/duration.proto")
    for kind, fields in _TYPES.items():
        message = file.message_type.add(name=kind)
        for name, (number, of) in fields.items():
            _put(message, name, number, of)
    return MessageShapes(Catalog(descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()))


#: What reads and writes an Any of them.
DETAILS: Final = _shapes()
