"""Which endpoint of its service takes a request that another has picked one for (``policy.picked``).

exchange.notes["placement"]  how its endpoint was found, for logs: ``${note.placement}``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastgw.core.placement_counters import PICKER_PICKS
from fastgw.policy.picked import Picked
from fastgw.wire.fields import DESTINATION

NOTE_PLACEMENT: Final = "placement"
_WORDS: Final = ("picker", "picker_other")
_UNKNOWN: Final = 2


def by_field(otherwise: Callable[[Sequence[Any], Any], Any]) -> Callable[[Sequence[Any], Any], Any]:
    """What takes, of candidates for an exchange, the endpoint that its field names, as it came from a peer that is trusted, or from a
    filter; where it names none as ``otherwise``."""
    find = Picked().find

    def pick(candidates: Sequence[Any], exchange: Any) -> Any:
        value = exchange.request.forwarded(DESTINATION)
        if value is None:
            return otherwise(candidates, exchange)
        chosen, place = find(candidates, value, exchange.tried)
        outcome = _UNKNOWN if chosen is None else int(place > 0)
        exchange.plane.values[exchange.service.base + PICKER_PICKS + outcome] += 1
        if chosen is None:
            return otherwise(candidates, exchange)
        exchange.note(NOTE_PLACEMENT, _WORDS[outcome])
        return chosen

    return pick
