"""What the file says of a filter of type ``token_limit``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.cluster import Cluster
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.limit_entries import TokenLimitEntry, check_entries, given_limit
from fastgw.config.limited import LIMITER
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, count, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar
from fastgw.core.settings import RedisSettings
from fastgw.filters.calendar import zone_named
from fastgw.filters.token_rates import LEARNED, MAXIMUM, limit_text


def _time_zone(value: object) -> str:
    found = scalar(value, "the name of a time zone")
    zone_named(found)
    return found


class TokenLimit(FilterOptions):
    """Lets only so many tokens, requests, or so much cost of model servers through in a time, counted over all workers."""

    made_by: ClassVar[str] = LIMITER
    notes: ClassVar[tuple[str, ...] | None] = ("token_limit",)
    type: Literal["token_limit"] = setting(..., "token_limit")
    limits: list[TokenLimitEntry] = setting(
        [],
        "All of them must admit a request; one that is refused counts for none. With limits at models there may be none here.",
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
    timezone: Annotated[str, Parsed(_time_zone, type="string")] = setting(
        "UTC", "In which hours, days, weeks and months of limits begin that are said so, such as Europe/Berlin."
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
        limits = ", ".join(limit_text(dict(given_limit(one))) for one in self.limits) or "models say of themselves"
        return f"{'notes' if self.dry_run else 'refuses'} more than {limits}"

    def given(self) -> dict[str, Any]:
        """With limits as the filter takes them."""
        cluster = self.cluster.handed() if self.cluster is not None else None
        return super().given() | {"limits": tuple(map(given_limit, self.limits)), "cluster": cluster}

    def redis_links(self) -> tuple[RedisSettings, ...]:
        """What the supervisor asks for it."""
        return (self.cluster.link(),) if self.cluster is not None else ()

    def check(self, document: Document, where: TreePath) -> None:
        """There are limits, each can be kept, and none says the same as another."""
        if is_unsound(self.limits):
            return
        is_shared = not is_unsound(self.cluster)
        check_entries(
            document, (*where, "limits"), self.limits, self.cluster if is_shared else None, is_shared=is_shared
        )
        if not is_unsound(self.cluster) and self.cluster is not None:
            self.cluster.check(document, (*where, "cluster"))
