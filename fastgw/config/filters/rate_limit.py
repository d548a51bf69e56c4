"""What the file says of a filter of type ``rate_limit``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.cluster import Cluster
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import Model, setting
from fastgw.config.per import KNOWN_EARLY, Per
from fastgw.config.rates import UNITS, Amount, PacePerTime
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, FieldName, words
from fastgw.config.unsound import is_unsound
from fastgw.core.settings import RedisSettings
from fastgw.policy.amounts import BYTES, COST, REQUESTS, Amounts
from fastgw.policy.gcra import LONGEST
from fastgw.policy.leases import MOST as MOST_LEASED

MOST_LIMITS: Final = 8  #: of one filter
_MOST: Final = 1_000_000  #: requests
_FIELD: Final = "x-cost"


class Limit(Model):
    """So much in a time."""

    rate: PacePerTime = setting(
        ...,
        "How much in a second, minute, hour or day: 100/s, 60/m, 1000/h, 5000/d; bytes also as 10MiB/s.",
    )
    burst: Amount | None = setting(
        None, "How much at once, after there was nothing for a while; by default as much as rate says."
    )
    unit: Annotated[str, words(REQUESTS, BYTES, COST)] = setting(
        REQUESTS,
        "What is counted: requests, the bytes of both bodies, or a cost that the answer says.",
    )
    cost_from: FieldName | None = setting(
        None, f"Of cost: the field of the answer that says how much it was; by default {_FIELD}."
    )
    reserve: Amount | None = setting(
        None,
        "Of bytes and cost: so much is taken when a request is admitted, and settled at its end; by default 1 of cost, and "
        "of bytes the length of the request's body if that is known.",
    )
    block: Amount | None = setting(
        None,
        "With cluster: so much of it is leased at once by each gateway; by default a tenth of burst, and at least reserve.",
    )
    per: Per = setting(
        "route",
        "What has the rate of its own: each route, each listener, this filter as a whole, each client address, each API "
        "key, each value of a field, a claim or a note (header:name, claim:name, note:name); a list: these together.",
    )


class RateLimit(FilterOptions):
    """Lets only so many requests through in a time, counted over all workers."""

    made_by: ClassVar[str] = "fastgw.filters.rate_limit:RateLimit"
    notes: ClassVar[tuple[str, ...] | None] = ("rate_limit",)
    runs_before_routing: ClassVar[bool] = True
    type: Literal["rate_limit"] = setting(..., "rate_limit")
    limits: list[Limit] = setting(..., "All of them must admit a request; one that is refused counts for none.")
    fields: list[Annotated[str, words("draft", "openai")]] = setting(
        ["draft"],
        "Which fields tell the client how much is left: those of the IETF's draft (RateLimit, RateLimit-Policy), those of "
        "OpenAI (x-ratelimit-remaining-requests and the like), or none.",
    )
    tell: Annotated[str, words("refused", "all")] = setting("refused", "The answers that have these fields.")
    when_full: Annotated[str, words("refuse", "let_through")] = setting(
        "refuse", "What happens to a request that cannot be counted, because the board has no room for its key."
    )
    dry_run: Boolean = setting(False, "Count and note what would be refused, and let it through.")

    cluster: Cluster | None = setting(None, "A Redis by which all gateways with this filter keep its limits together.")

    def needs_a_route(self) -> str:
        """Nothing is counted by what is not known yet: a route, an API key, a claim or a note."""
        limits = [one for one in self.limits if not is_unsound(one) and not is_unsound(one.per)]
        late = [source for one in limits for source in one.per if source.partition(":")[0] not in KNOWN_EARLY]
        return f"it counts per {late[0]}, which is not known by then; give its limits another per" if late else ""

    def does(self) -> str:
        """Which rates."""
        limits = ", ".join(
            f"{one.rate.number}{_what(one)}/{UNITS[one.rate.seconds]} per {' and '.join(one.per)}"
            for one in self.limits
        )
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
        if not 1 <= len(self.limits) <= MOST_LIMITS:
            document.report((*where, "limits"), f"expected 1 to {MOST_LIMITS} limits, got {len(self.limits)}")
        seen: dict[tuple[object, ...], int] = {}
        for place, limit in enumerate(self.limits):
            if is_unsound(limit):
                continue
            at = (*where, "limits", place)
            if not is_unsound(limit.rate, limit.burst, limit.unit):
                _fits(document, at, limit)
            if not is_unsound(limit.unit):
                _belongs(document, at, limit)
            if not is_unsound(self.cluster, limit.block):
                _lends(document, at, limit, self.cluster)
            if is_unsound(limit.rate, limit.per, limit.unit):
                continue
            first = seen.setdefault((limit.rate[:2], limit.per, limit.unit, limit.cost_from), place)
            if first != place:
                said = f"is the rate of limits[{first}] already, per {' and '.join(limit.per)} too; give one of them"
                document.report((*at, "rate"), said)
        if not is_unsound(self.cluster) and self.cluster is not None:
            self.cluster.check(document, (*where, "cluster"))
        names = [name for name in self.fields if not is_unsound(name)] if not is_unsound(self.fields) else []
        for place, name in enumerate(names):
            if name in names[:place]:
                document.report((*where, "fields", place), f"{name!r} is in this list already")


def _what(limit: Limit) -> str:
    return "" if limit.unit == REQUESTS else f" {limit.unit}"


def _given(limit: Limit) -> tuple[tuple[str, object], ...]:
    options = {
        "rate": limit.rate[:2],
        "burst": limit.burst,
        "per": limit.per,
        "unit": limit.unit,
        "reserve": limit.reserve,
        "block": limit.block or max((limit.burst or limit.rate.number) // 10, limit.reserve or 1),
        "field": (limit.cost_from or _FIELD) if limit.unit == COST else "",
    }
    return tuple(options.items())


def _fits(document: Document, where: TreePath, limit: Limit) -> None:
    """The rate and the burst are none that cannot be kept, nor that were meant for another unit."""
    if limit.rate.is_of_bytes and limit.unit != BYTES:
        document.report((*where, "rate"), f"is of bytes, and unit is {limit.unit}")
        return
    if limit.unit == REQUESTS:
        if limit.rate.number > _MOST:
            document.report((*where, "rate"), f"expected at most {_MOST} requests, got {limit.rate.number}")
            return
        if (limit.burst or 0) > _MOST:
            document.report((*where, "burst"), f"expected at most {_MOST} requests, got {limit.burst}")
            return
    most = LONGEST // Amounts(limit.rate.number, limit.rate.seconds * 10**9, 1).span(1)
    if (limit.burst or limit.rate.number) > most:
        said = f"so many come back in more than a year at this rate; at most {most} do in one"
        document.report((*where, "burst"), said)


def _belongs(document: Document, where: TreePath, limit: Limit) -> None:
    """What is said of a reserve is said where there is one."""
    if not is_unsound(limit.cost_from) and limit.cost_from is not None and limit.unit != COST:
        document.report((*where, "cost_from"), f"unit is {limit.unit}, and only cost is read from an answer")
    if is_unsound(limit.reserve) or limit.reserve is None:
        return
    if limit.unit == REQUESTS:
        document.report((*where, "reserve"), "a request is one, and nothing is known of it later; unit is requests")
    elif not is_unsound(limit.rate, limit.burst) and limit.reserve > (most := limit.burst or limit.rate.number):
        document.report((*where, "reserve"), f"is more than there ever is at once, which is {most} (burst)")


def _lends(document: Document, where: TreePath, limit: Limit, cluster: Cluster | None) -> None:
    """A block is there where something is shared, and is neither too large nor too small for it."""
    at = (*where, "block")
    if cluster is None:
        if limit.block is not None:
            document.report(at, "nothing is leased without cluster")
        return
    if is_unsound(limit.rate, limit.burst, limit.reserve):
        return
    most = limit.burst or limit.rate.number
    if most > MOST_LEASED:
        document.report((*where, "burst"), f"of a limit with cluster is at most {MOST_LEASED}")
    elif limit.block is not None and limit.block > most:
        document.report(at, f"is more than there ever is at once, which is {most} (burst)")
    elif limit.block is not None and limit.block < (limit.reserve or 1):
        document.report(at, f"is less than what one request takes, which is {limit.reserve} (reserve)")
