"""What the metrics and the problems say of a gateway that is a node of a fleet, out of what ``/status`` says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastgw.telemetry.totals import FleetFacts

_WORDS: Final = {
    "refused": "the gateway cannot use what its fleet gives it",
    "went_back": "the gateway has gone back from what its fleet gave it",
    "stale": "etcd is not heard, the configuration stays as it is",
}


def fleet_facts(fleet: Mapping[str, Any] | None) -> FleetFacts | None:
    """For the metrics; None: it is of no fleet, or has not begun to follow it."""
    if fleet is None:
        return None
    return FleetFacts(
        key=fleet["key"],
        state=fleet["state"],
        generation=fleet["generation"] or 0,
        promoted=fleet["promoted"],
        contact_age=fleet["contact_age"],
        nodes=fleet["nodes"],
        coordinates=fleet["coordinates"],
    )


def wrong_in_fleet(fleet: Mapping[str, Any]) -> str:
    """What keeps it from following its fleet, in words; empty: nothing, or there is no fleet (and nothing in ``fleet``)."""
    if not fleet or fleet["state"] not in _WORDS:
        return ""
    uses = f"generation {fleet['generation']} is in use" if fleet["generation"] else "what it has is in use"
    why = f": {fleet['reason']}" if fleet["reason"] else ""
    return f"{_WORDS[fleet['state']]} ({fleet['key']}, {uses}){why}"
