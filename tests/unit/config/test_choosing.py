"""How a service chooses: which balancer a specification makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random as Chance
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.config.choosing import affinity_of, chosen
from fastgw.config.spec import ServiceSpec
from fastgw.policy.balancers import LeastRequest, Random, RoundRobin
from fastgw.policy.engine_aware import READINGS, EngineAware
from fastgw.policy.ewma import PeakEwma
from fastgw.policy.hashing import ConsistentHash
from fastgw.policy.having import TABLES
from fastgw.policy.maglev import Maglev
from fastgw.policy.prefix_hash import PrefixHash
from tests.unit.config.files import read, with_service


@dataclass(eq=False)
class Endpoint:
    place: str
    weight: int = 1
    in_hand: int = 0
    zone: str = ""

    @property
    def settings(self) -> Any:
        return SimpleNamespace(zone=self.zone)


def service(folder: Path, keys: str) -> ServiceSpec:
    return read(folder, with_service(keys)).services[0]


def members(*everyone: Any, judge: Any = None) -> Any:
    return SimpleNamespace(all=everyone, ready=everyone, judge=judge)


@pytest.mark.parametrize(
    ("balance", "kind"),
    [("round_robin", RoundRobin), ("random", Random), ("least_request", LeastRequest), ("peak_ewma", PeakEwma)],
)
def test_a_balancer_alone(tmp_path: Path, balance: str, kind: type) -> None:
    found = chosen(service(tmp_path, f"balance: {balance}"), members(), lambda: 0.5)
    assert isinstance(found["balancer"], kind) and found["pick_for"] is None  # so nothing is paid for one


@pytest.mark.parametrize(("balance", "kind"), [("consistent_hash", ConsistentHash), ("maglev", Maglev)])
def test_a_balancer_that_asks_for_a_key(tmp_path: Path, balance: str, kind: type) -> None:
    one = Endpoint("a")
    spec = service(tmp_path, f"balance: {balance}, hash: {{key: '${{client.address}}'}}")
    found = chosen(spec, members(one), lambda: 0.5)
    assert isinstance(found["balancer"], kind)
    exchange = SimpleNamespace(client=SimpleNamespace(address=b"::1"), tried=())
    assert found["pick_for"]((one,), exchange) is one


def test_a_balancer_that_looks_at_prompts(tmp_path: Path) -> None:
    spec = service(tmp_path, "balance: prefix_hash, prefix: {max_load: 3}")
    found, again = (chosen(spec, members(), lambda: 0.5) for _ in range(2))
    assert isinstance(found["balancer"], PrefixHash) and found["pick_for"] is not None
    assert found["balancer"]._popularity is again["balancer"]._popularity  # which a reload makes


def test_who_may_pick_comes_before_all(tmp_path: Path) -> None:
    spec = service(tmp_path, "endpoint_picker: true, affinity: {cookie: stay, secret: 0123456789abcdef}")
    assert chosen(spec, members(), lambda: 0.5)["pick_for"].__module__ == "fastgw.core.live.picking"


def test_members_that_have_the_model_come_before_all(tmp_path: Path) -> None:
    a, b = Endpoint("a"), Endpoint("b")
    found = chosen(service(tmp_path, "model_lists: true, balance: prefix_hash"), members(a, b), lambda: 0.5)
    TABLES.of("a").learn({"b": ("m",)})
    exchange = SimpleNamespace(notes={"asked_model": SimpleNamespace(sent_as="m")}, tried=())
    assert found["pick_for"]((a, b), exchange) in (a, b)
    ready = members(a, b)
    assert chosen(service(tmp_path, "model_lists: true"), ready, lambda: 0.5)["pick_for"](ready.ready, exchange) is b
    TABLES.retain(())


def test_a_cookie_comes_before_the_balancer(tmp_path: Path) -> None:
    spec = service(tmp_path, "affinity: {cookie: stay, secret: 0123456789abcdef}, balance: round_robin")
    a, b = Endpoint("a"), Endpoint("b")
    found = chosen(spec, members(a, b), lambda: 0.5)
    token = affinity_of(spec)._tokens.token(b).decode()  # type: ignore[union-attr]
    for cookie in (f"stay={token}", "stay=x"):
        request = SimpleNamespace(forwarded=lambda _, cookie=cookie: cookie.encode())
        exchange = SimpleNamespace(request=request)
        picked = [found["pick_for"]((a, b), exchange) for _ in range(2)]
        assert picked == ([b, b] if token in cookie else [a, b])


def test_engines_are_asked_and_what_was_learned_of_them_stays(tmp_path: Path) -> None:
    spec = service(tmp_path, "balance: engine")
    first = chosen(spec, members(), lambda: 0.5)["balancer"]
    assert isinstance(first, EngineAware) and first._readings is READINGS.of("a")
    assert chosen(spec, members(judge=first), lambda: 0.5)["balancer"] is first
    other = chosen(service(tmp_path, "balance: peak_ewma"), members(judge=first), lambda: 0.5)["balancer"]
    assert type(other) is PeakEwma


@pytest.mark.parametrize("balance", ["round_robin", "least_request", "peak_ewma"])
def test_members_of_the_own_zone_come_first(tmp_path: Path, balance: str) -> None:
    keys = f"balance: {balance}, spill_below: 60%"
    text = with_service(keys).replace('"127.0.0.1:19000"', "{address: 127.0.0.1:19000, zone: x}")
    spec = read(tmp_path, text).services[0]
    a, b, far = Endpoint("a", zone="x"), Endpoint("b", zone="x"), Endpoint("c", zone="y")
    pick = chosen(spec, members(a, b, far), Chance(1).random, "x")["pick_for"]
    assert {pick((a, b, far), None).place for _ in range(40)} <= {"a", "b"}
    assert "c" in {pick((a, far), None).place for _ in range(40)}
    for zone in ("", "z"):
        assert chosen(spec, members(a, b, far), Chance(1).random, zone)["pick_for"] is None


def test_a_newcomer_takes_turns_where_who_has_least_is_taken(tmp_path: Path) -> None:
    a, b, c = (Endpoint(name, in_hand=number) for name, number in (("a", 9), ("b", 9), ("c", 0)))
    there = members(a, b, c)
    there.ready = (a, b)
    balancer = chosen(service(tmp_path, "balance: least_request"), there, Chance(1).random)["balancer"]
    there.ready = (a, b, c)
    assert [balancer.pick(there.ready).place for _ in range(30)].count("c") == 10


@pytest.mark.parametrize("balance", ["round_robin", "least_request", "random"])
def test_a_newcomer_gets_little(tmp_path: Path, balance: str) -> None:
    a, b, c = (Endpoint(name, in_hand=number) for name, number in (("a", 9), ("b", 9), ("c", 0)))
    there = members(a, b, c)
    there.ready = (a, b)
    pick = chosen(service(tmp_path, f"balance: {balance}, slow_start: 1h"), there, Chance(1).random)["pick_for"]
    assert {pick(there.ready, None).place for _ in range(40)} == {"a", "b"}
    there.ready = (a, b, c)
    found = [pick(there.ready, None).place for _ in range(1000)]
    assert 0 < found.count("c") < 150
