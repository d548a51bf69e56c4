"""What ``/status`` and the metrics say of the sources that members are listed by."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastgw.telemetry.totals import SourceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgw.config.spec import ServiceSpec
    from fastgw.discovery.keeping import SourceKeeper
    from fastgw.server.discovering import Discovering


def source_facts(discovering: Discovering | None, services: Iterable[ServiceSpec]) -> list[SourceFacts]:
    """What is known of every source of these services."""
    if discovering is None:
        return []
    now = time.time()
    return [
        _facts(one.name, kind, keeper, now)
        for one in services
        if one.discovery is not None
        for kind, keeper in discovering.sources_of(one.name)
    ]


def discovery_of_service(sources: Sequence[SourceFacts], service: str, now: float) -> dict[str, Any]:
    """The ``discovery`` of a service; nothing where all its members are in the configuration.  ``now``: seconds since 1970."""
    from fastgw.server.standings import stamp

    found = [
        {
            "kind": one.kind,
            "source": one.place,
            "state": one.state,
            "cause": one.cause or None,
            "error": one.detail or None,
            "members": one.members,
            "age": None if one.age is None else round(one.age, 1),
            "listed_at": None if one.age is None else stamp(now - one.age),
            "revision": one.revision or None,
            "listings": one.listings,
            "changes": one.changes,
            "failures": one.failures,
            "skipped": one.skipped,
            "damped": one.damped,
            "recalled": one.is_recalled,
        }
        for one in sources
        if one.service == service
    ]
    return {"discovery": found} if found else {}


def members_file_document(discovering: Discovering | None) -> dict[str, Any] | None:
    """The file by which members outlive this process; None: no service has any that are listed elsewhere."""
    from fastgw.server.standings import stamp

    memory = discovering.memory if discovering is not None else None
    if memory is None:
        return None
    return {
        "path": memory.path,
        "saved_at": stamp(memory.saved_at) if memory.saved_at else None,
        "has_place": memory.has_place,
        "error": memory.problem or None,
    }


def _facts(service: str, kind: str, keeper: SourceKeeper, now: float) -> SourceFacts:
    return SourceFacts(
        service=service,
        kind=kind,
        place=str(keeper.source),
        state=keeper.state,
        members=None if keeper.members is None else len(keeper.members),
        age=max(0.0, now - keeper.listed_at) if keeper.listed_at else None,
        listings=keeper.listings,
        changes=keeper.changes,
        failures=keeper.failures,
        skipped=keeper.skipped,
        damped=len(keeper.damped),
        is_recalled=keeper.is_recalled,
        revision=keeper.revision,
        cause=keeper.cause,
        detail=keeper.detail,
    )
