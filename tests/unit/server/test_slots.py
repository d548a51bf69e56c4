from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fastgw.config.load import load
from fastgw.core.counters import ROUTE
from fastgw.server.slots import SlotTable, Tables, endpoint_names, route_names
from tests.unit.server.stage import TEXT


def table(size: int = 4, busy: set[int] | None = None) -> tuple[SlotTable[str], list[int]]:
    cleared: list[int] = []
    return SlotTable[str](size, lambda slot: slot not in (busy or set()), cleared.append), cleared


def test_a_name_keeps_its_slot_over_reloads() -> None:
    slots, cleared = table()
    slots.adopt(slots.plan(["a", "b"]))
    slots.adopt(slots.plan(["b", "c"]))
    assert slots.plan(["c", "b", "a"]) == {"c": 2, "b": 1, "a": 0}
    assert not cleared


def test_a_refused_plan_changes_nothing_for_those_in_use() -> None:
    slots, _ = table()
    slots.adopt(slots.plan(["a"]))
    refused = slots.plan(["x", "y"])
    assert slots.plan(["a"]) == {"a": 0}
    assert slots.plan(["y", "a"]) == {"y": refused["y"], "a": 0}


def test_what_does_not_fit_shares_the_last_slot() -> None:
    slots, _ = table(size=3)
    planned = slots.plan(["a", "b", "c", "d"])
    assert planned == {"a": 0, "b": 1, "c": 2, "d": 2} and slots.other == 2


def test_a_slot_is_used_again_when_it_rests_and_is_quiet() -> None:
    busy = {0}
    slots, cleared = table(size=3, busy=busy)
    slots.adopt(slots.plan(["a", "b"]))
    slots.adopt(slots.plan([]))
    assert slots.plan(["c"]) == {"c": 1} and cleared == [1]  # a's slot is older, but an exchange is still on it
    slots.adopt({"c": 1})
    assert slots.plan(["c", "d"]) == {"c": 1, "d": slots.other}
    busy.clear()
    assert slots.plan(["c", "d"]) == {"c": 1, "d": 0}
    assert cleared == [1, 0]


def test_fresh_slots_go_first_so_that_an_old_name_finds_its_counts() -> None:
    slots, cleared = table(size=4)
    slots.adopt(slots.plan(["a"]))
    slots.adopt(slots.plan([]))
    assert slots.plan(["b"]) == {"b": 1}
    assert slots.plan(["a"]) == {"a": 0}
    assert not cleared


@given(st.lists(st.lists(st.sampled_from("abcdefghij"), unique=True), max_size=12))
def test_two_names_never_share_a_slot_but_the_last(reloads: list[list[str]]) -> None:
    slots, _ = table(size=6)
    before: dict[str, int] = {}
    for names in reloads:
        planned = slots.plan(names)
        own = [slot for slot in planned.values() if slot != slots.other]
        assert set(planned) == set(names) and len(own) == len(set(own))
        assert all(0 <= slot <= slots.other for slot in planned.values())
        for name, slot in before.items():
            if name in planned and slot != slots.other:
                assert planned[name] == slot
        slots.adopt(planned)
        before = planned


MORE = TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:')


def test_names_that_count_are_those_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(MORE)
    spec = load(file, {})
    assert route_names(spec) == ["/*", "edge:unmatched", "more:unmatched"]
    assert endpoint_names(spec) == [("main", "127.0.0.1:9")]


def test_a_successor_goes_on_with_the_slots_of_all_kinds(tmp_path: Path) -> None:
    """Also those of names that have left, and of the next new one."""
    file = tmp_path / "gateway.yaml"
    ours = Tables(list)
    file.write_text(MORE)
    ours.adopt(before := ours.plan(load(file, {})))
    file.write_text(TEXT)
    ours.adopt(ours.plan(load(file, {})))
    theirs = Tables(list)
    theirs.learn(ours.told())
    file.write_text(MORE.replace("more", "third") + "  other: {endpoints: ['127.0.0.1:10']}\n")
    planned = theirs.plan(load(file, {}))
    assert planned == ours.plan(load(file, {})) and planned.services == {"main": 0, "other": 1}
    assert planned.routes == {"/*": 0, "edge:unmatched": 1, "third:unmatched": 3}
    assert set(before.routes.values()) | {3} == set(theirs.slots[ROUTE])


@given(st.lists(st.sets(st.sampled_from("abcdefgh")), max_size=12))
def test_changes_come_to_the_same_as_plans_that_are_adopted(stages: list[set[str]]) -> None:
    one, other = table(size=12)[0], table(size=12)[0]
    now: dict[str, int] = {}
    for names in stages:
        come, gone = sorted(names - set(now)), sorted(set(now) - names)
        now = {name: slot for name, slot in now.items() if name in names} | one.change(come, gone)
        other.adopt(planned := other.plan([*(set(now) - set(come)), *come]))
        assert set(now) == names and len(set(now.values())) == len(now)
        assert set(planned) == names and one.told()["used"] == now
        assert not set(one.told()["resting"]) & names
        assert set(one.told()["resting"]) == set(other.told()["resting"])
