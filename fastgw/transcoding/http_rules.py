"""``google.api.http`` of a method: read from its options by the published numbers of its fields (google/api/http.proto,
google/api/annotations.proto), so that nobody has to have those files, whoever else in this process has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from fastgw.transcoding.templates import ANY_METHOD

_HTTP: Final = 72295728  #: of ``google.api.http`` in ``google.protobuf.MethodOptions``
_METHODS: Final = (("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 6))
_STRING, _MESSAGE = 9, 11  #: types of fields
_ONE, _MANY = 1, 3  #: labels


class HttpRule(NamedTuple):
    """One way to ask for a method."""

    method: bytes
    path: str
    body: str  #: the field that the body is, "*": the message; empty: there is none
    response_body: str  #: the field that the answer is; empty: the message


def http_rules(method: Any) -> Iterator[HttpRule]:
    """Those of a method's descriptor, the first first."""
    rule = _OPTIONS.FromString(method.GetOptions().SerializeToString()).http
    for one in (rule, *rule.additional_bindings):
        kind = one.WhichOneof("pattern")
        if kind == "custom":
            verb = one.custom.kind
            yield HttpRule(ANY_METHOD if verb == "*" else verb.encode(), one.custom.path, one.body, one.response_body)
        elif kind is not None:
            yield HttpRule(kind.upper().encode(), getattr(one, kind), one.body, one.response_body)


def _options() -> Any:
    """A class that reads of ``MethodOptions`` the rule alone."""
    file = descriptor_pb2.FileDescriptorProto(name="rules.proto", package="fastgw", syntax="proto3")
    options = file.message_type.add(name="Options")
    options.field.add(name="http", number=_HTTP, type=_MESSAGE, type_name=".fastgw.Rule", label=_ONE)
    rule = file.message_type.add(name="Rule")
    rule.oneof_decl.add(name="pattern")
    for name, number in _METHODS:
        rule.field.add(name=name, number=number, type=_STRING, label=_ONE, oneof_index=0)
    rule.field.add(name="custom", number=8, type=_MESSAGE, type_name=".fastgw.Custom", label=_ONE, oneof_index=0)
    rule.field.add(name="body", number=7, type=_STRING, label=_ONE)
    rule.field.add(name="response_body", number=12, type=_STRING, label=_ONE)
    rule.field.add(name="additional_bindings", number=11, type=_MESSAGE, type_name=".fastgw.Rule", label=_MANY)
    custom = file.message_type.add(name="Custom")
    custom.field.add(name="kind", number=1, type=_STRING, label=_ONE)
    custom.field.add(name="path", number=2, type=_STRING, label=_ONE)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fastgw.Options"))


_OPTIONS: Final = _options()
