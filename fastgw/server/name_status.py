"""What ``/status`` and the metrics say of the names of endpoints."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastgw.server.names import Names
from fastgw.telemetry.totals import NameFacts

if TYPE_CHECKING:
    pass


def name_facts(names: Names | None) -> list[NameFacts]:
    """Of each name that is looked up; None: there is none."""
    now = time.time()
    return [
        NameFacts(
            name=one.host,
            addresses=one.addresses,
            age=max(0.0, now - one.found_at) if one.found_at else None,
            look_ups=one.look_ups,
            failures=one.failures,
            cause=one.cause,
            detail=one.detail,
            is_recalled=one.is_recalled,
        )
        for one in (names.known.values() if names is not None else ())
    ]


def name_document(name: NameFacts) -> dict[str, Any]:
    """One of them in ``/status``."""
    return {
        "addresses": list(name.addresses),
        "age": None if name.age is None else round(name.age, 3),
        "recalled": name.is_recalled,
        "look_ups": name.look_ups,
        "failures": name.failures,
        "cause": name.cause or None,
        "error": f"{name.name} {name.detail}" if name.detail else None,
    }
