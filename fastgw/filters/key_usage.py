"""What each key has used, counted for the metrics page: by the names of keys that were known when the configuration was loaded.

A key that came into its file later, or has a place behind those that are named, is ``other``: labels are names that an operator has
written, and no more than was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.counters import KEY
from fastgw.core.key_counters import KEY_COST, KEY_REQUESTS, KEY_TOKENS
from fastgw.core.model_counters import OTHER

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_NOTE: Final = "api_key"  #: of a filter that knows whose key it is
_NANO: Final = 1_000_000_000


class KeyUsage:
    """Counts for the keys that have a place."""

    __slots__ = ("_bases", "_other")

    def __init__(self, slots: Mapping[str, int]) -> None:
        """``slots``: by the names of keys, and ``other``."""
        self._bases = {name: KEY.base(slot) for name, slot in slots.items()}
        self._other = self._bases[OTHER]

    def count(self, exchange: Exchange, settled: Mapping[str, Any]) -> None:
        """``exchange`` has used what ``settled``, the note ``usage``, says."""
        name = exchange.notes.get(_NOTE) if exchange.notes is not None else None
        if name is None:
            return
        base, values = self._bases.get(name, self._other), exchange.plane.values
        values[base + KEY_REQUESTS] += 1
        values[base + KEY_TOKENS] += settled["prompt_tokens"]
        values[base + KEY_TOKENS + 1] += settled["completion_tokens"]
        if settled["cost"]:
            values[base + KEY_COST] += round(settled["cost"] * _NANO)
