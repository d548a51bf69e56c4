"""What the file says of a filter of type ``token_limit``."""

from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple

from fastgw.config.cluster import Cluster
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.limited import LIMITER
from fastgw.config.model import Model, setting
from fastgw.config.per import PerOfModels
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, count, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar
from fastgw.core.settings import RedisSettings
from fastgw.filters.token_rates import (
    AT_ONE_TIME,
    COST,
    LEARNED,
    LIMITS_MAX,
    MAXIMUM,
    PATTERN,
    TOKENS,
    UNITS,
    counted,
    limit_text,
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
    Parsed(_rate, type="string", pattern=rf"^{PATTERN}$|\$\{{", examples=["100000/m", "5000000/d", "12.50/30d"]),
]
Quantity = Annotated[int, Parsed(_amount, type=["number", "string"], examples=[20000, 2.5])]


class TokenLimitEntry(Model):
    """So much in a time."""

    rate: TokenPace | None = setting(
        None,
        "How much in a second, minute, hour or day, or in so many of them: 100000/m, 5000000/d; of cost, in the currency of "
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
        None, "With cluster: so much of it is leased at once by each gateway; by default a tenth of burst."
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


class TokenLimit(FilterOptions):
    """Lets only so many tokens, requests, or so much cost of model servers through in a time, counted over all workers."""

    made_by: ClassVar[str] = LIMITER
    notes: ClassVar[tuple[str, ...] | None] = ("token_limit",)
    type: Literal["token_limit"] = setting(..., "token_limit")
    limits: list[TokenLimitEntry] = setting(
        ..., "All of them must admit a request; one that is refused counts for none."
    )
    reserve: Annotated[str, words(MAXIMUM, LEARNED)] = setting(
        MAXIMUM,
        "What a request takes for its answer before it is known: as much as it allows (max_tokens and its like), or what "
        "answers of its model had of late, where that is less.",
    )
    default_max_tokens: Annotated[int, count(1, 10_000_000)] | None = setting(
        None,
        "What is taken for an answer where the request allows any. Default: what answers of its model had of late.",
    )
    bytes_per_token: Annotated[int, count(1, 16)] = setting(
        4, "Bytes of a body that are taken for one token of the prompt; with 1 no prompt is ever taken for too little."
    )
    ceiling: Boolean = setting(
        False,
        "End a stream, as if its model had come to its limit, where what was reserved is used up and no more is there.",
    )
    tell: Annotated[str, words("refused", "all")] = setting(
        "refused", "The answers that say how much is left (x-ratelimit-remaining-tokens and the like)."
    )
    when_full: Annotated[str, words("refuse", "let_through")] = setting(
        "refuse", "What happens to a request that cannot be counted, because the board has no room for its key."
    )
    dry_run: Boolean = setting(False, "Count and note what would be refused, and let it through.")
    cluster: Cluster | None = setting(None, "A Redis by which all gateways with this filter keep its limits together.")

    def does(self) -> str:
        """Which rates."""
        limits = ", ".join(limit_text(dict(_given(one))) for one in self.limits)
        return f"{'notes' if self.dry_run else 'refuses'} more than {limits}"

    def given(self) -> dict[str, Any]:
        """With limits as the filter takes them."""
        cluster = self.cluster.handed() if self.cluster is not None else None
        return super().given() | {"limits": tuple(map(_given, self.limits)), "cluster": cluster}

    def redis_links(self) -> tuple[RedisSettings, ...]:
        """What the supervisor asks for it."""
        return (self.cluster.link(),) if self.cluster is not None else ()

    def check(self, document: Document, where: TreePath) -> None:
        """There are limits, each can be kept, and none says the same as another."""
        if is_unsound(self.limits):
            return
        if not 1 <= len(self.limits) <= LIMITS_MAX:
            document.report((*where, "limits"), f"expected 1 to {LIMITS_MAX} limits, got {len(self.limits)}")
        seen: dict[tuple[object, ...], int] = {}
        for place, one in enumerate(self.limits):
            at = (*where, "limits", place)
            if is_unsound(one) or is_unsound(one.rate, one.max, one.burst, one.unit, one.block, one.per):
                continue
            if one.rate is None or one.max is not None:
                _is_of_places(document, at, one)
            elif (
                _counts(document, at, one, one.rate)
                and _fits(document, at, one, one.rate)
                and not is_unsound(self.cluster)
            ):
                _lends(document, at, one, self.cluster)
            first = seen.setdefault((one.rate, one.per, one.unit), place)
            if first != place:
                key = "max" if one.rate is None else "rate"
                said = f"is the {key} of limits[{first}] already, per {' and '.join(one.per)} too; give one of them"
                document.report((*at, key), said)
        if not is_unsound(self.cluster) and self.cluster is not None:
            self.cluster.check(document, (*where, "cluster"))


def _is_of_places(document: Document, where: TreePath, one: TokenLimitEntry) -> None:
    """It says max, and nothing that a rate has."""
    if one.max is None:
        document.report(where, "has neither rate nor max: one of them is the limit")
    elif one.rate is not None:
        document.report((*where, "max"), "stands beside rate: the limit is one of them", at_key=True)
    for key, is_said in (("burst", one.burst), ("block", one.block), ("unit", one.unit != TOKENS)):
        if one.rate is None and is_said:
            document.report((*where, key), "has no effect on max, which counts requests under way", at_key=True)


def _given(one: TokenLimitEntry) -> tuple[tuple[str, object], ...]:
    if one.rate is None:
        return tuple({"rate": (one.max, 0), "burst": None, "per": one.per, "unit": AT_ONE_TIME, "block": 1}.items())
    options = {
        "rate": (counted(one.rate.micro, one.unit), one.rate.seconds),
        "burst": one.size,
        "per": one.per,
        "unit": one.unit,
        "block": counted(one.block, one.unit) if one.block is not None else max(one.size // 10, 1),
    }
    return tuple(options.items())


def _counts(document: Document, where: TreePath, one: TokenLimitEntry, rate: MicroRate) -> bool:
    """Each number is one that its unit is counted by."""
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
    most = LONGEST // Amounts(counted(rate.micro, one.unit), rate.seconds * _SECOND, 1).span(1)
    if one.size > most:
        document.report((*where, "burst"), "so much comes back in more than a year at this rate")
    return one.size <= most


def _lends(document: Document, where: TreePath, one: TokenLimitEntry, cluster: Cluster | None) -> None:
    """A block is there where something is shared, and is not too large for it."""
    at = (*where, "block")
    if cluster is None:
        if one.block is not None:
            document.report(at, "nothing is leased without cluster")
    elif one.size > MOST_LEASED:
        most = f"{MOST_LEASED // 10**6}, as it is counted in millionths" if one.unit == COST else str(MOST_LEASED)
        document.report((*where, "burst"), f"of a limit with cluster is at most {most}")
    elif one.block is not None and counted(one.block, one.unit) > one.size:
        document.report(at, "is more than there ever is at once (burst)")
