"""``per``: what a limit counts for itself.  ``fastgw.filters.keys`` makes keys of it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastgw.config.http_values import field_name
from fastgw.config.types import Parsed
from fastgw.config.values import one_of, scalar, shown, text

MOST_SOURCES: Final = 4  #: of one limit
KNOWN_EARLY: Final = ("listener", "filter", "address", "header")  #: those known before a route is looked for
_WORDS: Final = ("route", "listener", "filter", "address", "api_key")
_FAMILIES: Final = ("header:<name>", "claim:<name>", "note:<name>")
_WORDS_OF_MODELS: Final = (*_WORDS, "key", "user", "model")  #: known when a filter sees what is asked of a model
_FAMILIES_OF_MODELS: Final = (*_FAMILIES, "label:<name>")


def _per(value: object) -> tuple[str, ...]:
    """One source, or a list of some, which are counted together."""
    return _sources(value, _WORDS, _FAMILIES)


def _per_of_models(value: object) -> tuple[str, ...]:
    return _sources(value, _WORDS_OF_MODELS, _FAMILIES_OF_MODELS)


def _sources(value: object, words: tuple[str, ...], families: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list):
        return (_source(value, words, families),)
    found = tuple(_source(one, words, families) for one in value)
    if not 1 <= len(found) <= MOST_SOURCES:
        raise ValueError(f"expected 1 to {MOST_SOURCES} of them, got {len(found)}")
    for place, one in enumerate(found):
        if one in found[:place]:
            raise ValueError(f"{one!r} is in this list already")
        if one == "filter" and len(found) > 1:
            raise ValueError("'filter' is all requests together, and says nothing beside others")
    return found


def _source(value: object, words: tuple[str, ...], families: tuple[str, ...]) -> str:
    """One of a few words, or one with the name of a field, a claim, a note or a label."""
    found = scalar(value, f"{', '.join(words)} or one of {', '.join(families)}")
    kind, colon, name = found.partition(":")
    if not colon:
        return one_of(*words, *families)(value)
    if kind == "header":
        return f"header:{field_name(name)}"
    if kind == "claim" and text("the name of a claim")(name):
        return f"claim:{name}"
    if kind == "note" and all(text("the name of a note")(name).split(".")):
        return f"note:{name}"
    if kind == "label" and f"{kind}:<name>" in families and text("the name of a label")(name):
        return f"label:{name}"
    if kind in ("claim", "note"):
        raise ValueError(f"expected the name of a {kind}, got {shown(name)}")
    return one_of(*words, *families)(value)


_ONE: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(route|listener|filter|address|api_key|(header|claim|note):.+)$|\$\{",
}

_ONE_OF_MODELS: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": r"^(route|listener|filter|address|api_key|key|user|model|(header|claim|note|label):.+)$|\$\{",
}

Per = Annotated[tuple[str, ...], Parsed(_per, anyOf=[_ONE, {"type": "array", "items": _ONE}])]
PerOfModels = Annotated[
    tuple[str, ...], Parsed(_per_of_models, anyOf=[_ONE_OF_MODELS, {"type": "array", "items": _ONE_OF_MODELS}])
]
