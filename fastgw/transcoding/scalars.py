"""Values of JSON and of fields of one type: https://protobuf.dev/programming-guides/json, strictly.

Each converter takes a value of parsed JSON, and returns what protobuf takes, or raises ``MisfitError``.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import pybase64

Convert = Callable[[Any, int], Any]  #: called with a value, and how many levels of messages it may have

_WHOLE = re.compile(r"-?[0-9]{1,20}").fullmatch
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
_LARGEST_FLOAT: Final = 3.4028234663852886e38  #: of 32 bits
_FLOAT: Final = struct.Struct("<f")
_BEYOND_FLOAT: Final = 3.4028235677973366e38  #: the least that is rounded up to no such number
_URL_ALPHABET: Final = str.maketrans("-_", "+/")
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class MisfitError(ValueError):
    """A value is none of its field; ``path``: where, from the outside in."""

    def __init__(self, why: str, *path: str) -> None:
        super().__init__(why)
        self.why = why
        self.path = list(path)

    @property
    def place(self) -> str:
        """``items[2].price``; empty: the message itself."""
        return "".join(one if one.startswith("[") else f".{one}" for one in self.path).removeprefix(".")


def shown(value: Any) -> str:
    """What kind of value it is, without telling it."""
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), "null")


def misfit(expected: str, value: Any) -> MisfitError:
    """For a value of another kind than what was ``expected``."""
    return MisfitError(f"expected {expected}, got {shown(value)}")


def whole(bits: int, *, is_signed: bool) -> Convert:
    """Of a type of integers: a number, or its digits as text."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    name = f"{'a' if is_signed else 'an unsigned'} whole number of {bits} bits"

    def convert(value: Any, _: int) -> int:
        kind = type(value)
        if kind is int:
            found = value
        elif kind is str:
            if _WHOLE(value) is None:
                raise MisfitError(f"expected {name}, got other text")
            found = int(value)
        elif kind is float and value.is_integer():
            found = int(value)
        else:
            raise misfit(name, value)
        if not low <= found <= high:
            raise MisfitError(f"expected {name}, got one out of its range")
        return int(found)

    return convert


def floating(largest: float = math.inf) -> Convert:
    """Of a type of floating numbers: a number, or one as text, which may be NaN or Infinity."""

    def convert(value: Any, _: int) -> float:
        kind = type(value)
        if kind is float:
            found = value
        elif kind is int:
            found = float(value)
        elif kind is str:
            if value in _NOT_FINITE:
                return _NOT_FINITE[value]
            if _NUMBER(value) is None:
                raise MisfitError("expected a number, got other text")
            found = float(value)
        else:
            raise misfit("a number", value)
        if not -largest <= found <= largest or math.isinf(found):
            raise MisfitError("expected a number, got one out of its range")
        return float(found)

    return convert


def boolean(value: Any, _: int) -> bool:
    """``true`` or ``false``."""
    if type(value) is not bool:
        raise misfit("true or false", value)
    return value


def string(value: Any, _: int) -> str:
    """Text."""
    if type(value) is not str:
        raise misfit("a string", value)
    return value


def octets(value: Any, _: int) -> bytes:
    """Base64 (RFC 4648 section 4 or 5), with or without padding."""
    if type(value) is not str:
        raise misfit("a string of base64", value)
    text = value.translate(_URL_ALPHABET).rstrip("=")
    try:
        return pybase64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise MisfitError("expected a string of base64, got other text") from None


def enumerated(numbers: Mapping[str, int], *, is_closed: bool) -> Convert:
    """Of an enum: the name of a value, or its number, as text perhaps.  ``is_closed``: it has no values without a name (proto2)."""
    known = frozenset(numbers.values())
    number = whole(32, is_signed=True)

    def convert(value: Any, depth: int) -> int:
        found = numbers.get(value) if type(value) is str else None
        if found is not None:
            return found
        if type(value) is str and _WHOLE(value) is None:
            raise MisfitError(f"expected one of {_some(numbers)}, got other text")
        found = number(value, depth)
        if is_closed and found not in known:
            raise MisfitError(f"expected one of {_some(numbers)}, got another number")
        return int(found)

    return convert


def _some(names: Mapping[str, int]) -> str:
    shown_ones = list(names)[:8]
    return ", ".join(shown_ones) + (", ..." if len(names) > len(shown_ones) else "")


#: By the type of a field (descriptor.proto, FieldDescriptorProto.Type); without enums, messages and groups.
SCALARS: Final[dict[int, Convert]] = {
    1: floating(),
    2: floating(_LARGEST_FLOAT),
    3: whole(64, is_signed=True),
    4: whole(64, is_signed=False),
    5: whole(32, is_signed=True),
    6: whole(64, is_signed=False),
    7: whole(32, is_signed=False),
    8: boolean,
    9: string,
    12: octets,
    13: whole(32, is_signed=False),
    15: whole(32, is_signed=True),
    16: whole(64, is_signed=True),
    17: whole(32, is_signed=True),
    18: whole(64, is_signed=True),
}


def number_out(value: float) -> float | str:
    """A floating number as JSON has it: those that it has not as text."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def float_out(value: float) -> float | str:
    """The same of one of 32 bits: the shortest number that is this one there."""
    if not math.isfinite(value):
        return number_out(value)
    for digits in range(6, 9):
        found = float(f"{value:.{digits}g}")
        if abs(found) < _BEYOND_FLOAT and _FLOAT.unpack(_FLOAT.pack(found))[0] == value:
            return found
    return float(f"{value:.9g}")


def octets_out(value: bytes) -> str:
    """Base64, with padding."""
    return pybase64.b64encode(value).decode()
