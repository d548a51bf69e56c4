"""What is said of sources."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.core.settings import Address
from fastgw.discovery.listing import ListedMember, Skipped
from fastgw.server.discovery_status import (
    NAMED,
    discovery_of_service,
    origin_of_endpoint,
    origins,
    source_facts,
)


def keeper(**changes: Any) -> Any:
    known: dict[str, Any] = {
        "source": "etcd http://127.0.0.1:2379/services/x",
        "state": "listed",
        "members": (1, 2),
        "listed_at": 1.0,
        "listings": 3,
        "changes": 2,
        "failures": 1,
        "skipped": (Skipped("a", "is no address"),) * (NAMED + 1),
        "since": 1.0,
        "changed_at": 0.0,
        "damped": (Address("10.0.0.1", 1),),
        "revision": "77",
        "cause": "",
        "detail": "",
        "is_recalled": False,
    }
    return SimpleNamespace(**known | changes)


def test_a_source_is_told_of_with_its_service() -> None:
    silent = keeper(members=None, listed_at=0.0, state="failing", cause="refused", detail="nobody is there")
    discovering: Any = SimpleNamespace(sources_of=lambda _: [("etcd", keeper()), ("dns", silent)])
    services: Any = [SimpleNamespace(name="x", discovery=()), SimpleNamespace(name="y", discovery=None)]
    facts = source_facts(discovering, services)
    assert [(one.service, one.kind, one.members, one.damped) for one in facts] == [
        ("x", "etcd", 2, ("10.0.0.1:1",)),
        ("x", "dns", None, ("10.0.0.1:1",)),
    ]
    assert facts[0].age is not None and facts[0].age > 1e9 and facts[1].age is None
    first, second = discovery_of_service(facts, "x", 2e9)["discovery"]
    assert (first["state"], first["revision"], first["error"]) == ("listed", "77", None)
    assert (first["skipped"], len(first["skipped_entries"]), first["damped_members"]) == (
        NAMED + 1,
        NAMED,
        ["10.0.0.1:1"],
    )
    assert first["skipped_entries"][0] == {"entry": "a", "reason": "is no address"}
    assert first["since"] and first["changed_at"] is None
    assert (second["cause"], second["error"], second["listed_at"]) == ("refused", "nobody is there", None)
    assert discovery_of_service(facts, "y", 2e9) == {}


def test_members_of_before_the_start_are_told_to_be_so() -> None:
    discovering: Any = SimpleNamespace(sources_of=lambda _: [("etcd", keeper(is_recalled=True))])
    facts = source_facts(discovering, [SimpleNamespace(name="x", discovery=())])  # type: ignore[list-item]
    assert discovery_of_service(facts, "x", 2e9)["discovery"][0]["recalled"] is True


def test_a_member_has_all_the_places_that_it_is_listed_at() -> None:
    one, two, three = (ListedMember(Address("10.0.0.1", port)) for port in (1, 2, 3))
    of_x = [("etcd", keeper(members=(two, three))), ("dns", keeper(members=(three,))), ("file", keeper(members=None))]
    discovering: Any = SimpleNamespace(sources_of=lambda _: of_x)
    services: Any = [
        SimpleNamespace(name="x", discovery=(), endpoints=(one, two)),
        SimpleNamespace(name="y", discovery=None, endpoints=(one,)),
    ]
    known = origins(discovering, services)
    assert known == {
        ("x", "10.0.0.1:1"): ["configuration"],
        ("x", "10.0.0.1:2"): ["configuration", "etcd"],
        ("x", "10.0.0.1:3"): ["etcd", "dns"],
    }
    assert origin_of_endpoint(known, "x", "10.0.0.1:3") == {"listed_by": ["etcd", "dns"]}
    assert origin_of_endpoint(known, "y", "10.0.0.1:1") == {}
    assert origins(None, services) == {}


def test_nothing_is_said_where_there_is_none() -> None:
    assert source_facts(None, []) == []
