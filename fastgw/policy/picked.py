"""Endpoints that somebody else has picked: an endpoint picker, as the Gateway API Inference Extension calls it.

Its choice is a field of the request, ``x-gateway-destination-endpoint``: ``address:port``, or several, the first that is there
(the Endpoint Picker Protocol, proposal 004 of that extension).  Only candidates are found by it, whatever else it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

MOST: Final = 16  #: addresses of one field that are looked at
LONGEST: Final = 1024  #: bytes of the field


class Picked:
    """Finds the candidates of one service by their addresses."""

    __slots__ = ("_by_place", "_seen")

    def __init__(self) -> None:
        self._seen: Any = None  # the tuple of candidates that ``_by_place`` is of
        self._by_place: dict[bytes, Any] = {}

    def find(self, candidates: Sequence[Any], value: bytes, but: Sequence[Any] = ()) -> tuple[Any, int]:
        """The first candidate that ``value`` names and that is none of ``but``, and its place there; None and 0: it names none."""
        if candidates is not self._seen:
            self._by_place = {one.place.encode(): one for one in candidates}
            self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity
        if len(value) <= LONGEST:
            for place, address in enumerate(value.split(b",", MOST)[:MOST]):
                one = self._by_place.get(address.strip(b" \t").lower())
                if one is not None and one not in but:
                    return one, place
        return None, 0
