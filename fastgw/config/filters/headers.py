"""What the file says of a filter of type ``headers``."""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.http_values import field_name
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spelling import as_written, same_fields
from fastgw.config.template import template, templates
from fastgw.config.types import Parsed
from fastgw.config.unsound import is_unsound
from fastgw.config.values import shown
from fastgw.wire.fields import OWN_REQUEST_FIELDS, OWN_RESPONSE_FIELDS, is_own

#: Whose business some of these fields are.
_ELSEWHERE = {
    "host": "the service's host: says which one it is told",
    "x-request-id": "a filter of type request_id says it",
    "x-forwarded-for": "it is what the gateway knows of the client",
    "x-forwarded-proto": "it is what the gateway knows of the client",
    "x-forwarded-host": "it is what the gateway knows of the client",
    "x-client-cert-subject": "it is what the gateway knows of the client",
    "date": "the gateway says it where the service does not",
    "via": "the gateway adds itself to it",
}


#: Variables as nginx, Envoy and HAProxy write them.
_FOREIGN = re.compile(rb"\$[a-z][a-z_]+|%[A-Z][A-Z_]*[(%]|%\[[a-z]")


def _field(own: frozenset[bytes]) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if isinstance(value, str) and value.startswith(":"):
            raise ValueError(f"{shown(value)} is a pseudo field of HTTP/2, and no header field")
        found = field_name(value)
        if is_own(found.encode(), own):
            meant = found.replace("_", "-")
            said = _ELSEWHERE.get(meant, "it frames the message or belongs to one connection")
            raise ValueError(f"{found!r} cannot be changed: {said}")
        return found

    return parse


_VALUE = {"type": ["string", "number", "boolean"]}
_VALUES = {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]}

Parts = tuple[bytes | str, ...]
RequestField = Annotated[str, Parsed(_field(OWN_REQUEST_FIELDS), is_key=True, type="string")]
ToldField = Annotated[str, Parsed(_field(OWN_REQUEST_FIELDS), type="string")]  #: the same as a value
RequestValue = Annotated[Parts, Parsed(template(is_answer=False), takes_variables=True, **_VALUE)]
RequestValues = Annotated[tuple[Parts, ...], Parsed(templates(is_answer=False), takes_variables=True, **_VALUES)]
ResponseField = Annotated[str, Parsed(_field(OWN_RESPONSE_FIELDS), is_key=True, type="string")]
ResponseValue = Annotated[Parts, Parsed(template(is_answer=True), takes_variables=True, **_VALUE)]
ResponseValues = Annotated[tuple[Parts, ...], Parsed(templates(is_answer=True), takes_variables=True, **_VALUES)]


class RequestFields(Model):
    """What the service gets."""

    set: dict[RequestField, RequestValue] = setting({}, "Sent in the place of what is there.")
    add: dict[RequestField, RequestValues] = setting({}, "Sent beside what is there: a value, or a list of them.")
    remove: list[RequestField] = setting([], "Not sent.")


class ResponseFields(Model):
    """What the client gets, whoever answers."""

    set: dict[ResponseField, ResponseValue] = setting({}, "Sent in the place of what is there.")
    add: dict[ResponseField, ResponseValues] = setting({}, "Sent beside what is there: a value, or a list of them.")
    remove: list[ResponseField] = setting([], "Not sent.")


class Headers(FilterOptions):
    """Sets, adds and removes header fields of requests and answers."""

    made_by: ClassVar[str] = "fastgw.filters.headers:Headers"
    type: Literal["headers"] = setting(..., "headers")
    request: RequestFields = setting({}, "What the service gets.")
    response: ResponseFields = setting({}, "What the client gets, whoever answers.")

    def does(self) -> str:
        """Which fields, in which way."""
        sides = {"request": self.request, "response": self.response}
        ways = {
            side: [f"{way} {', '.join(names)}" for way in ("set", "add", "remove") if (names := getattr(fields, way))]
            for side, fields in sides.items()
        }
        return "; ".join(f"{side}: {', '.join(said)}" for side, said in ways.items() if said)

    def check(self, document: Document, where: TreePath) -> None:
        """Something is changed, and each field in one way."""
        sides: dict[str, RequestFields | ResponseFields] = {"request": self.request, "response": self.response}
        if not any(is_unsound(one) or one.set or one.add or one.remove for one in sides.values()):
            if not any(document.at((*where, side)) for side in sides):
                document.report(where, "changes nothing: give it request or response")
        for side, fields in sides.items():
            _once_each(document, (*where, side), fields)
            _foreign(document, (*where, side), fields)


def _once_each(document: Document, where: TreePath, fields: RequestFields | ResponseFields) -> None:
    for key in ("set", "add"):
        same_fields(document, (*where, key))
    names = list(fields.remove)
    for place, name in enumerate(names):
        if not is_unsound(name) and name in names[:place]:
            document.report((*where, "remove", place), f"{name!r} is in this list already")
    for place, name in enumerate(names):
        if name in fields.set:
            document.report((*where, "remove", place), f"{name!r} is set as well; set replaces it")
        elif name in fields.add:
            document.report((*where, "remove", place), f"{name!r} is added as well; set replaces it")
    for name in fields.add:
        if name in fields.set:
            key = as_written(document, (*where, "add"), name)
            document.report((*where, "add", key), f"{name!r} is set as well; give one of them", at_key=True)


def _foreign(document: Document, where: TreePath, fields: RequestFields | ResponseFields) -> None:
    """Warn of variables in the language of another program, which are literal text here."""
    for key, name, parts in _values(fields):
        found = next((one[0] for part in parts if isinstance(part, bytes) and (one := _FOREIGN.search(part))), None)
        if found is not None:
            place = (*where, key, as_written(document, (*where, key), name))
            said = f"{shown(found.decode())} is taken literally; variables are ${{client.address}} and the like"
            document.warn(place, said)


def _values(fields: RequestFields | ResponseFields) -> Iterator[tuple[str, str, Parts]]:
    for name, parts in fields.set.items():
        yield "set", name, parts
    for name, several in fields.add.items():
        for parts in several:
            yield "add", name, parts
