"""Rates in the file: so much in a second, minute, hour or day."""

from __future__ import annotations

import re
from typing import Annotated, Final, NamedTuple

from fastgw.config.types import Parsed
from fastgw.config.values import scalar, shown, size, whole
from fastgw.policy.amounts import MOST

SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
UNITS: Final = {seconds: unit for unit, seconds in SECONDS.items()}
_FACTORS: Final = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_RATE: Final = re.compile(r"([0-9]{1,13}) ?([KMGkmg]?i?[Bb])? ?/ ?([smhd])").fullmatch
_WANTED: Final = "a rate such as 100/s, 60/m, 1000/h, 5000/d or 10MiB/s"


class Pace(NamedTuple):
    """A rate as the file says it."""

    number: int
    seconds: int
    is_of_bytes: bool = False  #: is it said in units of bytes?


def rate(value: object) -> Pace:
    """How much, and in how many seconds."""
    match = _RATE(scalar(value, _WANTED))
    factor = _FACTORS.get(match[2].lower()) if match is not None and match[2] else 1
    if match is None or factor is None:
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    found = int(match[1]) * factor
    if not 1 <= found <= MOST:
        raise ValueError(f"expected a rate of 1 to {MOST}, got {shown(value)}")
    return Pace(found, SECONDS[match[3]], bool(match[2]))


PacePerTime = Annotated[
    Pace,
    Parsed(
        rate,
        type="string",
        pattern=r"^[0-9]{1,13} ?([KMGkmg]?i?[Bb])? ?/ ?[smhd]$|\$\{",
        examples=["100/s", "1000/h", "10MiB/s"],
    ),
]


def amount(value: object) -> int:
    """A number of whatever is counted, or a size: ``500``, ``64MiB``."""
    is_size = scalar(value, "a whole number")[-1:].lower() == "b"
    return (size if is_size else whole)(1, MOST)(value)


Amount = Annotated[
    int,
    Parsed(
        amount,
        anyOf=[{"type": "integer", "minimum": 1, "maximum": MOST}, {"type": "string", "examples": ["500", "64MiB"]}],
    ),
]
