"""A rollout as it is told: what is new, once, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fastgw.cli.following import follow
from fastgw.discovery.etcd_client import EtcdError
from fastgw.fleet import records
from fastgw.fleet.records import FleetKeys, FleetNode, FleetRollout, Generation
from fastgw.fleet.store import Pushed, Store
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run

KEYS = FleetKeys("/fastgw/edge")
ONE = FleetNode("edge-1", "1", "", 0, "", 0, (), records.SERVING, "", 0.0, 2)

Happen = Callable[[EtcdModel], None]


def told(*happenings: Happen, limit: float = 60.0) -> tuple[int, list[str]]:
    """The exit code and the lines, while something happens every second."""
    model, lines = EtcdModel(), list[str]()

    async def happen() -> None:
        for one in happenings:
            one(model)
            await passes(1)

    async def whole() -> int:
        store = Store(model, KEYS)  # type: ignore[arg-type]
        generation: Generation = await store.push(Pushed("a", "ann@desk", 0.0))
        task = asyncio.ensure_future(happen())
        code = await follow(store, generation, limit, lines.append)
        await task
        return code

    return run(whole()), lines


def node(one: FleetNode) -> Happen:
    return lambda model: model.put(KEYS.node(one.name).encode(), one.write())


def rollout(phase: str, *, number: int = 1, reason: str = "", canaries: tuple[str, ...] = ()) -> Happen:
    record = FleetRollout(number, phase, 0, 0, canaries, 0.0, reason)
    return lambda model: model.put(KEYS.rollout.encode(), record.write())


def test_one_that_is_promoted() -> None:
    two = ONE._replace(name="edge-2")
    code, lines = told(
        node(ONE),
        node(two),
        rollout(records.CHECKING),
        node(ONE._replace(checked=1)),
        rollout(records.CANARY, canaries=("edge-1",)),
        node(ONE._replace(checked=1, uses=1, state=records.GUARDING)),
        node(ONE._replace(checked=1, uses=1)),
        rollout(records.PROMOTED),
    )
    assert code == 0
    assert lines == [
        "checking",
        "  edge-1: can use it",
        "canary: edge-1",
        "  edge-1: guarding",
        "  edge-1: serving",
        "promoted",
    ]


def test_one_that_is_refused_says_what_each_says() -> None:
    code, lines = told(
        node(ONE._replace(checked=1, problems=("gateway.yaml:1:1: a", "gateway.yaml:2:1: b"))),
        rollout(records.REFUSED, reason="edge-1: a"),
    )
    assert code == 1
    assert lines == ["  edge-1: refuses it\n    gateway.yaml:1:1: a\n    gateway.yaml:2:1: b", "refused: edge-1: a"]


def test_one_that_went_back() -> None:
    code, lines = told(
        node(ONE._replace(checked=1, state=records.WENT_BACK, reason="5 % of 100 requests failed")),
        rollout(records.WENT_BACK, reason="edge-1"),
    )
    assert code == 1
    assert lines[0] == "  edge-1: can use it; went_back: 5 % of 100 requests failed"
    assert lines[1] == "went back: edge-1"


def test_another_one_comes_meanwhile() -> None:
    code, lines = told(node(ONE), rollout(records.CHECKING), rollout(records.CHECKING, number=2))
    assert code == 1
    assert lines[-1] == "generation 2 was pushed meanwhile, and is rolled out instead"


def test_nobody_is_there() -> None:
    assert told() == (0, ["no gateway is there: the first that comes checks it, and takes it"])


def test_it_takes_too_long() -> None:
    code, lines = told(node(ONE), limit=5.0)
    assert code == 1 and lines[-1].startswith("not over after 5 s")


def test_etcd_is_away_for_a_while() -> None:
    code, lines = told(node(ONE), lambda model: model.stop(), lambda model: model.start(), rollout(records.PROMOTED))
    assert code == 0
    assert lines == ["etcd cannot be asked, the rollout goes on without us: nobody is there", "promoted"]


def test_etcd_says_no() -> None:
    class Denied(EtcdModel):
        async def ask(self, path: str, message: dict[str, object], at: int | None = None) -> dict[str, object]:
            raise EtcdError("denied", "permission denied", 7)

    store = Store(Denied(), KEYS)  # type: ignore[arg-type]
    with pytest.raises(EtcdError, match="permission denied"):
        run(follow(store, Generation(1, "", "", "", 0.0), 5.0, lambda _: None))
