"""What ``/status`` and the metrics say of the registries that the gateway registers members in."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from fastgw.telemetry.totals import RegistrationFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.registration.keeping import Registrar
    from fastgw.server.registering import Registering


def registration_facts(registering: Registering | None) -> list[RegistrationFacts]:
    """What is known of each registry; empty: there is none."""
    if registering is None:
        return []
    now = asyncio.get_running_loop().time()
    return [_facts(kind, registrar, registering.left_out, now) for kind, registrar in registering.registrars()]


def registration_document(facts: Sequence[RegistrationFacts], now: float) -> list[dict[str, Any]]:
    """Of ``/status``; ``now``: seconds since 1970."""
    from fastgw.server.standings import stamp

    return [
        {
            "kind": one.kind,
            "registry": one.place,
            "state": one.state,
            "cause": one.cause or None,
            "error": one.detail or None,
            "since": stamp(now - one.failing) if one.cause else None,
            "wanted": one.wanted,
            "members": list(one.members),
            "left_out": one.left_out,
            "renewed_at": None if one.renewed is None else stamp(now - one.renewed),
            "errors": one.errors,
            "losses": one.losses,
        }
        for one in facts
    ]


def _facts(kind: str, registrar: Registrar, left_out: int, now: float) -> RegistrationFacts:
    there = registrar.there
    state = "failing" if registrar.cause else "registered" if registrar.is_settled else "pending"
    return RegistrationFacts(
        kind=kind,
        place=str(registrar.registry),
        state=state,
        wanted=len(registrar.wanted),
        there=len(there),
        members=[str(one.name) for one in there],
        renewed=None if math.isinf(registrar.renewed) else max(0.0, now - registrar.renewed),
        errors=registrar.errors,
        losses=registrar.losses,
        failing=max(0.0, now - registrar.failing_since) if registrar.cause else 0.0,
        left_out=left_out,
        cause=registrar.cause,
        detail=registrar.detail,
    )
