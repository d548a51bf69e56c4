"""Limits of models, as the file says them: in filters of type ``token_limit``, and at the models themselves.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Final, NamedTuple

from fastgw.config.cluster import Cluster
from fastgw.config.model import Model, setting
from fastgw.config.per import PerOfModels
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, count, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar
from fastgw.filters.token_rates import (
    AT_ONE_TIME,
    COST,
    LIMITS_MAX,
    PATTERN,
    TOKENS,
    UNITS,
    WINDOWS,
    block_of,
    counted,
    read_amount,
    read_rate,
)
from fastgw.policy.amounts import Amounts
from fastgw.policy.gcra import LONGEST
from fastgw.policy.leases import MOST as MOST_LEASED

_SECOND: Final = 10**9


class MicroRate(NamedTuple):
    """As the file says it."""

    micro: int  #: millionths
    seconds: int


def _rate(value: object) -> MicroRate:
    return MicroRate(*read_rate(scalar(value, "a rate such as 100000/m")))


def _amount(value: object) -> int:
    return read_amount(scalar(value, "a number such as 20000"))


TokenPace = Annotated[
    MicroRate,
    Parsed(
        _rate,
        type="string",
        pattern=rf"^{PATTERN}$|\$\{{",
        examples=["100000/m", "5000000/d", "12.50/30d", "300/month"],
    ),
]
Quantity = Annotated[int, Parsed(_amount, type=["number", "string"], examples=[20000, 2.5])]


class TokenLimitEntry(Model):
    """So much in a time."""

    rate: TokenPace | None = setting(
        None,
        "How much in a second, minute, hour or day, or in so many of them: 100000/m, 5000000/d; or in an hour, day, week or month of the "
        "calendar: 300/month; of cost, in the currency of "
        "the prices, also with a fraction: 12.50/d, 300/30d.",
    )
    max: Annotated[int, count(1, 1_000_000)] | None = setting(
        None, "In the place of rate: requests under way at one time, on each gateway."
    )
    burst: Quantity | None = setting(
        None, "How much at once, after there was nothing for a while; by default as much as rate says."
    )
    unit: Annotated[str, words(*UNITS)] = setting(
        TOKENS,
        "What is counted: tokens, of these prompt_tokens or completion_tokens alone, requests, or the cost by the prices of "
        "the filter usage.",
    )
    block: Quantity | None = setting(
        None,
        "With cluster: so much of it is leased at once by each gateway; by default a tenth of burst, of a window a hundredth.",
    )
    per: PerOfModels = setting(
        "key",
        "What has the rate of its own: each key, user or model, each value of a label (label:team), a field, a claim or a "
        "note (header:name, claim:name, note:name), each client address, route or listener, this filter as a whole; a list: "
        "these together.",
    )

    @property
    def size(self) -> int:
        """How much at once, as it is counted."""
        return counted(self.burst or (self.rate.micro if self.rate is not None else 0), self.unit)


class ModelLimit(TokenLimitEntry):
    """So much of one model in a time."""

    per: PerOfModels = setting(
        "model",
        "What has the rate of its own, of this model: by default all requests for it together; as of token_limit.",
    )


def check_entries(
    document: Document,
    where: TreePath,
    limits: list[TokenLimitEntry],
    cluster: Cluster | None,
    *,
    is_shared: bool = True,
) -> None:
    """Report limits that cannot be kept, or say the same as another; ``is_shared``: is ``cluster`` known?"""
    if len(limits) > LIMITS_MAX:
        document.report(where, f"expected at most {LIMITS_MAX} limits, got {len(limits)}")
    seen: dict[tuple[object, ...], int] = {}
    for place, one in enumerate(limits):
        at = (*where, place)
        if is_unsound(one) or is_unsound(one.rate, one.max, one.burst, one.unit, one.block, one.per):
            continue
        if one.rate is None or one.max is not None:
            _is_of_places(document, at, one)
        elif _counts(document, at, one, one.rate) and _fits(document, at, one, one.rate) and is_shared:
            _lends(document, at, one, cluster)
        first = seen.setdefault((one.rate, one.per, one.unit), place)
        if first != place:
            key = "max" if one.rate is None else "rate"
            said = f"is the {key} of limits[{first}] already, per {' and '.join(one.per)} too; give one of them"
            document.report((*at, key), said)


def _is_of_places(document: Document, where: TreePath, one: TokenLimitEntry) -> None:
    """It says max, and nothing that a rate has."""
    if one.max is None:
        document.report(where, "has neither rate nor max: one of them is the limit")
    elif one.rate is not None:
        document.report((*where, "max"), "stands beside rate: the limit is one of them", at_key=True)
    for key, is_said in (("burst", one.burst), ("block", one.block), ("unit", one.unit != TOKENS)):
        if one.rate is None and is_said:
            document.report((*where, key), "has no effect on max, which counts requests under way", at_key=True)


def given_limit(one: TokenLimitEntry, only: str = "") -> tuple[tuple[str, object], ...]:
    """Its options as ``filters.token_limits`` takes them; ``only``: the entry of ``models`` whose requests it counts, empty: of all."""
    own = {"only": only} if only else {}
    per = one.per if not only or "model" in one.per else (*(each for each in one.per if each != "filter"), "model")
    if one.rate is None:
        return tuple({"rate": (one.max, 0), "burst": None, "per": per, "unit": AT_ONE_TIME, "block": 1, **own}.items())
    options = {
        "rate": (counted(one.rate.micro, one.unit), one.rate.seconds),
        "burst": one.size,
        "per": per,
        "unit": one.unit,
        "block": counted(one.block, one.unit) if one.block is not None else block_of(one.size, one.rate.seconds),
        **own,
    }
    return tuple(options.items())


def _counts(document: Document, where: TreePath, one: TokenLimitEntry, rate: MicroRate) -> bool:
    """Each number is one that its unit is counted by."""
    if rate.seconds < 0 and one.burst is not None:
        document.report(
            (*where, "burst"), f"has no effect: all of it is there when a {WINDOWS[rate.seconds]} begins", at_key=True
        )
        return False
    for key, value in (("rate", rate.micro), ("burst", one.burst), ("block", one.block)):
        if value is None:
            continue
        try:
            counted(value, one.unit)
        except ValueError as error:
            document.report((*where, key), f"cannot be counted: {error}")
            return False
    return True


def _fits(document: Document, where: TreePath, one: TokenLimitEntry, rate: MicroRate) -> bool:
    """It comes back in a time that can be written down."""
    if rate.seconds < 0:
        return True
    most = LONGEST // Amounts(counted(rate.micro, one.unit), rate.seconds * _SECOND, 1).span(1)
    if one.size > most:
        document.report((*where, "burst"), "so much comes back in more than a year at this rate")
    return one.size <= most


def _lends(document: Document, where: TreePath, one: TokenLimitEntry, cluster: Cluster | None) -> None:
    """A block is there where something is shared, and is not too large for it."""
    at = (*where, "block")
    is_window = one.rate is not None and one.rate.seconds < 0
    if cluster is None:
        if one.block is not None:
            document.report(at, "nothing is leased without cluster")
    elif not is_window and one.size > MOST_LEASED:
        most = f"{MOST_LEASED // 10**6}, as it is counted in millionths" if one.unit == COST else str(MOST_LEASED)
        document.report((*where, "burst"), f"of a limit with cluster is at most {most}")
    elif one.block is not None and counted(one.block, one.unit) > min(one.size, MOST_LEASED):
        document.report(
            at, "is more than there ever is at once (burst)" if not is_window else "is more than can be leased"
        )
