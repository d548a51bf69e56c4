"""Configurations in etcd: numbered without a gap or a number twice, whoever pushes and whatever is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from fastgw.discovery.etcd_client import EtcdError
from fastgw.fleet.records import (
    PROMOTED,
    SERVING,
    Canary,
    FleetKeys,
    FleetNode,
    FleetRollout,
    Generation,
    Latest,
    RecordError,
    digest_of,
)
from fastgw.fleet.store import KEPT, Pushed, Store, StoreError
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import run

KEYS = FleetKeys("/fastgw/edge")


def pushed(text: str = "a: 1\n", **more: Any) -> Pushed:
    return Pushed(text, "ann@desk", 1.5e9, **more)


def store(model: EtcdModel) -> Store:
    return Store(model, KEYS)  # type: ignore[arg-type]


def done(work: Coroutine[Any, Any, Any]) -> Any:
    return run(work)


def test_a_generation_is_stored_and_found() -> None:
    model = EtcdModel()
    canary = Canary(0.2, 30.0)
    one = done(store(model).push(pushed(message="first", canary=canary)))
    assert one == Generation(1, "a: 1\n", digest_of("a: 1\n"), "ann@desk", 1.5e9, "first", canary, 0)
    two = done(store(model).push(pushed("a: 2\n", of=1)))
    assert (two.number, two.of) == (2, 1)
    assert done(store(model).generation(1)) == one
    assert done(store(model).latest()) == two
    assert done(store(model).history(10)) == [two, one]
    assert done(store(model).history(1)) == [two]
    assert done(store(model).sight()).latest == 2


def test_of_two_that_push_at_once_each_has_a_number() -> None:
    model = EtcdModel()

    async def both() -> list[Generation]:
        return await asyncio.gather(*(store(model).push(pushed(f"a: {one}\n")) for one in range(5)))

    found = run(both())
    assert sorted(one.number for one in found) == [1, 2, 3, 4, 5]
    for one in found:
        assert done(store(model).generation(one.number)) == one


@pytest.mark.parametrize("is_asked_again", [True, False])
def test_an_answer_that_is_lost_is_no_second_push(is_asked_again: bool) -> None:
    model = EtcdModel()
    model.loses_answers = 1

    class Client(EtcdModel):
        """``is_asked_again``: a client asks a second endpoint when the first one does not answer."""

        async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
            try:
                return await model.ask(path, message, at)
            except EtcdError:
                if not is_asked_again:
                    raise
                return await model.ask(path, message, at)

    one = done(store(Client()).push(pushed()))
    assert one.number == 1
    assert done(store(model).history(9)) == [one]


def test_one_that_others_overtake_all_the_time_is_given_up() -> None:
    class Busy(EtcdModel):
        async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
            if path == "/v3/kv/txn":
                self.put(KEYS.latest.encode(), Latest(len(self.asked)).write())
            return await super().ask(path, message, at)

    with pytest.raises(StoreError, match="20 attempts were overtaken"):
        done(store(Busy()).push(pushed()))


def test_without_etcd_nothing_is_pushed() -> None:
    model = EtcdModel()
    model.stop()
    with pytest.raises(EtcdError, match="nobody is there"):
        done(store(model).push(pushed()))


def test_no_number_is_used_twice() -> None:
    model = EtcdModel()
    node = FleetNode("edge-1", "1", "", 7, "", 9, (), SERVING, "", 0.0, 1)
    model.put(KEYS.node("edge-1").encode(), node.write())  # of a cluster that has lost the rest
    assert done(store(model).push(pushed())).number == 10
    model.put(KEYS.rollout.encode(), FleetRollout(12, PROMOTED, 12).write())
    assert done(store(model).push(pushed())).number == 13
    model.put(KEYS.latest.encode(), Latest(3).write())
    assert done(store(model).push(pushed())).number == 14
    assert done(store(model).latest()).number == 14
    model.put(KEYS.generation(9_999_999_999).encode(), b"{}")
    with pytest.raises(StoreError, match="no number left"):
        done(store(model).push(pushed()))


def test_old_ones_go_but_those_in_use() -> None:
    model = EtcdModel()

    def numbers() -> list[int]:
        return [one.number for one in done(store(model).history(1000))]

    for _ in range(KEPT + 5):
        done(store(model).push(pushed()))
    assert numbers() == [*range(KEPT + 5, 5, -1)]
    model.put(KEYS.rollout.encode(), FleetRollout(9, PROMOTED, 9, 8).write())
    for _ in range(5):
        done(store(model).push(pushed()))
    assert numbers()[-1] == 8
    with pytest.raises(StoreError, match="no generation 7"):
        done(store(model).generation(7))


def test_there_may_be_nothing() -> None:
    model = EtcdModel()
    assert done(store(model).history(9)) == []
    with pytest.raises(StoreError, match="nothing was pushed"):
        done(store(model).latest())
    sight = done(store(model).sight())
    assert (sight.latest, sight.rollout, sight.nodes, sight.wrong) == (0, None, {}, ())


def test_what_is_no_record_is_told_and_in_nobodys_way() -> None:
    model = EtcdModel()
    done(store(model).push(pushed()))
    for key in (KEYS.generation(2), KEYS.rollout, KEYS.nodes + "edge-1"):
        model.put(key.encode(), b"?")
    assert {one.key for one in done(store(model).sight()).wrong} == {KEYS.rollout, KEYS.nodes + "edge-1"}
    bad, one = done(store(model).history(9))
    assert isinstance(bad, RecordError) and one.number == 1
    assert done(store(model).push(pushed())).number == 3
    with pytest.raises(RecordError):
        done(store(model).generation(2))


def test_generations_are_not_read_where_nobody_wants_them() -> None:
    model = EtcdModel()
    done(store(model).push(pushed("x" * 1000)))
    model.put(b"/fastgw/edge/coordinator", b"{}")
    model.put(b"/fastgw/edges/latest", b"{}")
    asked = len(model.asked)
    assert done(store(model).sight()).latest == 1
    assert len(model.asked) == asked + 1


def test_one_that_is_too_large_is_not_pushed() -> None:
    model = EtcdModel()
    with pytest.raises(ValueError, match="larger than"):
        done(store(model).push(pushed("x" * (1 << 21))))
    assert model.keys() == {}
