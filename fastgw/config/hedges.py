"""What the file says of sending a request to a second member beside the first.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Final

from fastgw.config.model import OrOff, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Method, Percentage
from fastgw.config.unsound import is_missing, is_unsound

LEAST: Final = 0.5  #: the lowest quantile
MOST: Final = 0.5  #: the largest share


class Hedge(OrOff):
    """When a request is sent to a second member because the first takes long; ``off`` instead of a mapping: never."""

    quantile: Percentage = setting("99%", "When so many of the answers have begun that came lately; 50% to 99.9%.")
    after: Duration = setting("0", "When that is known: so long after it was sent, instead of a quantile. 0: learned.")
    max_share: Percentage = setting("3%", "Of the requests of the last 10 s, in each worker; no more are sent twice.")
    min_delay: Duration = setting("1ms", "The soonest, whatever is learned.")
    methods: list[Method] = setting(
        [], "Of requests that may be sent twice. Default: those that change nothing, and PUT and DELETE."
    )


def check_hedge(document: Document, where: TreePath, hedge: Hedge | None, endpoints: int) -> None:
    """Report what cannot work; ``endpoints``: how many there are, 0: nobody knows."""
    if hedge is None or is_unsound(hedge):
        return
    if is_missing(hedge.max_share):
        document.report((*where, "max_share"), "is 0%: no request would be sent twice; hedge: off says that")
    if not is_unsound(hedge.max_share) and hedge.max_share > MOST:
        document.report((*where, "max_share"), "is more than 50%: a service that is late would get half its load again")
    if not is_unsound(hedge.quantile) and not LEAST <= hedge.quantile <= 0.999:
        document.report((*where, "quantile"), "must be from 50% to 99.9%")
    for key in ("quantile", "min_delay"):
        if hedge.after and document.at((*where, key)) is not None:
            document.report((*where, key), "has no effect beside after; leave one of them out")
    if endpoints == 1:
        document.warn(where, "has no effect with a single endpoint, unless it is a name with several addresses")
