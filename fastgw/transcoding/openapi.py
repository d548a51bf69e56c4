"""The methods of routes that are transcoded, in the words of OpenAPI 3.1: paths of ``google.api.http``, schemas from the descriptors.

    /v1/{name=shelves/*/books/*}:archive   ──▶   /v1/shelves/{name_1}/books/{name_2}:archive

A variable of several segments has no other form there: each of its ``*`` is a parameter of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from fastgw.transcoding.methods import ALL, HttpBinding, Methods
from fastgw.transcoding.shapes import JsonOptions
from fastgw.transcoding.templates import ANY_METHOD, MANY, ONE

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")  #: that OpenAPI knows
_DEEPEST: Final = 3  #: fields inside fields that a query is told to have
_PROBLEM: Final = "Problem"
_JSON: Final = "application/json"
_STREAMS: Final = ("application/x-ndjson", "text/event-stream")

_SCALARS: Final[Mapping[int, Mapping[str, Any]]] = {
    1: {"type": "number", "format": "double"},
    2: {"type": "number", "format": "float"},
    3: {"type": "string", "format": "int64"},
    4: {"type": "string", "format": "uint64"},
    5: {"type": "integer", "format": "int32"},
    6: {"type": "string", "format": "uint64"},
    7: {"type": "integer", "format": "uint32"},
    8: {"type": "boolean"},
    9: {"type": "string"},
    12: {"type": "string", "contentEncoding": "base64"},
    13: {"type": "integer", "format": "uint32"},
    15: {"type": "integer", "format": "int32"},
    16: {"type": "string", "format": "int64"},
    17: {"type": "integer", "format": "int32"},
    18: {"type": "string", "format": "int64"},
}
_GROUP, _MESSAGE, _ENUM = 10, 11, 14
_KNOWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "Timestamp": {"type": "string", "format": "date-time"},
    "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "FieldMask": {"type": "string"},
    "Struct": {"type": "object"},
    "ListValue": {"type": "array", "items": {}},
    "Value": {},
    "Any": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
    "Empty": {"type": "object"},
    "DoubleValue": {"type": ["number", "null"]},
    "FloatValue": {"type": ["number", "null"]},
    "Int64Value": {"type": ["string", "null"], "format": "int64"},
    "UInt64Value": {"type": ["string", "null"], "format": "uint64"},
    "Int32Value": {"type": ["integer", "null"], "format": "int32"},
    "UInt32Value": {"type": ["integer", "null"], "format": "uint32"},
    "BoolValue": {"type": ["boolean", "null"]},
    "StringValue": {"type": ["string", "null"]},
    "BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
}
_ANSWERED: Final = {
    "type": "object",
    "description": "RFC 9457, with the details of google.rpc.Status.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "integer", "description": "grpc-status"},
        "grpc_status": {"type": "string"},
        "details": {"type": "array", "items": {"type": "object"}},
    },
}


class TranscodedRoute(NamedTuple):
    """One route of which the methods are told."""

    name: str
    path: str  #: which it matches, as the configuration says it
    methods: Methods
    options: JsonOptions


def document(routes: Iterable[TranscodedRoute], version: str) -> dict[str, Any]:
    """All of them; of several with one path and method the first is told.  ``version``: of the gateway."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {_PROBLEM: _ANSWERED}
    names: set[str] = set()
    tags: dict[str, None] = {}
    for route in routes:
        writer = _Writer(route.options, schemas)
        for binding in route.methods.bindings:
            path, parameters = _path(binding)
            if not _is_reached(route.path, path):
                continue
            tags[binding.method.service] = None
            for method in _methods(binding):
                operations = paths.setdefault(path, {})
                if method not in operations:
                    operations[method] = writer.operation(binding, parameters, route.name, _name(binding, names))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Services of gRPC, as JSON over HTTP", "version": version},
        "paths": paths,
        "components": {"schemas": schemas},
        "tags": [{"name": tag} for tag in tags],
    }


def _name(binding: HttpBinding, names: set[str]) -> str:
    """Of an operation, which no other has."""
    first = found = f"{binding.method.service}.{binding.method.name}"
    number = 1
    while found in names:
        number += 1
        found = f"{first}_{number}"
    names.add(found)
    return found


def _methods(binding: HttpBinding) -> list[str]:
    if binding.http_method == ANY_METHOD:
        return ["get", "post"]
    method = binding.http_method.decode().lower()
    return [method] if method in _METHODS else []  # OpenAPI has no word for others


def _path(binding: HttpBinding) -> tuple[str, list[dict[str, Any]]]:
    """The path, and its parameters."""
    template = binding.template
    if binding.is_plain:
        return binding.path, []
    segments = list(template.segments)
    parameters = []
    for variable in template.variables:
        end = len(segments) if variable.end < 0 else variable.end
        open_ones = [place for place in range(variable.start, end) if segments[place] in (ONE, MANY)]
        for number, place in enumerate(open_ones, 1):
            name = variable.field if len(open_ones) == 1 else f"{variable.field}_{number}"
            says = " It may have slashes." if segments[place] == MANY else ""
            parameters.append(_parameter(name, "path", {"type": "string"}, f"Of the field {variable.field}.{says}"))
            segments[place] = "{" + name + "}"
    for place, segment in enumerate(segments):
        if segment in (ONE, MANY):
            segments[place] = f"{{segment_{place}}}"
            parameters.append(_parameter(f"segment_{place}", "path", {"type": "string"}, "Anything."))
    return "/" + "/".join(segments) + (f":{template.verb}" if template.verb else ""), parameters


