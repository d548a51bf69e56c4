"""Members of the gateway's own zone come first, as long as enough of them are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


class Zones:
    """Whom of a service to ask; looked at anew when others are ready."""

    __slots__ = ("_chosen", "_everyone", "_seen", "_spill_below", "_zone")

    def __init__(self, zone: str, spill_below: float, everyone: Callable[[], Sequence[Any]]) -> None:
        """``zone``: of the gateway; ``spill_below``: the share of the members there, by weight and 0 to 1, of which fewer are not enough;
        ``everyone``: returns all members, those that are not ready included."""
        self._zone = zone
        self._spill_below = spill_below
        self._everyone = everyone
        self._seen: Any = None
        self._chosen: Sequence[Any] = ()

    def nearest(self, candidates: Sequence[Any]) -> Sequence[Any]:
        """Those of the zone, or all of them: the same tuple for the same tuple."""
        if candidates is not self._seen:
            local = tuple([one for one in candidates if one.settings.zone == self._zone])
            there = sum([one.weight for one in self._everyone() if one.settings.zone == self._zone])
            is_enough = local and sum([one.weight for one in local]) >= self._spill_below * there
            self._chosen = local if is_enough else candidates
            self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity
        return self._chosen
