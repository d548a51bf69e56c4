"""What the file says of a filter of type ``rate_limit``."""

import re
from typing import Annotated, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import Model, setting
from fastgw.config.per import KNOWN_EARLY, Per
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, count, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.policy.gcra import LONGEST, Rate

MOST_LIMITS = 8  #: of one filter
_MOST = 1_000_000
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RATE = re.compile(r"([0-9]{1,9}) ?/ ?([smhd])").fullmatch


def _rate(value: object) -> tuple[int, int]:
    """A number of requests, and in how many seconds."""
    wanted = "a rate such as 100/s, 60/m, 1000/h or 5000/d"
    match = _RATE(scalar(value, wanted))
    if match is None:
        raise ValueError(f"expected {wanted}, got {shown(value)}")
    found = int(match[1])
    if not 1 <= found <= _MOST:
        raise ValueError(f"expected a rate of 1 to {_MOST} requests, got {shown(value)}")
    return found, _SECONDS[match[2]]


class Limit(Model):
    """So many requests in a time."""

    rate: Annotated[
        tuple[int, int],
        Parsed(_rate, type="string", pattern=r"^[0-9]{1,9} ?/ ?[smhd]$|\$\{", examples=["100/s", "1000/h"]),
    ] = setting(..., "Requests in a second, minute, hour or day: 100/s, 60/m, 1000/h, 5000/d.")
    burst: Annotated[int, count(1, _MOST)] | None = setting(
        None, "Requests at once, after there were none for a while; by default as many as rate says."
    )
    per: Per = setting(
        "route",
        "What has the rate of its own: each route, each listener, this filter as a whole, each client address, each API "
        "key, each value of a field, a claim or a note (header:name, claim:name, note:name); a list: these together.",
    )


class RateLimit(FilterOptions):
    """Lets only so many requests through in a time, counted over all workers."""

    made_by: ClassVar[str] = "fastgw.filters.rate_limit:RateLimit"
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

    def needs_a_route(self) -> str:
        """Nothing is counted by what is not known yet: a route, an API key, a claim or a note."""
        limits = [one for one in self.limits if not is_unsound(one) and not is_unsound(one.per)]
        late = [source for one in limits for source in one.per if source.partition(":")[0] not in KNOWN_EARLY]
        return f"it counts per {late[0]}, which is not known by then; give its limits another per" if late else ""

    def does(self) -> str:
        """Which rates."""
        units = {seconds: unit for unit, seconds in _SECONDS.items()}
        limits = ", ".join(f"{one.rate[0]}/{units[one.rate[1]]} per {' and '.join(one.per)}" for one in self.limits)
        return f"{'notes' if self.dry_run else 'refuses'} more than {limits}"

    def check(self, document: Document, where: TreePath) -> None:
        """There are limits, each can be kept, and none says the same as another."""
        if is_unsound(self.limits):
            return
        if not 1 <= len(self.limits) <= MOST_LIMITS:
            document.report((*where, "limits"), f"expected 1 to {MOST_LIMITS} limits, got {len(self.limits)}")
        seen: dict[tuple[object, object], int] = {}
        for place, limit in enumerate(self.limits):
            if is_unsound(limit):
                continue
            if not is_unsound(limit.rate, limit.burst):
                _fills(document, (*where, "limits", place), limit)
            if is_unsound(limit.rate, limit.per):
                continue
            first = seen.setdefault((limit.rate, limit.per), place)
            if first != place:
                said = f"is the rate of limits[{first}] already, per {' and '.join(limit.per)} too; give one of them"
                document.report((*where, "limits", place, "rate"), said)
        names = [name for name in self.fields if not is_unsound(name)] if not is_unsound(self.fields) else []
        for place, name in enumerate(names):
            if name in names[:place]:
                document.report((*where, "fields", place), f"{name!r} is in this list already")


def _fills(document: Document, where: TreePath, limit: Limit) -> None:
    number, seconds = limit.rate
    most = LONGEST // Rate(number, seconds * 10**9, 1).interval
    if (limit.burst or number) > most:
        said = f"so many come back in more than a year at this rate; at most {most} do in one"
        document.report((*where, "burst"), said)
