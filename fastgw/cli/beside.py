"""In what two answers to the same request differ, in words: JSON by its structure, events of a stream by their data, all else by its bytes.

Values are not told, only where they are: an answer may have secrets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastgw.core.calls import Answered

TOLD: Final = 3  #: places in an answer
READ_MAX: Final = 16 << 20  #: bytes of a body that is read as JSON
KEY_MAX: Final = 40  #: characters of a key

_Missing = object()


def difference(one: Answered, other: Answered, ignored: frozenset[str]) -> str:
    """How ``other`` is different from ``one``, whose status it has; empty: it is not.  ``ignored``: keys of JSON, wherever they stand."""
    kinds = [_kind(found) for found in (one, other)]
    if kinds[0] != kinds[1]:
        return f"content-type: {_safe(kinds[0]) or 'none'} -> {_safe(kinds[1]) or 'none'}"
    if one.body == other.body:
        return ""
    read = _reader(kinds[0])
    if read is None or max(len(one.body), len(other.body)) > READ_MAX:
        return "another body"
    try:
        first, second = read(one.body), read(other.body)
        places = dict.fromkeys(_places(first, second, ignored, ""))
    except (ValueError, RecursionError):
        return "another body"
    if not places:
        return ""
    shown = [_safe(place) or "all of it" for place in list(places)[:TOLD]]
    more = f" and {len(places) - TOLD} more" if len(places) > TOLD else ""
    return f"another body: {', '.join(shown)}{more}"


def _kind(answer: Answered) -> str:
    values = answer.values(b"content-type")
    return values[0].decode("latin-1").partition(";")[0].strip().lower() if values else ""


def _reader(kind: str) -> Any:
    if kind == "application/json" or kind.endswith("+json"):
        return json.loads
    return _events if kind == "text/event-stream" else None


def _events(body: bytes) -> list[Any]:
    """The data of each event, as JSON where it is (the HTML standard, section 9.2)."""
    found: list[Any] = []
    for line in body.decode("utf-8", "replace").splitlines():
        if line.startswith("data:"):
            data = line[5:].strip()
            try:
                found.append(json.loads(data))
            except ValueError:
                found.append(data)
    return found


def _places(one: Any, other: Any, ignored: frozenset[str], at: str) -> Iterator[str]:
    """Where two values differ: keys with dots between, ``[]`` for any entry of an array."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            if key not in ignored:
                place = f"{at}.{key[:KEY_MAX]}" if at else key[:KEY_MAX]
                yield from _places(one.get(key, _Missing), other.get(key, _Missing), ignored, place)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for first, second in zip(one, other, strict=True):
            yield from _places(first, second, ignored, f"{at}[]")
    elif type(one) is not type(other) or one != other:
        if not (_is_number(one) and _is_number(other) and one == other):
            yield at


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _safe(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text[:100])
