"""Numbers of a page in the text format of Prometheus (version 0.0.4, and OpenMetrics as far as the two are alike).

Only the lines of the metrics that are asked for are read, and those strictly; of the rest of a page, which may be thousands of lines,
nothing is looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

MOST: Final = 4096  #: lines of one metric
_LONGEST: Final = 8192  #: bytes of a line

_LABEL: Final = rb'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
#: Behind the name: labels, if any, the value, and perhaps a time.
_SAMPLE: Final = re.compile(
    rb"(?:\{(?:%b(?:,%b)*,?)?\})?[ \t]+(\S+)(?:[ \t]+-?[0-9.eE+]+)?[ \t]*\r?" % (_LABEL, _LABEL)
)
_VALUE: Final = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch


def values(page: bytes, names: Iterable[str]) -> dict[str, list[float]]:
    """What ``page`` says of each of ``names`` that is on it: the value of every line, whatever its labels are.

    Raises:
        ValueError: a line of them is none of that format, or its value is no number, infinite or less than 0, or there are too many.
    """
    found = {}
    for name in names:
        lines = _values(page, name.encode())
        if lines:
            found[name] = lines
    return found


def _values(page: bytes, name: bytes) -> list[float]:
    found: list[float] = []
    place = page.find(name)
    while place >= 0:
        after = place + len(name)
        is_line = place == 0 or page[place - 1 : place] == b"\n"
        if is_line and page[after : after + 1] in (b" ", b"\t", b"{"):
            end = page.find(b"\n", after)
            found.append(_value(name, page[after : end if end >= 0 else len(page)]))
            if len(found) > MOST:
                raise ValueError(f"it has more than {MOST} lines of {name.decode()}")
        place = page.find(name, after)
    return found


def _value(name: bytes, rest: bytes) -> float:
    sample = _SAMPLE.fullmatch(rest) if len(rest) <= _LONGEST else None
    if sample is None:
        raise ValueError(f"a line of {name.decode()} is not one of the text format")
    value = float(sample[1]) if _VALUE(sample[1]) else math.nan
    if not 0 <= value < math.inf:
        raise ValueError(f"{name.decode()} is {sample[1][:32].decode('ascii', 'replace')}, which is no number from 0")
    return value
