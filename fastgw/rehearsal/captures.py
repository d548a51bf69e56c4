"""What a filter ``record`` has written, read again: each line is checked as something that anybody may have made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from fastgw.filters.record import FORMAT, HASHED

LINE_MAX: Final = 4 << 20  #: bytes
TEXT_MAX: Final = 16_384  #: characters of one value
FIELDS_MAX: Final = 1000
NUMBER_MAX: Final = 1e15
LONGEST: Final = 200  #: characters of what is shown of one


class RecordedRequest(NamedTuple):
    """One line."""

    at: str
    listener: str
    scheme: str
    method: str
    path: str
    query: str  #: without its ``?``
    host: str
    fields: Mapping[str, str]  #: those whose value is known; repeated ones joined (RFC 9110 section 5.3)
    hashes: Mapping[str, str]  #: of the others, what stands in the place of their values
    body: Mapping[str, Any] | None
    route: str
    service: str
    model: str
    status: int
    code: str  #: of the gateway's own refusal or failure; empty: there was none
    milliseconds: float

    @property
    def hashed(self) -> frozenset[str]:
        """Names of the fields whose values are not known."""
        return frozenset(self.hashes)

    @property
    def values(self) -> Mapping[str, str]:
        """Of each field its value or what stands in its place: equal ones were equal."""
        return {**self.hashes, **self.fields}

    @property
    def was_served(self) -> bool:
        """Had the client what it asked for?  A redirect, and a change of protocol, are that too."""
        return 100 <= self.status < 400 and not self.code


@dataclass(slots=True)
class Capture:
    """Files of such lines."""

    paths: list[str]
    lines: int = 0
    unread: Counter[str] = field(default_factory=Counter)  #: lines that were left out, by the reason
    first_unread: dict[str, str] = field(default_factory=dict)  #: where the first of each was

    def __iter__(self) -> Iterator[RecordedRequest]:
        """Each request in its order; raises OSError where a file cannot be read."""
        for path in self.paths:
            with open(path, "rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(LINE_MAX + 1), b""), 1):
                    self.lines += 1
                    try:
                        yield read_line(line)
                    except ValueError as error:
                        self.unread[str(error)] += 1
                        self.first_unread.setdefault(str(error), f"{path}:{number}")


def read_line(line: bytes) -> RecordedRequest:
    """The request of one line; raises ValueError, whose text has nothing of the line."""
    if len(line) > LINE_MAX:
        raise ValueError("is longer than a line may be")
    if not line.endswith(b"\n"):
        raise ValueError("is cut off")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("is no JSON") from None
    if not isinstance(found, dict) or "v" not in found:
        raise ValueError("is no recorded request")
    if found["v"] != FORMAT:
        raise ValueError(f"is of another version than {FORMAT}")
    target = _text(found, "target")
    path, _, query = target.partition("?")
    if not path.startswith("/") and path != "*":
        raise ValueError("has no target")
    fields, hashes = _fields(found.get("fields", []))
    status, milliseconds = found.get("status", 0), found.get("ms", 0.0)
    if not _is_number(status, int) or not _is_number(milliseconds, int | float):
        raise ValueError("has a status or a time that is no number")
    body = found.get("body")
    return RecordedRequest(
        _text(found, "at"),
        _text(found, "listener"),
        _text(found, "scheme"),
        _text(found, "method") or "GET",
        path,
        query,
        _text(found, "host"),
        fields,
        hashes,
        body if isinstance(body, dict) else None,
        _text(found, "route"),
        _text(found, "service"),
        _text(found, "model"),
        status,
        _text(found, "code"),
        float(milliseconds),
    )


def _is_number(value: Any, kind: Any) -> bool:
    """JSON of others has integers of any length, NaN, and booleans, which Python counts among the integers."""
    return isinstance(value, kind) and not isinstance(value, bool) and abs(value) <= NUMBER_MAX


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, "")
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise ValueError(f"has {name} that is no text")
    return value


def _fields(found: Any) -> tuple[Mapping[str, str], Mapping[str, str]]:
    if not isinstance(found, list) or len(found) > FIELDS_MAX:
        raise ValueError("has fields that are none")
    fields: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for one in found:
        if not isinstance(one, list) or len(one) != 2 or not all(isinstance(each, str) for each in one):
            raise ValueError("has fields that are none")
        name, value = one[0].lower(), one[1]
        if value.startswith(HASHED):
            hashes[name] = value[:TEXT_MAX]
        else:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields, hashes


def shown(text: str) -> str:
    """Of a capture, without what a terminal would take for an order."""
    return "".join(one if one.isprintable() else "?" for one in text[:LONGEST])


def shown_request(request: RecordedRequest) -> str:
    """A request in a line, without its query."""
    return shown(f"{request.method} {request.host}{request.path}")
