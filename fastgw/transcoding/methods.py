"""Which method of which service a request asks for, and how its parts become the fields of a message.

A method is asked for by its own path, ``POST /pkg.Service/Method`` with the message as the body, and by each of its ``google.api.http``
rules.  A *binding* is one of these ways: the variables of the path, the body, and of what is left the query, each to the field it names, by
the type and the cardinality of that in the descriptor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from fastgw.transcoding.catalog import Catalog, CatalogError
from fastgw.transcoding.http_rules import HttpRule, http_rules
from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.shapes import DEEPEST, DEFAULTS, JsonOptions, Known, MessageField, MessageShape, MessageShapes
from fastgw.transcoding.templates import PathTemplate, PathTemplates, TemplateError, parse

POST: Final = b"POST"
ALL: Final = "*"  #: the whole message is the body
_BOOL, _GROUP, _MESSAGE = 8, 10, 11
_HTTP_BODY: Final = "google.api.HttpBody"
_MOST_VALUES: Final = 1000  #: of a query


class GrpcMethod:
    """One of a service."""

    __slots__ = ("input", "is_client_streaming", "is_server_streaming", "name", "output", "path", "service")

    def __init__(self, descriptor: Any, shapes: MessageShapes) -> None:
        self.service: str = descriptor.containing_service.full_name
        self.name: str = descriptor.name
        self.path = f"/{self.service}/{self.name}".encode()
        self.input = shapes.of(descriptor.input_type)
        self.output = shapes.of(descriptor.output_type)
        self.is_client_streaming: bool = descriptor.client_streaming
        self.is_server_streaming: bool = descriptor.server_streaming

    def __repr__(self) -> str:
        return f"<GrpcMethod {self.path.decode()}>"


class Slot(NamedTuple):
    """A field inside a message, and how it is reached."""

    steps: tuple[MessageField, ...]  #: the last is the field itself
    shape: MessageShape | None  #: of what it is, where that is a message


class HttpBinding:
    """One way to ask for a method."""

    def __init__(
        self, method: GrpcMethod, rule: HttpRule, template: PathTemplate, shapes: MessageShapes, *, is_plain: bool
    ) -> None:
        """
        Raises:
            CatalogError: the rule names what there is not.
        """
        self.method = method
        self.http_method = rule.method
        self.path = rule.path
        self.template = template
        self.is_plain = is_plain  #: the method's own path, and no rule
        self.body = rule.body
        self._shapes = shapes
        self._slots: dict[str, Slot] = {}
        self._body: MessageField | None = None
        self.body_shape: MessageShape | None = method.input if rule.body == ALL else None
        if rule.body not in ("", ALL):
            self._body = self._field(method.input, rule.body, "body")
            self.body_shape = self._shape_of(self._body)
        self._answer = self._field(method.output, rule.response_body, "response_body") if rule.response_body else None
        self.answer_shape = self._shape_of(self._answer) if self._answer is not None else method.output
        for one in template.variables:
            slot = self.slot(one.field)
            if slot is None or slot.steps[-1].descriptor.is_repeated or not _is_text(slot):
                raise CatalogError(
                    f"{method.path.decode()}: the path {rule.path} captures {one.field!r}, which is no field with one value"
                )
        self._captured = frozenset(one.field for one in template.variables)

    def _field(self, shape: MessageShape, name: str, key: str) -> MessageField:
        field = shape.fields.get(name)
        if field is None:
            raise CatalogError(f"{self.method.path.decode()}: {shape.name} has no field {name!r}, which {key} names")
        return field

    def _shape_of(self, field: MessageField) -> MessageShape | None:
        descriptor = field.descriptor
        is_one = descriptor.type == _MESSAGE and not descriptor.is_repeated
        return self._shapes.of(descriptor.message_type) if is_one else None

    @property
    def answer_field(self) -> MessageField | None:
        """The field that the answer is; None: the message."""
        return self._answer

    @property
    def has_raw_body(self) -> bool:
        """Is the body ``google.api.HttpBody``: whatever there is, of whatever type?"""
        return self.body_shape is not None and self.body_shape.name == _HTTP_BODY

    @property
    def has_raw_answer(self) -> bool:
        """The same of the answer."""
        return self.answer_shape is not None and self.answer_shape.name == _HTTP_BODY

    # --- requests

    def fields(self, document: Any, captured: Iterable[tuple[str, str]], query: bytes) -> Any:
        """The fields of the message.

        Args:
            document: the body as a value of JSON; None, which is null too: there is none, or nothing in it.
            captured: what ``PathTemplate.captured`` returned.
            query: of the request, without its ``?``.

        Raises:
            MisfitError: a part of the request is none of the message.
        """
        found: Any = {}
        if self.body == ALL:
            is_empty = document is None and not isinstance(self.method.input, Known)
            found = self.method.input.convert({} if is_empty else document, DEEPEST)
        elif self._body is not None and (document is not None or self._body.takes_null):
            try:
                found = {self._body.name: self._body.convert(document, DEEPEST - 1)}
            except MisfitError as error:
                error.path.insert(0, self._body.name)
                raise
        return self._with(found, captured, query)

    def raw_fields(self, data: bytes, content_type: str, captured: Iterable[tuple[str, str]], query: bytes) -> Any:
        """The same where the body ``has_raw_body``."""
        body = {"content_type": content_type, "data": data}
        return self._with(body if self._body is None else {self._body.name: body}, captured, query)

    def _with(self, found: Any, captured: Iterable[tuple[str, str]], query: bytes) -> Any:
        """``found``, and the fields that the path and the query give."""
        for name, text in captured:
            self._put(found, self._slots[name], name, text, is_captured=True)
        if query:
            self._put_query(found, query)
        return found

    def _put_query(self, found: Any, query: bytes) -> None:
        pairs = query.split(b"&")
        if len(pairs) > _MOST_VALUES:
            raise MisfitError(f"the query has more than {_MOST_VALUES} values")
        for pair in pairs:
            if not pair:
                continue
            name, value = _unescaped(pair)
            slot = self.slot(name)
            if slot is None or self.body == ALL:
                if self._shapes.options.ignores_unknown:
                    continue
                why = f"{self.method.input.name} has no such field" if slot is None else "the body is the whole message"
                raise MisfitError(f"of the query cannot be: {why}", name)
            if slot.steps[0] is self._body or ".".join(one.name for one in slot.steps) in self._captured:
                raise MisfitError("of the query is given by the body or the path", name)
            if not _is_text(slot):
                raise MisfitError("of the query is a message, a map or a list of such; its fields are name.field", name)
            self._put(found, slot, name, value, is_captured=False)

    def slot(self, name: str) -> Slot | None:
        """The field of the message by a path with dots, of either names; None: there is none."""
        found = self._slots.get(name)
        if found is None:
            found = self._find(name)
            if found is not None and len(self._slots) < _MOST_VALUES:
                self._slots[name] = found
        return found

    def _find(self, name: str) -> Slot | None:
        shape: MessageShape | None = self.method.input
        steps: list[MessageField] = []
        for part in name.split("."):
            field = shape.fields.get(part) if shape is not None else None
            if field is None or len(steps) >= DEEPEST:
                return None
            steps.append(field)
            shape = self._shape_of(field)
        return Slot(tuple(steps), shape)

    def _put(self, found: Any, slot: Slot, name: str, text: str, *, is_captured: bool) -> None:
        """Set the field at ``slot`` to what ``text`` is of it."""
        target = found
        for step in slot.steps[:-1]:
            _refuse_beside(target, step, name)
            target = target.setdefault(step.name, {})
            if type(target) is not dict:
                raise MisfitError("is given by the body", name)
        field = slot.steps[-1]
        try:
            if field.descriptor.is_repeated:
                values = target.setdefault(field.name, [])
                values += field.convert([_value(field, text)], DEEPEST)
                return
            value = field.convert(_value(field, text), DEEPEST)
        except MisfitError as error:
            raise MisfitError(error.why, name) from None
        if not is_captured and field.name in target:
            raise MisfitError("is given twice, and has one value", name)
        _refuse_beside(target, field, name)
        target[field.name] = value

    # --- answers

    def document(self, message: Any) -> Any:
        """What JSON has for an answer."""
        if self._answer is None:
            return self.method.output.dump(message)
        return self.method.output.dump_field(message, self._answer)

    def dump_any(self, one: Any) -> Any:
        """What JSON has for a ``google.protobuf.Any``.

        Raises:
            MisfitError: its type is not known here.
        """
        return self._shapes.own_out(one)

    def raw(self, message: Any) -> tuple[str, bytes]:
        """The type and the data of an answer that ``has_raw_answer``."""
        body = message if self._answer is None else getattr(message, self._answer.name)
        return body.content_type or "application/octet-stream", body.data


def _is_text(slot: Slot) -> bool:
    """Can it be one text, or a list of such: a scalar, or what JSON has as a string or a number?"""
    descriptor = slot.steps[-1].descriptor
    if descriptor.type not in (_MESSAGE, _GROUP):
        return True
    return descriptor.message_type.full_name in _TEXTS


def _value(field: MessageField, text: str) -> Any:
    """What JSON would have for ``text``."""
    descriptor = field.descriptor
    is_boolean = descriptor.type == _BOOL or (
        descriptor.type == _MESSAGE and descriptor.message_type.full_name == "google.protobuf.BoolValue"
    )
    return {"true": True, "false": False}.get(text, text) if is_boolean else text


def _refuse_beside(target: dict[str, Any], field: MessageField, name: str) -> None:
    """Refuse a field where another one of its oneof is given."""
    if field.oneof:
        others = (one.name for one in field.descriptor.containing_oneof.fields if one.name != field.name)
        if any(one in target for one in others):
            raise MisfitError(f"is given beside another field of the oneof {field.oneof}", name)


def _unescaped(pair: bytes) -> tuple[str, str]:
    name, _, value = pair.replace(b"+", b" ").partition(b"=")
    try:
        return unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise MisfitError("the query has what is no UTF-8") from None


_TEXTS: Final = frozenset(
    f"google.protobuf.{name}"
    for name in (
        *("Timestamp", "Duration", "FieldMask"),
        *(
            f"{kind}Value"
            for kind in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
        ),
    )
)


class MethodMatch(NamedTuple):
    """What a request asks for."""

    binding: HttpBinding
    captured: list[tuple[str, str]]


class Methods:
    """Those of the services that a route transcodes."""

    def __init__(self, catalog: Catalog, options: JsonOptions = DEFAULTS, services: Iterable[str] = ()) -> None:
        """``services``: full names; none: all there are.

        Raises:
            CatalogError: one of them is not there, or a rule is none.
        """
        self._shapes = MessageShapes(catalog, options)
        self._plain: dict[str, HttpBinding] = {}
        self._templates: PathTemplates[HttpBinding] = PathTemplates()
        self.bindings: list[HttpBinding] = []
        known = {one.full_name: one for one in catalog.services}
        for name in services:
            if name not in known:
                raise CatalogError(f"has no service {name!r}; it has {', '.join(known) or 'none'}")
        chosen = [known[name] for name in services] or list(known.values())
        if not chosen:
            raise CatalogError("has no services")
        for service in chosen:
            for descriptor in service.methods:
                self._add(descriptor)

    def _add(self, descriptor: Any) -> None:
        method = GrpcMethod(descriptor, self._shapes)
        path = method.path.decode()
        plain = HttpRule(POST, path, ALL, "")
        self._plain[path] = HttpBinding(method, plain, PathTemplate((), "", ()), self._shapes, is_plain=True)
        self.bindings.append(self._plain[path])
        for rule in http_rules(descriptor):
            try:
                template = parse(rule.path)
            except TemplateError as error:
                raise CatalogError(f"{path}: the path {rule.path!r} {error}") from None
            binding = HttpBinding(method, rule, template, self._shapes, is_plain=False)
            other = self._templates.add(template, rule.method, binding)
            if other is not None:
                taken = other.method.path.decode()
                raise CatalogError(f"{path}: {rule.method.decode()} {rule.path} is {taken} already")
            self.bindings.append(binding)

    def find(self, method: bytes, path: str) -> MethodMatch | set[bytes]:
        """What a request asks for; or the methods with which it would ask for something, none perhaps.

        Raises:
            UnicodeDecodeError: what is escaped in the path is no UTF-8.
        """
        plain = self._plain.get(path)
        if plain is not None:
            return MethodMatch(plain, []) if method == POST else {POST}
        found = self._templates.find(method, path)
        if isinstance(found, set):
            return found
        return MethodMatch(found.owner, found.owner.template.captured(found.segments))
