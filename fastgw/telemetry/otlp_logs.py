"""Lines of the operational log as OTLP (opentelemetry-proto 1.x, ``logs.proto``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fastgw.telemetry.otlp import MOST_TEXT, Value, any_value, attribute, part

SEVERITIES: Final = {"info": 9, "warning": 13, "error": 17}  #: SeverityNumber of a level
#: Attributes that OpenTelemetry has a name for; any other field is one of ours.
_NAMES: Final = {
    "pid": "process.pid",
    "error": "exception.message",
    "traceback": "exception.stacktrace",
}

LogLine = tuple[int, str, str, tuple[tuple[str, Value], ...]]  #: nanoseconds since 1970, level, event, fields


def logs(of: bytes, by: bytes, lines: Iterable[LogLine]) -> bytes:
    """ExportLogsServiceRequest of ``lines``.  ``of``: the resource; ``by``: the scope."""
    records = [part(2, _record(*line)) for line in lines]
    return part(1, part(1, of) + part(2, part(1, by) + b"".join(records)))


def _record(when: int, level: str, event: str, fields: tuple[tuple[str, Value], ...]) -> bytes:
    """LogRecord; ``trace_id`` and ``span_id`` are what it is found by from the trace."""
    said = dict(fields)
    trace, span = (_id(str(said.pop(name, ""))) for name in ("trace_id", "span_id"))
    time = when.to_bytes(8, "little")
    found = [
        b"\x09" + time,
        bytes((0x10, SEVERITIES.get(level, 9))),
        part(3, level.upper().encode()),
        part(5, any_value(event[:MOST_TEXT])),
    ]
    found += [attribute(6, _NAMES.get(name) or f"fastgw.{name}", value) for name, value in said.items()]
    if len(trace) == 16:
        found.append(part(9, trace))
        if len(span) == 8:
            found.append(part(10, span))
    found.append(b"\x59" + time)  # observed when it was written
    return b"".join(found)


def _id(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""
