"""What a template of JSON refers to: ``{"$": "/pointer", "default": ...}`` in the place of a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from fastgw.transformers.pointer import MISSING, parse

REFERENCE: Final = "$"
DEFAULT: Final = "default"
REFERENCES_MAX: Final = 256


class Reference(NamedTuple):
    """A leaf that is filled in."""

    pointer: str
    default: Any = MISSING


def read(value: Any) -> Any:
    """The template ``value`` with its references.

    Raises:
        ValueError: one of them is none; the first argument says why, the second has the steps to it.
    """
    return _read(value, ())


def _read(value: Any, place: tuple[str | int, ...]) -> Any:
    if isinstance(value, list):
        return [_read(one, (*place, number)) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if REFERENCE not in value:
        return {key: _read(one, (*place, key)) for key, one in value.items()}
    pointer = value[REFERENCE]
    more = [key for key in value if key not in (REFERENCE, DEFAULT)]
    if more:
        raise ValueError(
            f"stands beside {REFERENCE!r}, and a reference has nothing else but {DEFAULT!r}", (*place, more[0])
        )
    if not isinstance(pointer, str):
        raise ValueError("expected a JSON pointer such as /data/0/name", (*place, REFERENCE))
    try:
        parse(pointer)
    except ValueError as error:
        raise ValueError(str(error), (*place, REFERENCE)) from None
    return Reference(pointer, value.get(DEFAULT, MISSING))


def references(template: Any) -> Iterator[Reference]:
    """All of ``template``, in their order."""
    if isinstance(template, Reference):
        yield template
    elif isinstance(template, dict | list):
        for one in template.values() if isinstance(template, dict) else template:
            yield from references(one)
