"""``fastgw fleet``: the table, what is wrong, and the exit code."""

from __future__ import annotations

import asyncio
import json

import pytest

from fastgw.cli.fleet import LOOK, document, lines, wrong_with
from fastgw.cli.main import main
from fastgw.fleet.records import (
    CANARY,
    CHECKING,
    GUARDING,
    PROMOTED,
    REFUSED,
    SERVING,
    STALE,
    WENT_BACK,
    Coordinator,
    FleetKeys,
    FleetNode,
    FleetRollout,
    Latest,
    RecordError,
)
from fastgw.fleet.store import FleetSight
from tests.support.etcd_model import EtcdModel

KEYS = FleetKeys("/fastgw/edge")
NOW = 1000.0


def node(name: str, uses: int = 7, state: str = SERVING, **more: object) -> FleetNode:
    found = FleetNode(name, "0.5.0", "127.0.0.1:9901", uses, "d", 7, (), state, "", NOW - 200, 2)
    return found._replace(**more)  # type: ignore[arg-type]


def sight(*nodes: FleetNode, phase: str = PROMOTED, number: int = 7, **more: object) -> FleetSight:
    rollout = FleetRollout(number, phase, 7, 6, since=NOW - 60)
    return FleetSight(number, rollout, {one.name: one for one in nodes}, "edge-1")._replace(**more)  # type: ignore[arg-type]


def shown(found: FleetSight) -> list[str]:
    return list(lines("/fastgw/edge", found, NOW))


def test_a_fleet_that_is_well() -> None:
    found = sight(node("edge-1"), node("edge-2", admin="", workers=16))
    assert shown(found) == [
        "/fastgw/edge: generation 7 promoted, 1 min",
        "",
        "NODE      VERSION  GENERATION  STATE    SINCE  WORKERS  ADMIN           REASON",
        "edge-1 *  0.5.0    7           serving  3 min  2        127.0.0.1:9901",
        "edge-2    0.5.0    7           serving  3 min  16       -",
    ]
    assert wrong_with(found) == []


def test_a_rollout_under_way() -> None:
    canary = FleetRollout(8, CANARY, 7, 6, ("edge-1",), NOW - 2)
    found = sight(node("edge-1", 8, GUARDING), node("edge-2"), rollout=canary, latest=9)
    assert shown(found)[:2] == [
        "/fastgw/edge: generation 8 canary on edge-1, 2 s; in use: generation 7",
        "  generation 9 is next",
    ]
    assert wrong_with(found) == []  # it is on the way


def test_who_refuses_says_why() -> None:
    bad = node(
        "edge-1",
        state=REFUSED,
        checked=8,
        problems=("gateway.yaml:3:1: no", "gateway.yaml:4:1: nor this"),
        reason="2 mistakes",
    )
    refused = FleetRollout(8, REFUSED, 7, 6, (), NOW - 2, "edge-1: gateway.yaml:3:1: no (and 1 more)")
    found = sight(bad, node("edge-2"), rollout=refused, latest=8)
    told = shown(found)
    assert told[:2] == ["/fastgw/edge: generation 8 refused, 2 s; in use: generation 7", f"  {refused.reason}"]
    assert told[4].endswith("2 mistakes") and told[5:7] == [
        "    gateway.yaml:3:1: no",
        "    gateway.yaml:4:1: nor this",
    ]
    assert wrong_with(found) == ["edge-1: refused: 2 mistakes"]


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (sight(node("a", state=WENT_BACK, reason="9 %")), ["a: went_back: 9 %"]),
        (sight(node("a", state=STALE)), ["a: stale"]),
        (sight(node("a", 6)), ["a: uses generation 6, not 7"]),
        (sight(node("a", 6), phase=CHECKING), []),
        (sight(), ["no gateway is there"]),
        (
            sight(node("a"), coordinator=""),
            ["nobody coordinates: a gateway does within seconds, if it can write below the key"],
        ),
        (sight(node("a"), wrong=(RecordError("/k", "it is no JSON"),)), ["cannot be read: /k: it is no JSON"]),
        (sight(node("a", 0), rollout=None), []),
    ],
)
def test_what_is_wrong(found: FleetSight, wrong: list[str]) -> None:
    assert wrong_with(found) == wrong
    assert document("/fastgw/edge", found)["wrong"] == wrong
    for one in wrong:
        assert any(line.strip("! ") in one or one.split(":")[0] in line for line in shown(found))


def test_what_was_never_pushed() -> None:
    assert shown(FleetSight(0, None, {})) == ["/fastgw/edge: nothing was pushed yet", "no gateway is there"]
    assert shown(FleetSight(3, None, {}))[0].endswith("generation 3 is pushed, and nobody has begun with it")
    first = sight(node("a", 0), rollout=FleetRollout(1, CHECKING, 0, since=NOW - 90_000))
    assert shown(first)[0].endswith("generation 1 checking, 1 d; nothing was promoted yet")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> EtcdModel:
    model = EtcdModel()
    monkeypatch.setattr("fastgw.discovery.etcd_client.EtcdClient", lambda _: model)
    monkeypatch.setenv("FASTGW_ETCD", "http://127.0.0.1:1")
    monkeypatch.setenv("FASTGW_KEY", KEYS.root)
    return model


def test_the_command(model: EtcdModel, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet"]) == 1
    assert capsys.readouterr().out == "/fastgw/edge: nothing was pushed yet\nno gateway is there\n"
    model.put(KEYS.latest.encode(), Latest(7).write())
    model.put(KEYS.rollout.encode(), FleetRollout(7, PROMOTED, 7).write())
    model.put(KEYS.coordinator.encode(), Coordinator("edge-1").write())
    model.put(KEYS.node("edge-1").encode(), node("edge-1").write())
    assert main(["fleet", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["key"], told["latest"], told["coordinator"], told["wrong"]) == ("/fastgw/edge", 7, "edge-1", [])
    assert [one["name"] for one in told["nodes"]] == ["edge-1"] and told["rollout"]["promoted"] == 7
    model.is_up = False
    assert main(["fleet"]) == 1
    assert "fastgw fleet: " in capsys.readouterr().err
    assert main(["fleet", "--key", "no key"]) == 2


def test_it_is_shown_again_when_it_has_changed(
    model: EtcdModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks, usual = 0, asyncio.sleep

    async def passes(seconds: float) -> None:
        nonlocal looks
        if seconds != LOOK:  # it is the model's
            await usual(seconds)
            return
        looks += 1
        if looks == 2:
            model.put(KEYS.latest.encode(), Latest(1).write())
        if looks == 3:
            model.is_up = False
        if looks == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("asyncio.sleep", passes)
    assert main(["fleet", "--watch", "--format", "json"]) == 130
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.get("latest") for one in told] == [0, 1, None] and told[2]["error"]
