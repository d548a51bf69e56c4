"""What a gateway depends on beside its services, all in one list: whether each can be asked, and by what the gateway goes on if not.

A *dependency* is who tells the gateway something, or takes or decides something for it: its fleet, registries, name servers, issuers of
tokens, a Redis, a collector, brokers.  Its words of a kind are those of ``fastgw doctor``.  Requests never wait for most of them: what was
told last, the *last good state*, stays, and has an age.

Those that only workers ask (who judges tokens and requests, brokers) are known by the failures of the last minute, and quiet without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import bridge_counters
from fastgw.server.episodes import JUDGES, Episodes
from fastgw.telemetry.totals import CONNECTED, DOUBTED, FAILING, PENDING, QUIET, DependencyFacts

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec
    from fastgw.telemetry.totals import Facts, NameFacts, SourceFacts, Values

_STATES: Final = {"listed": CONNECTED, "registered": CONNECTED, "doubted": DOUBTED, "failing": FAILING}


def dependencies(
    facts: Facts, fleet: Mapping[str, Any] | None, spec: GatewaySpec | None, episodes: Episodes, slabs: Iterable[Values]
) -> list[DependencyFacts]:
    """All of a gateway, those first that cannot be asked.

    Args:
        facts: what is known of each kind.
        fleet: ``/status`` of a gateway that has its configuration from one; None: it has not.
        spec: the configuration in use; None: there is none yet.
        episodes: of failures that workers have counted.
        slabs: the counters of all workers.
    """
    found: dict[tuple[str, str], DependencyFacts] = {}
    parts = [_all(facts, fleet)]
    if spec is not None:
        opened = sum(slab[bridge_counters.CONNECTIONS_OPEN] for slab in slabs)
        parts += [_judges(spec, episodes), _brokers(spec, episodes, opened)]
    for one in chain.from_iterable(parts):
        found.setdefault((one.kind, one.name), one)  # a source of several services is one
    return sorted(found.values(), key=lambda one: one.state in (CONNECTED, QUIET))


def dependency_document(one: DependencyFacts) -> dict[str, Any]:
    """One of them in ``/status``."""
    return {
        "kind": one.kind,
        "name": one.name,
        "state": one.state,
        "age": None if one.age is None else round(one.age, 1),
        "goes_on": one.goes_on or None,
        "cause": one.cause or None,
        "error": one.detail or None,
    }


def _all(facts: Facts, fleet: Mapping[str, Any] | None) -> Iterator[DependencyFacts]:
    if fleet is not None:
        yield _fleet(fleet)
    yield from map(_source, facts.sources)
    yield from map(_name, facts.names)
    for keys in facts.key_sets:
        state = CONNECTED if not keys.cause else PENDING if keys.cause == "pending" else FAILING
        goes_on = _count(keys.keys, "key") if keys.keys or keys.age is None else "no key: those of before are too old"
        yield DependencyFacts("keys", keys.url, state, keys.age, goes_on, keys.cause, keys.detail)
    for link in facts.links:
        state = CONNECTED if link.is_up else PENDING if link.cause == "pending" else FAILING
        goes_on = "limits of all gateways together" if link.is_up else "what is leased, then as when_gone says"
        yield DependencyFacts("redis", link.redis, state, link.age, goes_on, link.cause, link.detail)
    for one in facts.registrations:
        state, there = _STATES.get(one.state, PENDING), f"{one.there} of {_count(one.wanted, 'member')} there"
        yield DependencyFacts("registration", one.place, state, one.renewed, there, one.cause, one.detail)
    if (export := facts.export) is not None:
        dropped = sum(export.dropped.values())
        goes_on = f"{export.queued} of {export.queue} bytes wait" + (f", {dropped} dropped" if dropped else "")
        state = FAILING if not export.is_up else QUIET if export.age is None else CONNECTED
        yield DependencyFacts("telemetry", export.url, state, export.age, goes_on, export.cause, export.detail)


def _fleet(fleet: Mapping[str, Any]) -> DependencyFacts:
    error = fleet["error"] or ""
    uses = f"generation {fleet['generation']}" if fleet["generation"] else "what it has"
    return DependencyFacts(
        "fleet",
        f"{fleet['etcd']} {fleet['key']}",
        FAILING if error else CONNECTED,
        fleet["contact_age"] if error else 0.0,
        uses,
        "unavailable" if error else "",
        error,
    )


def _source(one: SourceFacts) -> DependencyFacts:
    state = _STATES.get(one.state, PENDING)
    # What is watched says nothing while nothing changes: what it listed last was true until it failed.
    age = 0.0 if state == CONNECTED else one.age
    if age is not None and state == FAILING and not one.is_recalled:
        age = min(age, one.since)
    goes_on = "nobody was listed yet" if one.members is None else _count(one.members, "member")
    return DependencyFacts(one.kind, one.place, state, age, goes_on, one.cause, one.detail)


def _name(one: NameFacts) -> DependencyFacts:
    state = FAILING if one.cause else CONNECTED if one.addresses else PENDING
    goes_on = _count(len(one.addresses), "address")
    return DependencyFacts("name", one.name, state, one.age, goes_on, one.cause, one.detail)


def _judges(spec: GatewaySpec, episodes: Episodes) -> Iterator[DependencyFacts]:
    failed, judged = episodes.of("filter"), episodes.of("judged").get(())
    kinds = [JUDGES.get(one.made_by) for one in spec.filters]
    is_sole = kinds.count("introspection") == 1  # else nobody knows whose tokens were judged
    for one, kind in zip(spec.filters, kinds, strict=True):
        if kind is None:
            continue
        mine = {cause: found for (name, cause), found in failed.items() if name == one.name}
        has_answered = judged is not None and kind == "introspection" and is_sole
        if has_answered and judged is not None and all(found.last < judged.last for found in mine.values()):
            mine = {}  # since then it has
        counts = {cause: found.count for cause, found in mine.items()}
        most = max(counts, key=lambda cause: counts[cause], default="")
        told = f"{_count(sum(counts.values()), 'request')} failed: the log says why" if counts else ""
        goes_on = "who was judged before (max_age, stale)" if kind == "introspection" else ""
        state = FAILING if counts else CONNECTED if has_answered else QUIET
        yield DependencyFacts(kind, str(dict(one.options)["url"]), state, None, goes_on, most, told)


def _brokers(spec: GatewaySpec, episodes: Episodes, opened: int) -> Iterator[DependencyFacts]:
    links = [one.adapter for one in spec.routes if one.adapter is not None] + [one.link for one in spec.mqtt]
    names = dict.fromkeys(", ".join(map(str, one.brokers)) for one in links)
    if not names:
        return
    counts = {cause: found.count for (cause,), found in episodes.of("broker").items()} if not opened else {}
    most = max(counts, key=lambda cause: counts[cause], default="")
    # Counters are of all brokers together: they say of one which it is, of several that it is one of them.
    which = "" if len(names) == 1 else " of any of these brokers"
    told = f"{_count(sum(counts.values()), 'connection')}{which} failed or ended" if counts else ""
    state = FAILING if counts else CONNECTED if opened else QUIET
    goes_on = _count(opened, "connection") if opened else ""
    for name in names:
        yield DependencyFacts("mqtt", name, state, None, goes_on, most, told)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "es" if what.endswith("s") else "s")
