"""What the file says of when a service, or a member of it, is left alone because its calls fail or are slow.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Final

from fastgw.config.model import OrOff, setting
from fastgw.config.percentage import percentage
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Parsed, PositiveDuration, count, words
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.settings import BreakerSettings

SERVER_ERRORS: Final = "5xx"
_STATUS: Final = re.compile(r"5[0-9][0-9]").fullmatch


def _ratio(value: object) -> float:
    """A part of all calls; 0: off."""
    if value is False or scalar(value, "off, or a percentage such as 50%") in ("off", "false"):
        return 0.0
    found = percentage(value)
    if not found:
        raise ValueError("0% of the calls is reached before any of them fails; off switches it off")
    return found


def _status(value: object) -> str:
    found = scalar(value, "a status")
    if found != SERVER_ERRORS and not _STATUS(found):
        raise ValueError(
            f"expected {SERVER_ERRORS} or a status from 500 to 599, got {shown(value)}; what is the fault of a client never counts"
        )
    return found


_SHAPE: Final = [{"type": "string"}, {"enum": ["off", False]}]
Ratio = Annotated[float, Parsed(_ratio, anyOf=_SHAPE)]


class Breaker(OrOff):
    """When a service, or an endpoint of it, is left alone for a while because too many of its calls fail or are slow."""

    scope: Annotated[str, words("member", "service", "both")] = setting(
        "member", "Whose calls are counted together: those of each endpoint, of the whole service, or both."
    )
    minimum: Annotated[int, count(2, 1_000_000)] | None = setting(
        None, "Calls in the window before their ratios say anything. Must be given."
    )
    failures: Ratio = setting("50%", "It opens when so many of the calls failed; off: not for failures.")
    slow: Ratio = setting("off", "It opens when so many of the calls were slow; needs slow_after.")
    slow_after: Duration = setting("0", "A call is slow whose answer has not begun by then.")
    window: PositiveDuration = setting("10s", "The calls of how long count.")
    base: PositiveDuration = setting("500ms", "How long it is open the first time; doubled with every further one.")
    max: PositiveDuration = setting("1s", "The longest; one that was closed for so long begins at base again.")
    trials: Annotated[int, count(1, 1000)] = setting(
        3, "Calls let through at once behind that; when as many went well it is closed."
    )
    statuses: list[Annotated[str, Parsed(_status, type=["string", "integer"])]] = setting(
        [SERVER_ERRORS], "Answers that are failures: 5xx, or such statuses."
    )

    def settings(self) -> BreakerSettings:
        """What the data plane is told of one without problems."""
        is_failure = [one for one in range(500, 600) if SERVER_ERRORS in self.statuses or str(one) in self.statuses]
        fields = {name: getattr(self, name) for name in BreakerSettings._fields}
        return BreakerSettings(**fields | {"statuses": tuple(is_failure)})


def check_breaker(document: Document, where: TreePath, breaker: Breaker | None) -> None:
    """Report one that cannot work."""
    if breaker is None or is_unsound(breaker):
        return
    if is_missing(breaker.minimum):
        reason = "needs minimum: the calls that a window must have before their ratio says anything, such as 20"
        document.report(where, f"{reason}; without one the first failure would open it", at_key=True)
    if is_missing(breaker.failures) and is_missing(breaker.slow):
        document.report((*where, "failures"), "is off, and so is slow: it would never open")
    if breaker.slow and is_missing(breaker.slow_after):
        document.report((*where, "slow"), "needs slow_after, such as 800ms, which says what is slow")
    if breaker.slow_after and is_missing(breaker.slow):
        document.report(
            (*where, "slow_after"), "has no effect without slow: the part of the calls that may be, such as 50%"
        )
    if breaker.base > breaker.max:
        document.report((*where, "base"), f"is longer than max ({breaker.max:g} s)")
    if not breaker.statuses and is_missing(breaker.statuses):
        document.report((*where, "statuses"), "is empty; name one, or leave it out")
