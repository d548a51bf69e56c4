"""What a server says in an answer of how busy it is: a load report of ORCA (Open Request Cost Aggregation), as Envoy and gRPC read it.

    endpoint-load-metrics: TEXT cpu_utilization=0.3, named_metrics.kv_cache_usage_perc=0.4      or ":" for "="
    endpoint-load-metrics: JSON {"cpu_utilization": 0.3, "named_metrics": {"kv_cache_usage_perc": 0.4}}
    endpoint-load-metrics: BIN CTMzMzMzM9M/...      and endpoint-load-metrics-bin, which has the same without the word
    endpoint-load-metrics-json: {"cpu_utilization": 0.3}

The message is ``xds.data.orca.v3.OrcaLoadReport``: numbers, and maps of numbers by names.  A report is a mapping of all of them, those of
maps as "named_metrics.x".  It is read as if it were junk: within bounds, each number once, finite and not below 0.
"""

from __future__ import annotations

import binascii
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import orjson

FIELD: Final = b"endpoint-load-metrics"
FORMAT_FIELD: Final = (
    b"endpoint-load-metrics-format"  #: of a request, by which servers such as vLLM are asked for a report
)
TEXT: Final = b"TEXT"
#: Fields that may have one, and how the value is read where no word says it.
FIELDS: Final = (FIELD, b"endpoint-load-metrics-bin", b"endpoint-load-metrics-json")

REPORT_MAX: Final = 8192  #: bytes of a field
NUMBERS_MAX: Final = 128  #: of a report
NAME_MAX: Final = 256  #: bytes

_NUMBERS: Final = ("cpu_utilization", "mem_utilization", "application_utilization", "rps_fractional", "eps", "rps")
_MAPS: Final = ("named_metrics", "utilization", "request_cost")
#: Of the message, by the number of the field (protobuf.dev, Encoding): doubles, and maps of a string to one.
_DOUBLES: Final = {
    1: "cpu_utilization",
    2: "mem_utilization",
    6: "rps_fractional",
    7: "eps",
    9: "application_utilization",
}
_MAPPED: Final = {4: "request_cost", 5: "utilization", 8: "named_metrics"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DOUBLE: Final = struct.Struct("<d")
_VARINT_MOST: Final = 10  #: bytes of one


def read_report(values: Mapping[bytes, bytes]) -> dict[str, float]:
    """What a report says; ``values``: of ``FIELDS``, those that the answer has.

    Raises:
        ValueError: it is none, or there are several.
    """
    if len(values) != 1:
        raise ValueError(f"there are {len(values)} load reports")
    ((name, value),) = values.items()
    if len(value) > REPORT_MAX:
        raise ValueError(f"a load report of {len(value)} bytes is too long")
    found: dict[str, float] = {}
    for key, number in _reader(name, value):
        if key in found:
            raise ValueError(f"{key} is there twice")
        if not key or len(key) > NAME_MAX or len(found) >= NUMBERS_MAX:
            raise ValueError("a name is too long, or there are too many")
        if not math.isfinite(number) or number < 0.0:
            raise ValueError(f"{key} is {number}")
        found[key] = number
    return found


def _reader(name: bytes, value: bytes) -> Iterator[tuple[str, float]]:
    if name != FIELD:
        return _binary(value) if name == FIELDS[1] else _json(value)
    word, _, rest = value.partition(b" ")
    form = _FORMS.get(word)
    if form is None:
        raise ValueError("a load report is TEXT, JSON or BIN")
    return form(rest)


def _text(value: bytes) -> Iterator[tuple[str, float]]:
    for part in value.decode("ascii").split(","):
        if not part.strip(" \t"):
            continue
        name, mark, number = part.partition("=" if "=" in part else ":")
        name = name.strip(" \t")
        first, _, rest = name.partition(".")
        if not mark or (name not in _NUMBERS and not (first in _MAPS and rest)):
            raise ValueError("it has something that is no metric")
        yield name, float(number)


def _json(value: bytes) -> Iterator[tuple[str, float]]:
    said = orjson.loads(value)
    if not isinstance(said, dict):
        raise ValueError("it is no object")
    for key, one in said.items():
        name = _SNAKES.get(key, key)
        if name in _NUMBERS:
            yield name, _number(one)
        elif name in _MAPS:
            if not isinstance(one, dict):
                raise ValueError(f"{name} is no object")
            for inner, number in one.items():
                yield f"{name}.{inner}", _number(number)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("it has a value that is no number")
    return float(value)


def _binary(value: bytes) -> Iterator[tuple[str, float]]:
    text = value.strip(b" \t")
    try:
        message = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise ValueError("it is no base64") from None
    for number, kind, data in _fields(message):
        if kind == _FIXED64 and number in _DOUBLES:
            yield _DOUBLES[number], _DOUBLE.unpack(data)[0]
        elif kind == _BYTES and number in _MAPPED:
            parts = {inner: content for inner, _, content in _fields(data)}
            name, double = parts.get(1, b""), parts.get(2, bytes(8))
            if len(double) != 8:
                raise ValueError("a value is no double")
            yield f"{_MAPPED[number]}.{name.decode()}", _DOUBLE.unpack(double)[0]


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Number, kind and content of each field; of a varint the content is nothing, as no number of a report is one that counts."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, 0)
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _BYTES:
            size, at = _varint(message, at)
        elif not size:
            raise ValueError(f"there is no kind {kind} of fields")
        if at + size > len(message):
            raise ValueError("it ends in the middle of a field")
        yield tag >> 3, kind, message[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for place, byte in enumerate(data[at : at + _VARINT_MOST]):
        found |= (byte & 127) << 7 * place
        if byte < 128:
            return found, at + place + 1
    raise ValueError("a number does not end")


_FORMS: Final[Mapping[bytes, Callable[[bytes], Iterator[tuple[str, float]]]]] = {
    TEXT: _text,
    b"JSON": _json,
    b"BIN": _binary,
}
#: How JSON of protobuf calls them.
_SNAKES: Final = {
    first + "".join(one.capitalize() for one in rest): name
    for name in (*_NUMBERS, *_MAPS)
    for first, *rest in [name.split("_")]
}
