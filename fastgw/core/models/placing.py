"""Which endpoint of its service takes a request to a model, by what its prompt begins with.

exchange.notes["prompt"]     the numbers of the blocks that it begins with (``wire.prompt``), where a service that may be asked wants them
exchange.notes["placement"]  how its endpoint was found, for logs: ``${note.placement}``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.live.picking import NOTE_PLACEMENT
from fastgw.core.placement_counters import PICKS, PREFIX_PICKS
from fastgw.wire.inference import KEYS
from fastgw.wire.prompt import PROMPT_KEYS, blocks

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.policy.prefix_hash import PrefixHash
    from fastgw.wire.inference import Operation
    from fastgw.wire.json_skim import Skim

NOTE_PROMPT: Final = "prompt"
_GENERATES: Final = ("chat", "text_completion")  #: operations of which an engine keeps what it has computed


class Prompts:
    """Notes what prompts begin with, of a route that leads to services which choose by that."""

    keys = KEYS + PROMPT_KEYS  #: that a skim has to look for

    def note(self, exchange: Exchange, operation: Operation, skim: Skim, data: bytes, model: str) -> None:
        """``data``: a body, as ``skim``, for ``keys``, has passed it; ``model``: its name."""
        if operation.name in _GENERATES:
            exchange.note(NOTE_PROMPT, blocks(data, skim.value, len(KEYS), model.encode()))


def by_prefix(balancer: PrefixHash) -> Callable[[Sequence[Any], Any], Any]:
    """What picks, of candidates, for an exchange."""
    pick_by = balancer.pick_by

    def pick(candidates: Sequence[Any], exchange: Exchange) -> Any:
        notes = exchange.notes
        numbers = notes.get(NOTE_PROMPT, ()) if notes is not None else ()
        chosen, how = pick_by(candidates, numbers, exchange.tried, is_new=exchange.attempts == 1)
        exchange.plane.values[exchange.service.base + PREFIX_PICKS + how] += 1
        exchange.note(NOTE_PLACEMENT, PICKS[how])
        return chosen

    return pick
