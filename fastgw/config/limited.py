"""Which limits of models have counters of their own: those of each filter that is in some chain, in words; light enough for a worker."""

from __future__ import annotations

from typing import Any, Final

from fastgw.config.chains import named
from fastgw.config.spec import GatewaySpec

LIMITER: Final = "fastgw.filters.token_limit:TokenLimit"


def limited(spec: GatewaySpec) -> list[tuple[str, str]]:
    """(filter, limit) of all of them, and of each filter one for what others say."""
    limiting = [one for one in spec.filters if one.made_by == LIMITER]
    if not limiting:
        return []
    from fastgw.core.limit_counters import NOTED  # which a worker without such does not need
    from fastgw.filters.token_rates import limit_text

    chained = frozenset(named(spec))
    found = []
    for one in limiting:
        if one.name in chained:
            options: dict[str, Any] = dict(one.options)
            texts = [limit_text(dict(limit)) for limit in options["limits"]]
            found += [(one.name, text) for text in (*texts, NOTED)]
    return found
