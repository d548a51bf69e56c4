"""What the file says of how a version is chosen.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated

from fastgw.config.model import Model, setting
from fastgw.config.types import Duration, FieldName, Percentage, PositiveDuration, Sticky, count


class VersionBy(Model):
    """What of a request decides which version it goes to, before the weights do."""

    header: FieldName | None = setting(
        None, "A field in which clients may name the version, also one of weight 0. Default: they have no say."
    )
    sticky: Sticky = setting("", "header:name or cookie:name: equal values stay with one version.")


class Rollout(Model):
    """The steps in which a version gets more requests (``fastgw promote --plan``), and what takes them all back."""

    steps: list[Annotated[int, count(1, 100)]] = setting(
        ["5", "25", "50", "100"], "Its share at each step, in percent, each more than the one before."
    )
    every: PositiveDuration = setting("5m", "How long a step takes at least.")
    max_error_rate: Percentage = setting("1%", "Of its requests in a step: those answered 5xx, or not at all.")
    max_p99: Duration = setting("0", "Of the times to the heads of its answers in a step. 0: any.")
    min_requests: Annotated[int, count(1, 10_000_000)] = setting(
        100, "Requests of a step before anything is decided by them."
    )
