"""The schema as a tree to walk: which keys a place of the file has, and what they are."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastgw.config.entry import Entry
from fastgw.config.model import Model
from fastgw.config.schema import Configuration
from fastgw.config.source import Tree, TreePath
from fastgw.config.types import Seconds


def keys_at(where: TreePath) -> list[str]:
    """The keys of the model that ``where`` (pydantic's own path) leads to."""
    model = _at(where)
    return list(model.model_fields) if _is_model(model) else []


def takes_text(where: TreePath) -> bool:
    """May the value there be text?"""
    found = _at(where)
    return not _is_model(found) or found.long_form("") != ""


def _at(where: TreePath) -> Any:
    annotation: Any = Configuration
    for step in where:
        annotation = inner(bare(annotation), step)
    return bare(annotation)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Model)


def bare(annotation: Any) -> Any:
    """``X`` of ``Annotated[X | None, ...]``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return bare(members[0]) if len(members) == 1 else annotation
    return annotation


def inner(annotation: Any, step: str | int) -> Any:
    """What stands at ``step`` of ``annotation``; None when there is no such place."""
    origin = get_origin(annotation)
    if origin is list:
        return get_args(annotation)[0]
    if origin is dict:
        return get_args(annotation)[1]
    if origin in (Union, UnionType):
        return _entry(annotation, step)
    if _is_model(annotation) and str(step) in annotation.model_fields:
        return annotation.model_fields[str(step)].annotation
    return None


def _entry(annotation: Any, word: object) -> Any:
    """That of a registry, all of whose entries ``annotation`` takes."""
    entries = (bare(one) for one in get_args(annotation))
    return next((one for one in entries if _is_entry(one) and one.word() == word), None)


def _is_entry(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Entry)


def durations(tree: Tree) -> Iterator[tuple[TreePath, str]]:
    """Every duration that the file gives, as it is written there, and its path."""
    yield from _durations(Configuration, tree, ())


def _durations(annotation: Any, tree: Tree, path: TreePath) -> Iterator[tuple[TreePath, str]]:
    annotation = bare(annotation)
    if isinstance(tree, list):
        for place, value in enumerate(tree):
            yield from _durations(inner(annotation, place), value, (*path, place))
    elif isinstance(tree, dict):
        if get_origin(annotation) in (Union, UnionType):
            annotation = _entry(annotation, tree.get(bare(get_args(annotation)[0]).told_by))
        for key, value in tree.items():
            if isinstance(value, str):
                if _is_duration(annotation, key):
                    yield (*path, key), value
            else:
                yield from _durations(inner(annotation, key), value, (*path, key))


def _is_duration(annotation: Any, key: str) -> bool:
    if not _is_model(annotation) or key not in annotation.model_fields:
        return False
    field = annotation.model_fields[key]
    parts = [*field.metadata, *(part for one in get_args(field.annotation) for part in get_args(one))]
    return any(isinstance(part, Seconds) for part in parts)
