from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.server.slots import SlotTable


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
