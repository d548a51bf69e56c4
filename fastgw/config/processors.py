"""Which processors workers are pinned to: ``auto``, or a list such as ``[0, 2, 4-7]``."""

from __future__ import annotations

import re
from typing import Final

from fastgw.config.values import scalar, shown

MOST: Final = 4096  #: processors of a machine
_FORM: Final = "auto, or a list of processors such as [0, 2, 4-7]"


def processors(value: object) -> tuple[int, ...]:
    """Their numbers, in the order in which workers get them, each once; empty: ``auto``.  Raise ValueError."""
    if not isinstance(value, list):
        if scalar(value, _FORM) == "auto":
            return ()
        value = [value]
    found = [number for one in value for number in _range(one)]
    if not found:
        raise ValueError(f"expected {_FORM}, got an empty list")
    return tuple(dict.fromkeys(found))


def _range(value: object) -> range:
    parts = re.fullmatch("([0-9]{1,4})(?:-([0-9]{1,4}))?", scalar(value, _FORM))
    first, last = (int(parts[1]), int(parts[2] or parts[1])) if parts else (1, 0)
    if not first <= last < MOST:
        raise ValueError(f"expected {_FORM}, got {shown(value)}")
    return range(first, last + 1)
