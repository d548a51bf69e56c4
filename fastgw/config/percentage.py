"""Parts of a whole, as they are written: ``10%``."""

from __future__ import annotations

import re
from typing import Final

from fastgw.config.values import scalar, shown

_PERCENTAGE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s?%")


def percentage(value: object) -> float:
    """The number from 0 to 1 that ``value`` says.

    A number without the sign is refused: 0.5 would be a half to some, and a two-hundredth to others.

    Raises:
        ValueError: it is no percentage, or more than 100 %.
    """
    found = _PERCENTAGE.fullmatch(scalar(value, "a percentage such as 10%"))
    if found is None or float(found[1]) > 100:
        raise ValueError(f"expected a percentage from 0% to 100%, such as 10% or 0.5%, got {shown(value)}")
    return float(found[1]) / 100
