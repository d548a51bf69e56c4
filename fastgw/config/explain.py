"""pydantic's findings in the words of an operator, at the line they are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from fastgw.config.filters import FILTERS
from fastgw.config.likeness import meant_key, nearest, nearest_word
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers import TRANSFORMERS
from fastgw.config.unsound import UNSOUND
from fastgw.config.values import Expanded, kind, shown
from fastgw.config.vocabulary import keys_at, takes_text

_EXPECTED = {
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_PAIR = ["cert", "key"]  #: of the short form of listeners[].tls
_LONGEST_LIST = 80  #: characters of a word that is shown as the list it should be


def translate(document: Document, error: ValidationError) -> None:
    """Report everything pydantic found, but what follows from something told already."""
    meant: set[TreePath] = set()  # keys that are there under a name much like theirs
    missing: list[TreePath] = []
    errors = error.errors(include_url=False, include_input=False)
    for place, found in enumerate(errors):
        if document.is_full:
            document.untold += len(errors) - place
            break
        if found["type"] == "missing":
            missing.append(found["loc"])
        elif found["type"] == "extra_forbidden":
            _unknown_key(document, found["loc"], meant)
        else:
            _translate(document, found["type"], found["loc"], found)
    for where in (_plain(document, where) for where in missing):
        if where not in meant and where[:-1] not in document.partial and document.at(where) is not UNSOUND:
            document.report(where, "is required")


def _unknown_key(document: Document, where: TreePath, meant: set[TreePath]) -> None:
    key, keys = str(where[-1]), keys_at(where[:-1])
    path = _plain(document, where)
    if "certificates" in keys:
        if key in _PAIR:
            document.report(path, "stands beside certificates; give one of them", at_key=True)
            return
        keys += _PAIR
    word = meant_key(key, keys)
    meant.add((*path[:-1], word))
    if word in _PAIR:
        meant.add((*path[:-1], "certificates"))
    said = f"; did you mean {word!r}?" if word else f"; known are {', '.join(keys)}"
    document.report(path, f"unknown key{said}", at_key=True)


def _translate(document: Document, cause: str, where: TreePath, found: Mapping[str, Any]) -> None:
    at_key = bool(where) and where[-1] == "[key]"
    place = where[:-1] if at_key else where  # pydantic's own
    where = _plain(document, place)
    value = document.at(where)
    if value is UNSOUND:
        return
    if cause in ("union_tag_invalid", "union_tag_not_found"):
        _entry_word(document, where)
    elif cause == "value_error":
        document.report(where, str(found["ctx"]["error"]), at_key=at_key)
    elif cause == "too_short":
        document.report(where, "is empty; it needs at least one entry")
    elif cause in _EXPECTED:
        document.report(where, f"expected {_EXPECTED[cause]}{_instead(cause, value, place)}")
    else:
        document.report(where, str(found["msg"]))


def _instead(cause: str, value: object, where: TreePath) -> str:
    """What is there instead of a list or a mapping, and how it is written as one."""
    got = f", got {kind(value)}"
    if cause == "list_type" and isinstance(value, str):
        words = value.source if isinstance(value, Expanded) else value
        if takes_text((*where, 0)) and words.isprintable() and 0 < len(words) <= _LONGEST_LIST:
            return f": [{words}]"
    elif cause == "list_type" and isinstance(value, dict):
        return f"{got}; each entry begins with '- '"
    elif cause == "dict_type" and isinstance(value, list):
        return f"{got}; the names are its keys, without '- '" if where in (("services",), ("filters",)) else got
    elif cause != "list_type" and isinstance(value, str) and keys_at(where):
        return f"{got}; its keys are {', '.join(keys_at(where))}"
    return got


def _entry_word(document: Document, where: TreePath) -> None:
    """The word is wrong that says which one of a registry it is."""
    is_filter = where[0] == "filters"
    key, what = ("type", "type") if is_filter else ("name", "transformer")
    words = [word for word, one in TRANSFORMERS.items() if where[3] in one.sides] if not is_filter else list(FILTERS)
    options = document.at(where)
    is_short = isinstance(options, str)
    place = where if is_short else (*where, key)
    value = options if is_short else document.at(place)
    if value is UNSOUND:
        return
    if value is None:
        misspelled = nearest_word(key, options) if isinstance(options, dict) else ""
        if misspelled:
            document.report((*where, misspelled), f"unknown key; did you mean {key!r}?", at_key=True)
        else:
            document.report(place, f"is required; known {what}s are {', '.join(words)}")
    elif isinstance(value, str):
        hint = "" if isinstance(value, Expanded) else _known(value, words)
        document.report(place, f"unknown {what} {shown(value)}{hint}")
    else:
        document.report(place, f"expected a {what}, got {kind(value)}; known {what}s are {', '.join(words)}")


def _known(word: str, names: list[str]) -> str:
    hint = nearest(word, names)
    if hint or not names:
        return hint
    return f"; known are {', '.join(names)}"


def _plain(document: Document, where: TreePath) -> TreePath:
    """The path as the file has it: without the names pydantic gives to alternatives and short forms."""
    if len(where) > 2 and where[0] == "filters" and where[2] in FILTERS:
        where = (*where[:2], *where[3:])
    if len(where) > 4 and where[0] == "routes" and where[2] == "transformers":
        if len(where) > 5 and where[5] in TRANSFORMERS:
            where = (*where[:5], *where[6:])
        if not isinstance(document.at(where[:4]), list):
            where = (*where[:4], *where[5:])
    if where[-1:] == ("options",) and document.at(where) is None:
        where = where[:-1]  # what a plugin is given stands beside its other keys
    if len(where) > 5 and where[2:4] == ("tls", "certificates") and document.at(where[:4]) is None:
        where = (*where[:3], *where[5:])  # {cert: ..., key: ...}
    if len(where) > 3 and where[0] == "filters" and where[3] == 0 and isinstance(document.at(where[:3]), dict):
        where = (*where[:3], *where[4:])  # one entry without its list
    return where
