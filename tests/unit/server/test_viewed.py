"""What the dashboard shows, of a status that is written here."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.server.rates import Rates
from fastgw.server.viewed import MOST_MEMBERS, MOST_ROUTES, viewed
from fastgw.telemetry.totals import CertificateFacts
from tests.unit.server.test_rates import block
from tests.unit.server.test_source_words import source

DEPENDENCY = {
    "kind": "keys",
    "name": "u",
    "state": "failing",
    "age": 7.0,
    "goes_on": "2 keys",
    "cause": "refused",
    "error": "no",
}


def member(**more: Any) -> dict[str, Any]:
    found = {"is_up": True, "state": "up", "cause": None, "error": None, "until": None, "addresses": {}}
    return {**found, "requests": 5, "failures": 1, "active": 2, "waiting": 3, **more}


def seen(services: dict[str, Any] | None = None, routes: int = 1, ends: tuple[float, ...] = ()) -> dict[str, Any]:
    rates = Rates().look(0.0, {f"r{number}": block(number) for number in range(routes)})
    status = {
        "version": "1",
        "build": "pure",
        "generation": 1,
        "config": "x",
        "uptime": 1.0,
        "draining": False,
        "problems": [{"cause": "x"}] * 50,
        "watch": None,
        "fleet": None,
        "connections": {"open": 1, "exchanges": 2, "tunnels": 3},
        "services": services or {},
        "workers": [{"worker": 0}],
        "dependencies": [DEPENDENCY] * 60,
    }
    return viewed(status, rates, [CertificateFacts("edge", "c.pem", end) for end in ends], [{"ok": True}], 0.0)


@pytest.mark.parametrize(
    ("told", "state", "why"),
    [
        (member(), "up", ""),
        (member(is_up=False), "left out", ""),
        (member(slow={"seconds": 0.5, "others": 0.01}), "up", "slow: 0.5 s where the others take 0.01 s"),
        (member(state="ejected", cause="reset", error="gone", until="t"), "ejected", "reset: gone"),
        (member(breaker={"state": "open", "reason": "3 of 4 failed", "until": "t"}), "breaker open", "3 of 4 failed"),
        (member(health={"state": "unhealthy", "cause": "status", "error": "503"}), "unhealthy", "status: 503"),
        (
            member(health={"10.0.0.1:1": {"state": "unknown", "cause": None, "error": None}}),
            "unknown",
            "no probe is over",
        ),
        (
            member(addresses={"10.0.0.1:1": {"failing_for": 1, "cause": "silent", "error": "timed out"}}),
            "up",
            "10.0.0.1:1: silent: timed out",
        ),
    ],
)
def test_a_member_has_a_state_and_why(told: dict[str, Any], state: str, why: str) -> None:
    (one,) = seen({"s": {"endpoints": {"10.0.0.1:1": told}}})["services"][0]["members"]
    assert (one["address"], one["state"], one["why"]) == ("10.0.0.1:1", state, why)
    assert (one["requests"], one["failures"], one["active"], one["waiting"]) == (5, 1, 2, 3)


def test_a_service_has_its_queue_and_breaker() -> None:
    admission = {"limit": 8, "places": 7, "queued": 4, "shed": {"full": 2, "late": 1}}
    breaker = {"state": "open", "reason": "x", "until": None, "scope": "service"}
    found = seen(
        {"s": {"endpoints": {"a": member(), "b": member(state="ejected")}, "admission": admission, "breaker": breaker}}
    )
    (one,) = found["services"]
    assert one["queue"] == {"limit": 8, "places": 7, "queued": 4} and one["shed"] == 3
    assert one["breaker"] == {"state": "open", "reason": "x", "until": None}
    assert one["waiting"] == 10 == found["whole"]["waiting"]
    assert [each["address"] for each in one["members"]] == ["b", "a"]  # what is wrong comes first


def test_a_service_has_its_sources_and_where_members_come_from_if_that_differs() -> None:
    failing = source(state="failing", cause="refused", error="nobody is there")
    endpoints = {"a": member(listed_by=["etcd"]), "b": member(listed_by=["configuration", "etcd"], is_up=True)}
    (one,) = seen({"s": {"endpoints": endpoints, "discovery": [source(), failing]}})["services"]
    assert [(each["place"], each["state"]) for each in one["sources"]] == [
        ("etcd http://a", "listed"),
        ("etcd http://a", "failing"),
    ]
    assert one["sources"][1]["why"].endswith(": nobody is there")
    assert [each["why"] for each in one["members"]] == ["from etcd", "from configuration and etcd"]
    (one,) = seen({"s": {"endpoints": {"a": member(listed_by=["etcd"])}, "discovery": [source()]}})["services"]
    assert one["members"][0]["why"] == ""


def test_everything_is_bounded_and_says_what_it_leaves_out() -> None:
    many = {str(number): member() for number in range(MOST_MEMBERS + 3)}
    found = seen({"s": {"endpoints": many}}, routes=MOST_ROUTES + 2)
    assert len(found["routes"]) == MOST_ROUTES and found["left_out"]["routes"] == 2
    assert len(found["services"][0]["members"]) == MOST_MEMBERS and found["services"][0]["left_out"] == 3
    assert len(found["problems"]) == 20 and found["left_out"]["problems"] == 30
    assert len(found["dependencies"]) == 50 and found["left_out"]["dependencies"] == 10
    told = {
        "kind": "keys",
        "name": "u",
        "state": "failing",
        "told": "failing (refused): 2 keys, of 7 s ago",
        "why": "no",
    }
    assert found["dependencies"][0] == told


def test_certificates_that_end_first_come_first() -> None:
    assert [one["days"] for one in seen(ends=(864000.0, -86400.0))["certificates"]] == [-1.0, 10.0]
