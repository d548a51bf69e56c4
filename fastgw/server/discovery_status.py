"""What ``/status`` and the metrics say of the sources that members are listed by."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.telemetry.totals import SourceFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgw.config.spec import ServiceSpec
    from fastgw.discovery.keeping import SourceKeeper
    from fastgw.server.discovering import Discovering


NAMED: Final = 20  #: entries and members that are told by name


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
            "since": stamp(now - one.since),
            "changed_at": None if one.changed is None else stamp(now - one.changed),
            "skipped": len(one.skipped),
            "skipped_entries": [{"entry": entry, "reason": reason} for entry, reason in one.skipped[:NAMED]],
            "damped": len(one.damped),
            "damped_members": list(one.damped[:NAMED]),
            "recalled": one.is_recalled,
        }
        for one in sources
        if one.service == service
    ]
    return {"discovery": found} if found else {}


def origins(discovering: Discovering | None, services: Iterable[ServiceSpec]) -> dict[tuple[str, str], list[str]]:
    """Where each member of a service with sources is listed, by service and address: kinds of sources, first what says what it is."""
    found: dict[tuple[str, str], list[str]] = {}
    for service in services:
        if service.discovery is None or discovering is None:
            continue
        for one in service.endpoints:
            found.setdefault((service.name, str(one.address)), []).append("configuration")
        for kind, keeper in discovering.sources_of(service.name):
            for member in keeper.members or ():
                found.setdefault((service.name, str(member.address)), []).append(kind)
    return found


def origin_of_endpoint(known: Mapping[tuple[str, str], list[str]], service: str, endpoint: str) -> dict[str, list[str]]:
    """``listed_by`` of a member; nothing where all members of its service are in the configuration."""
    listed_by = known.get((service, endpoint))
    return {} if listed_by is None else {"listed_by": listed_by}


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
        skipped=tuple((one.entry, one.reason) for one in keeper.skipped),
        damped=tuple(map(str, keeper.damped)),
        since=max(0.0, now - keeper.since),
        changed=max(0.0, now - keeper.changed_at) if keeper.changed_at else None,
        is_recalled=keeper.is_recalled,
        revision=keeper.revision,
        cause=keeper.cause,
        detail=keeper.detail,
    )
