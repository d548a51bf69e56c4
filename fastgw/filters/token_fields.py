"""What clients of model servers are told of limits: the fields that the SDKs of OpenAI and Anthropic know.

OpenAI       x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens (a duration), and -requests
Anthropic    anthropic-ratelimit-tokens-limit, -remaining, -reset (a time, RFC 3339), and -input-tokens-, -output-tokens-, -requests-
both         retry-after, retry-after-ms, and x-should-retry: false where waiting is in vain

Of several limits of one unit it is the one of which least is left.  Of a cost nothing is told but when to come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fastgw.core.timestamp import timestamp
from fastgw.filters.rate_fields import SECOND, Fields, Told, seconds
from fastgw.filters.token_rates import COMPLETION, PROMPT, REQUESTS, TOKENS
from fastgw.wire.inference import ANTHROPIC

_OPENAI: Final[Mapping[str, str]] = {REQUESTS: "requests", TOKENS: "tokens"}
_ANTHROPIC: Final[Mapping[str, str]] = {
    REQUESTS: "requests",
    TOKENS: "tokens",
    PROMPT: "input-tokens",
    COMPLETION: "output-tokens",
}
#: Seconds beyond which SDKs do not wait as they are told, but ask again after a moment of their own.
PATIENCE: Final = 60


def fields(dialect: str, limits: Sequence[Told], wall: float) -> Fields:
    """``dialect``: that of the request; ``wall``: seconds since 1970."""
    names = _ANTHROPIC if dialect == ANTHROPIC else _OPENAI
    found: list[tuple[str, str]] = []
    for unit, name in names.items():
        told = [one for one in limits if one.unit == unit]
        if not told:
            continue
        least = min(told, key=lambda one: one.left)
        if dialect == ANTHROPIC:
            prefix = f"anthropic-ratelimit-{name}-"
            found += (
                (f"{prefix}limit", str(least.burst)),
                (f"{prefix}remaining", str(least.left)),
                (f"{prefix}reset", timestamp(wall + seconds(least.whole))),
            )
        else:
            found += (
                (f"x-ratelimit-limit-{name}", str(least.burst)),
                (f"x-ratelimit-remaining-{name}", str(least.left)),
                (f"x-ratelimit-reset-{name}", f"{-(-least.whole // 1_000_000)}ms"),
            )
    return tuple(found)


def refused(dialect: str, limits: Sequence[Told], wait: int, wall: float) -> Fields:
    """``wait``: nanoseconds until the next one is admitted."""
    wait = max(1, wait)
    found: Fields = (("retry-after", str(seconds(wait))), ("retry-after-ms", str(-(-wait // 1_000_000))))
    if wait > PATIENCE * SECOND:
        found = (*found, ("x-should-retry", "false"))
    return (*found, *fields(dialect, limits, wall))
