"""A record of the operational log as a line for people; imported where one reads it only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_FIRST: Final = frozenset(("time", "level", "process", "pid", "event"))
_COLOURS: Final = {"error": "\x1b[31m", "warning": "\x1b[33m"}
_FAINT: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"


def text_of(record: Mapping[str, Any], *, is_coloured: bool = False) -> str:
    """``2026-11-22 12:45:33.120 error    worker 1    the event  field=value ...``; what has several lines stands below, indented.

    Control characters are shown as ``?``: a field may have bytes of a client.
    """
    level = str(record.get("level", ""))
    stamp = str(record.get("time", "")).replace("T", " ").removesuffix("Z")
    start, end = (_COLOURS.get(level, ""), _PLAIN) if is_coloured else ("", "")
    faint = _FAINT if is_coloured else ""
    fields = {key: value for key, value in record.items() if key not in _FIRST}
    short = {key: text for key, value in fields.items() if "\n" not in (text := _value(value)) and not _is_long(value)}
    process, event = _clean(str(record.get("process", ""))), _clean(str(record.get("event", "")))
    line = f"{faint}{_clean(stamp)}{end} {start}{_clean(level):<8}{end}{process:<11} {start}{event}{end}"
    rest = " ".join(f"{_clean(key)}={_clean(text)}" for key, text in short.items())
    below = "".join(f"\n    {line}" for key, value in fields.items() if key not in short for line in _lines(key, value))
    return f"{line}  {faint}{rest}{end}{below}" if rest else f"{line}{below}"


def _is_long(value: object) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(one, str) for one in value)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if (value and " " not in value and '"' not in value) or "\n" in value else json.dumps(value)
    return json.dumps(value, default=str)


def _lines(key: str, value: object) -> Iterator[str]:
    yield f"{_clean(key)}:"
    for text in value if isinstance(value, list) else [str(value)]:
        yield from (f"  {_clean(line)}" for line in str(text).splitlines())


def _clean(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