def _is_reached(route: str, path: str) -> bool:
    """Can a request with this path be one of the route, as far as what stands in front of its first parameter tells?"""
    if route.endswith("*"):
        fixed = route[:-1].partition("{")[0]
        known = path.partition("{")[0]
        return known.startswith(fixed) or ("{" in path and fixed.startswith(known))
    return "{" in route or "{" in path or route == path


def _parameter(name: str, place: str, schema: Mapping[str, Any], says: str) -> dict[str, Any]:
    found = {"name": name, "in": place, "required": place == "path", "schema": dict(schema)}
    return found | ({"description": says} if says else {})


class _Writer:
    """Writes what one route has; the schemas of all stand together."""

    def __init__(self, options: JsonOptions, schemas: dict[str, Any]) -> None:
        self._options = options
        self._schemas = schemas

    def operation(
        self, binding: HttpBinding, parameters: list[dict[str, Any]], route: str, name: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "operationId": name,
            "tags": [binding.method.service],
            "x-fastgw-route": route,
            "x-grpc-method": binding.method.path.decode(),
            "parameters": [*parameters, *self._query(binding)],
            "responses": {"200": self._answer(binding), "default": _refused()},
        }
        if binding.body:
            found["requestBody"] = {"content": self._body(binding)}
        return found

    def _body(self, binding: HttpBinding) -> dict[str, Any]:
        if binding.has_raw_body:
            return {"*/*": {}}
        if binding.body == ALL:
            schema = self._reference(binding.method.input.descriptor)
        else:
            schema = self._field(binding.method.input.fields[binding.body].descriptor)
        if not binding.method.is_client_streaming:
            return {_JSON: {"schema": schema}}
        return {_JSON: {"schema": {"type": "array", "items": schema}}, _STREAMS[0]: {"schema": schema}}

    def _answer(self, binding: HttpBinding) -> dict[str, Any]:
        if binding.has_raw_answer:
            return {"description": "What the service answers.", "content": {"*/*": {}}}
        field = binding.answer_field
        schema = self._reference(binding.method.output.descriptor) if field is None else self._field(field.descriptor)
        if not binding.method.is_server_streaming:
            return {"description": "What the service answers.", "content": {_JSON: {"schema": schema}}}
        content: dict[str, Any] = {_JSON: {"schema": {"type": "array", "items": schema}}}
        content |= {kind: {"schema": schema} for kind in _STREAMS}
        return {"description": "What the service answers, one message after the other.", "content": content}

    def _query(self, binding: HttpBinding) -> Iterator[dict[str, Any]]:
        """The fields that neither the path nor the body gives."""
        if binding.body == ALL:
            return
        given = {binding.body, *(one.field for one in binding.template.variables)}
        for name, schema in self._leaves(binding.method.input.descriptor, (), ""):
            if name not in given and not name.startswith(f"{binding.body}." if binding.body else "\0"):
                yield _parameter(self._public(binding, name), "query", schema, "")

    def _public(self, binding: HttpBinding, name: str) -> str:
        slot = binding.slot(name)
        assert slot is not None
        return ".".join(self._named(one.descriptor) for one in slot.steps)

    def _leaves(self, descriptor: Any, above: tuple[str, ...], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The fields that a query may give, by the names of the ``.proto``; none of a type that is inside itself."""
        above = (*above, descriptor.full_name)
        for field in descriptor.fields:
            name = prefix + field.name
            if field.type not in (_GROUP, _MESSAGE):
                yield name, self._field(field)
                continue
            inner = field.message_type
            known = _known(inner)
            if known is not None:
                if known.get("type") not in ("object", "array", None) and not field.is_repeated:
                    yield name, known
            elif not field.is_repeated and len(above) <= _DEEPEST and inner.full_name not in above:
                yield from self._leaves(inner, above, f"{name}.")

    def _named(self, field: Any) -> str:
        return str(field.name if self._options.prints_proto_names else field.json_name)

    # --- schemas

    def _reference(self, descriptor: Any) -> Mapping[str, Any]:
        """That of a type of messages, which is written where it is not yet."""
        known = _known(descriptor)
        if known is not None:
            return known
        name = descriptor.full_name
        if name not in self._schemas:
            self._schemas[name] = {}  # a type may have itself inside
            properties = {self._named(field): self._field(field) for field in descriptor.fields}
            self._schemas[name] = {"type": "object", "properties": properties}
        return {"$ref": f"#/components/schemas/{name}"}

    def _field(self, field: Any) -> Mapping[str, Any]:
        if field.type == _MESSAGE and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_number[2]
            return {"type": "object", "additionalProperties": self._one(value)}
        one = self._one(field)
        return {"type": "array", "items": one} if field.is_repeated else one

    def _one(self, field: Any) -> Mapping[str, Any]:
        if field.type in (_GROUP, _MESSAGE):
            return self._reference(field.message_type)
        if field.type == _ENUM:
            return self._enum(field.enum_type)
        return _SCALARS[field.type]

    def _enum(self, enum: Any) -> Mapping[str, Any]:
        if enum.full_name == "google.protobuf.NullValue":
            return {"type": "null"}
        if self._options.prints_numbers:
            return {"type": "integer", "format": "int32"}
        return {"type": "string", "enum": [one.name for one in enum.values]}


def _known(descriptor: Any) -> Mapping[str, Any] | None:
    package, _, name = descriptor.full_name.rpartition(".")
    return _KNOWN.get(name) if package == "google.protobuf" else None


def _refused() -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{_PROBLEM}"}
    return {"description": "What went wrong.", "content": {"application/problem+json": {"schema": schema}}}
