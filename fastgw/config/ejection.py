"""What the file says of when an endpoint is left out because it cannot be reached, or does worse than the others.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from fastgw.config.breaker import Ratio
from fastgw.config.model import OrOff, setting
from fastgw.config.percentage import percentage
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, PositiveDuration, count
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.settings import EjectionSettings

_FACTOR: Final = re.compile(r"\d{1,3}(\.\d{1,3})?").fullmatch
_WANTED: Final = "off, or a number from 1.5 to 100"


def _factor(value: object) -> float:
    """So many times the median of the others; 0: off."""
    if value is False:
        return 0.0  # off, as YAML 1.1 reads it
    found = scalar(value, _WANTED)
    if found in ("off", "false"):
        return 0.0
    number = float(found) if _FACTOR(found) else 0.0
    if not 1.5 <= number <= 100:
        raise ValueError(f"expected {_WANTED}, got {shown(value)}")
    return number


def _share(value: object) -> float:
    found = percentage(value)
    if not found:
        raise ValueError("0% would leave out nobody; failures: off and slow: off say so")
    return found


_FACTORS = [{"type": "number", "minimum": 1.5, "maximum": 100}, {"enum": ["off", False]}]


class Ejection(OrOff):
    """When an endpoint that cannot be connected to, or does worse than the others, is left out; ``off`` instead of a mapping: never."""

    after: Annotated[int, count(1, 1000)] = setting(3, "Connections that failed in a row, in one worker.")
    base: PositiveDuration = setting("1s", "How long the first time; doubled with every further one.")
    max: PositiveDuration = setting("30s", "The longest; an endpoint that is back for so long begins at base again.")
    failures: Ratio = setting("off", "It is left out, too, when so many of its calls failed; needs minimum.")
    slow: Annotated[float, Parsed(_factor, anyOf=_FACTORS)] = setting(
        "off", "It is left out, too, when it takes so many times as long as the others to answer; needs minimum."
    )
    minimum: Annotated[int, count(2, 1_000_000)] | None = setting(
        None, "Calls of an endpoint in the window before they say anything. Must be given with failures or slow."
    )
    window: PositiveDuration = setting("10s", "The calls of how long count.")
    max_share: Annotated[float, Parsed(_share, type="string")] = setting(
        "50%", "Of the endpoints, how many failures and slow leave out at a time; one may be, and never all."
    )

    def settings(self) -> EjectionSettings:
        """What the data plane is told of one without problems."""
        fields = {name: getattr(self, name) for name in EjectionSettings._fields}
        return EjectionSettings(**fields | {"minimum": self.minimum or 0})


def check_ejection(document: Document, where: TreePath, ejection: Ejection | None) -> None:
    """Report one that cannot work."""
    if ejection is None or is_unsound(ejection):
        return
    if ejection.base > ejection.max:
        document.report((*where, "base"), f"is longer than max ({ejection.max:g} s)")
    used = [name for name in ("failures", "slow") if is_unsound(getattr(ejection, name)) or getattr(ejection, name)]
    if used and is_missing(ejection.minimum):
        reason = "needs minimum: the calls that an endpoint must have had before they say anything, such as 20"
        document.report((*where, used[0]), f"{reason}; without one the first of them would leave it out")
    if ejection.minimum is not None and not is_unsound(ejection.minimum) and not used:
        document.report(
            (*where, "minimum"),
            "has no effect without failures, such as 50%, or slow, such as 5: what is to be counted",
        )
