"""What a swap of snapshots changes, and what is done before and behind it."""

from __future__ import annotations

from typing import Any

from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.settings import Address
from fastgw.core.snapshot.snapshot import Service, Snapshot
from fastgw.steps import whole
from fastgw.testing import usual
from fastgw.testing.edge import OK, Edge


def arranged(edge: Edge, *services: Service) -> tuple[Snapshot, list[str]]:
    """A snapshot with these services, and the names of those that the swap has to change."""
    snapshot = Snapshot(2, {"edge": edge.listener}, services)
    return snapshot, [one.name for one in whole(edge.plane.arrange(snapshot))]


def remade(edge: Edge, name: str, *hosts: str, **changes: Any) -> Service:
    """A service of these endpoints, as a later configuration has it; ``changes``: of its settings."""
    plane = edge.plane
    roster = tuple((EndpointKey(name, Address(host, 80)), usual.settings()) for host in hosts)
    settings = edge.service.settings._replace(**changes)
    return Service(name, plane.registry.members(name), roster, edge.service.balancer, settings)


def test_only_what_has_changed_waits_for_the_swap() -> None:
    edge = Edge()
    first = [remade(edge, name, "127.0.0.1") for name in ("a", "b", "c")]
    edge.plane.install(Snapshot(1, {"edge": edge.listener}, tuple(first)))
    a, b, c = (
        remade(edge, "a", "127.0.0.1"),
        remade(edge, "b", "127.0.0.2"),
        remade(edge, "c", "127.0.0.1", panic_below=0.5),
    )
    new, named = remade(edge, "new", "127.0.0.3"), remade(edge, "named", "a.test")
    snapshot, changed = arranged(edge, a, b, c, new, named)
    assert changed == ["b", "c", "named"]
    assert [str(one.key.address) for one in new.members.ready] == ["127.0.0.3:80"]  # nobody asks it yet
    assert [str(one.key.address) for one in b.members.ready] == ["127.0.0.1:80"]  # as before the swap
    former = edge.plane.swap(snapshot, (b, c, named))
    assert [str(one.key.address) for one in b.members.ready] == ["127.0.0.2:80"] and c.members.panic_below == 0.5
    assert edge.plane.snapshot is snapshot and former.services == tuple(first)
    whole(edge.plane.tidy(former))
    assert {one.key.service for one in edge.plane.registry} == {"a", "b", "c", "new", "named"}
    edge.end()


def test_what_was_arranged_for_nothing_is_forgotten() -> None:
    edge = Edge()
    edge.plane.install(Snapshot(1, {"edge": edge.listener}, (remade(edge, "a", "127.0.0.1"),)))
    snapshot, _ = arranged(edge, remade(edge, "a", "127.0.0.1"), remade(edge, "new", "127.0.0.3"))
    (endpoint,) = [one for one in edge.plane.registry if one.key.service == "new"]
    whole(edge.plane.discard(snapshot))
    assert [one.key.service for one in edge.plane.registry] == ["a"] and endpoint.is_retired
    edge.end()


def test_an_exchange_that_nobody_uses_keeps_no_configuration() -> None:
    edge = Edge()
    client, service = edge.pair()
    busy = client.protocol.exchange  # type: ignore[attr-defined]
    assert busy.listener is edge.listener
    edge.plane.install(Snapshot(1, {"edge": edge.listener}, edge.plane.snapshot.services))
    service.feed(OK)
    assert busy in edge.plane.free
    assert busy.listener is None and busy.route is None
    edge.end()
