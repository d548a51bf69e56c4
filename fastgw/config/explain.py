"""pydantic's findings in the words of an operator, at the line they are about."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from fastgw.config.schema import FILTERS, Gateway, Model
from fastgw.config.source import Document, TreePath
from fastgw.config.values import Expanded, kind, nearest, shown

_EXPECTED = {
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def translate(document: Document, error: ValidationError) -> None:
    """Report everything pydantic found."""
    errors = error.errors(include_url=False, include_input=False)
    for place, found in enumerate(errors):
        if document.is_full:
            document.untold += len(errors) - place
            break
        _translate(document, found["type"], found["loc"], found)


def _translate(document: Document, cause: str, where: TreePath, found: Mapping[str, Any]) -> None:
    at_key = bool(where) and where[-1] == "[key]"
    where = where[:-1] if at_key else where
    if cause == "extra_forbidden":
        keys = _keys_at(where[:-1])
        document.report(_plain(document, where), f"unknown key{_known(str(where[-1]), keys)}", at_key=True)
        return
    where = _plain(document, where)
    if cause == "missing":
        document.report(where, "is required")
    elif cause in ("union_tag_invalid", "union_tag_not_found"):
        _filter_type(document, where)
    elif cause == "value_error":
        document.report(where, str(found["ctx"]["error"]), at_key=at_key)
    elif cause == "too_short":
        document.report(where, "is empty; it needs at least one entry")
    elif cause in _EXPECTED:
        document.report(where, f"expected {_EXPECTED[cause]}, got {kind(document.at(where))}")
    else:
        document.report(where, str(found["msg"]))


def _filter_type(document: Document, where: TreePath) -> None:
    value = document.at((*where, "type"))
    if value is None:
        document.report((*where, "type"), f"is required; known types are {', '.join(FILTERS)}")
    elif isinstance(value, str):
        hint = "" if isinstance(value, Expanded) else _known(value, list(FILTERS))
        document.report((*where, "type"), f"unknown type {shown(value)}{hint}")
    else:
        document.report((*where, "type"), f"expected a type, got {kind(value)}; known types are {', '.join(FILTERS)}")


def _known(word: str, names: list[str]) -> str:
    hint = nearest(word, names)
    if hint or not names:
        return hint
    return f"; known are {', '.join(names)}"


def _plain(document: Document, where: TreePath) -> TreePath:
    """The path as the file has it: without the names pydantic gives to alternatives and short forms."""
    if len(where) > 2 and where[0] == "filters" and where[2] in FILTERS:
        where = (*where[:2], *where[3:])
    if len(where) > 5 and where[2:4] == ("tls", "certificates") and document.at(where[:4]) is None:
        where = (*where[:3], *where[5:])  # {cert: ..., key: ...}
    return where


def _keys_at(where: TreePath) -> list[str]:
    """The keys of the model that ``where`` (pydantic's own path) leads to."""
    annotation: Any = Gateway
    for step in where:
        annotation = _inner(_bare(annotation), step)
    model = _bare(annotation)
    if isinstance(model, type) and issubclass(model, Model):
        return list(model.model_fields)
    return []


def _bare(annotation: Any) -> Any:
    """``X`` of ``Annotated[X | None, ...]``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _inner(annotation: Any, step: str | int) -> Any:
    origin = get_origin(annotation)
    if origin is list:
        return get_args(annotation)[0]
    if origin is dict:
        return get_args(annotation)[1]
    if origin in (Union, UnionType):
        return FILTERS.get(str(step))
    if isinstance(annotation, type) and issubclass(annotation, Model) and str(step) in annotation.model_fields:
        return annotation.model_fields[str(step)].annotation
    return None
