"""What follows for a fleet, one step after the other; ``test_coordinating_stories`` has what may happen in between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.fleet.coordinating import (
    ANSWER_MOST,
    GATHER_MOST,
    NodeSeen,
    Offer,
    Situation,
    canaries_of,
    is_served,
    next_step,
)
from fastgw.fleet.records import (
    CANARY,
    CHECKING,
    GUARDING,
    LINE_MOST,
    NODES_MOST,
    PROMOTED,
    PROMOTING,
    REFUSED,
    SERVING,
    WENT_BACK,
    Canary,
    FleetNode,
    FleetRollout,
)

NOW = 1000.0


def node(name: str, uses: int = 1, checked: int = 2, **more: Any) -> FleetNode:
    found = FleetNode(name, "1", "", uses, f"digest {uses}", checked, (), SERVING, "", 0.0, 1)
    return found._replace(**more)


def offer(number: int, canary: Canary | None = None, problem: str = "") -> Offer:
    return Offer(number, f"digest {number}", canary, problem)


def known(
    rollout: FleetRollout | None, *nodes: FleetNode, seconds: float = 0.0, latest: int = 2, **more: Any
) -> Situation:
    """Of a fleet that uses generation 1 and is given 2."""
    offers = {number: offer(number, more.get("canary"), more.get("problem", "")) for number in (1, latest)}
    seen = {one.name: NodeSeen(one, more.get("using", seconds)) for one in nodes}
    return Situation(rollout, latest, offers, seen, seconds, NOW)


def rollout(phase: str, number: int = 2, promoted: int = 1, **more: Any) -> FleetRollout:
    return FleetRollout(number, phase, promoted, since=1.0, **more)


def step(found: Situation) -> FleetRollout:
    after = next_step(found)
    assert after is not None and after.since == NOW
    return after


def test_what_is_pushed_is_checked() -> None:
    assert step(known(None, node("a", 0, 0))) == FleetRollout(2, CHECKING, 0, since=NOW)
    for phase in (PROMOTED, REFUSED, WENT_BACK):
        before = rollout(phase, 1, 1, former=7, reason="it was so")
        assert step(known(before, node("a"))) == FleetRollout(2, CHECKING, 1, 7, since=NOW)


def test_nothing_follows() -> None:
    assert next_step(known(None, node("a"), latest=0)._replace(offers={})) is None  # nothing was pushed
    assert next_step(known(rollout(CHECKING))) is None  # nobody is there
    assert next_step(known(None)) is None
    unread = known(rollout(CHECKING), node("a"))._replace(offers={})
    assert next_step(unread) is None and next_step(unread._replace(rollout=None)) is None
    for phase in (PROMOTED, REFUSED, WENT_BACK):
        assert next_step(known(rollout(phase), node("a", problems=("no",)))) is None
        assert next_step(known(rollout(phase), node("a", state=WENT_BACK), seconds=1e6)) is None


def test_all_take_it_at_once_where_no_canary_is_asked_for() -> None:
    checking = rollout(CHECKING)
    assert next_step(known(checking, node("a"), node("b", checked=1))) is None
    promoting = step(known(checking, node("a"), node("b")))
    assert promoting == FleetRollout(2, PROMOTING, 2, former=1, since=NOW)
    assert next_step(known(promoting, node("a", 2), node("b"))) is None
    assert next_step(known(promoting, node("a", 2), node("b", 2, state=GUARDING))) is None
    assert step(known(promoting, node("a", 2), node("b", 2))) == FleetRollout(2, PROMOTED, 2, former=1, since=NOW)


def test_a_number_with_another_text_is_another_generation() -> None:
    """Of an etcd that was wiped since."""
    promoting = rollout(PROMOTING, promoted=2, former=1)
    assert next_step(known(promoting, node("a", 2, digest="other"))) is None
    assert not is_served(node("a", 2, digest="other"), offer(2)) and is_served(node("a", 2), offer(2))


def test_what_one_refuses_nobody_takes() -> None:
    checking = rollout(CHECKING)
    bad = ("line 3: no", "line 4: neither")
    both = node("a", problems=bad), node("b", checked=1)
    assert next_step(known(checking, *both, seconds=GATHER_MOST - 1)) is None  # the others say what they find
    after = step(known(checking, node("a", problems=bad), node("b", problems=bad), node("c")))
    assert after == FleetRollout(2, REFUSED, 1, since=NOW, reason="a, b: line 3: no (and 1 more)")
    assert step(known(checking, *both, seconds=GATHER_MOST)).reason == "a: line 3: no (and 1 more)"
    for phase, promoted in ((CANARY, 1), (PROMOTING, 2)):  # one that came later
        before = rollout(phase, promoted=promoted, former=1, canaries=("a",) if phase == CANARY else ())
        after = step(known(before, node("a", 2), node("b", problems=bad[:1])))
        assert (after.phase, after.promoted, after.canaries, after.reason) == (WENT_BACK, 1, (), "b: line 3: no")


def test_a_record_that_cannot_be_read_is_refused() -> None:
    for phase, end in ((CHECKING, REFUSED), (CANARY, WENT_BACK), (PROMOTING, WENT_BACK)):
        before = rollout(phase, promoted=2 if phase == PROMOTING else 1, former=1)
        after = step(known(before, node("a", checked=1), problem="its text is not what was pushed"))
        assert (after.phase, after.promoted, after.reason) == (end, 1, "its text is not what was pushed")


def test_who_says_nothing_cannot_use_it() -> None:
    checking = rollout(CHECKING)
    assert next_step(known(checking, node("a"), node("b", checked=1), seconds=ANSWER_MOST - 1)) is None
    assert next_step(known(checking, node("a"), node("b", checked=1), seconds=ANSWER_MOST, using=1.0)) is None
    after = step(known(checking, node("a"), node("b", checked=1), seconds=ANSWER_MOST))
    assert (after.phase, after.promoted) == (REFUSED, 1) and after.reason.startswith("b: no answer within 60 s")
    late = rollout(CANARY, canaries=("a",))
    assert step(known(late, node("a"), node("b"), seconds=ANSWER_MOST)).reason == "a: not taken within 60 s"
    assert step(known(late, node("a", 2, state=GUARDING), node("b", checked=1), seconds=60)).reason.startswith("b: no ")
    promoting = rollout(PROMOTING, promoted=2, former=1)
    late_one = known(promoting, node("a", 2), node("b"), seconds=ANSWER_MOST)
    assert (step(late_one).promoted, step(late_one).reason) == (1, "b: not taken within 60 s")
    assert (
        next_step(known(promoting, node("a", 2), node("b"), seconds=ANSWER_MOST, using=1.0)) is None
    )  # it has just come
    guarded = known(promoting, node("a", 2), node("b", 2, state=GUARDING), seconds=600)
    assert next_step(guarded) is None  # a guard takes as long as it says


def test_canaries_take_it_first_and_hold_it() -> None:
    canary = Canary(0.5, 10.0)
    checking = rollout(CHECKING)
    nodes = [node(name) for name in "abc"]
    after = step(known(checking, *nodes, canary=canary))
    assert (after.phase, after.promoted, after.canaries) == (CANARY, 1, canaries_of("abc", 0.5))
    assert {after.wanted_of(name) for name in after.canaries} == {2} and len(after.canaries) == 2
    tried = [node(name, 2 if name in after.canaries else 1) for name in "abc"]
    assert next_step(known(after, *nodes, canary=canary, seconds=10.0)) is None
    assert next_step(known(after, *tried, canary=canary, seconds=99.0, using=9.0)) is None
    guarding = [one._replace(state=GUARDING) if one.uses == 2 else one for one in tried]
    assert next_step(known(after, *guarding, canary=canary, seconds=10.0)) is None
    unchecked = [*tried, node("d", checked=1)]
    assert next_step(known(after, *unchecked, canary=canary, seconds=10.0)) is None  # it has come meanwhile
    promoting = step(known(after, *tried, canary=canary, seconds=10.0))
    assert promoting == FleetRollout(2, PROMOTING, 2, former=1, since=NOW)


def test_a_single_node_has_no_canary() -> None:
    assert step(known(rollout(CHECKING), node("a"), canary=Canary(0.1, 10.0))).phase == PROMOTING


def test_back_where_a_canary_goes_back_or_none_is_left() -> None:
    before = rollout(CANARY, canaries=("a", "b"))
    harmed = node("b", state=WENT_BACK, reason="9 % of 100 requests failed")
    after = step(known(before, node("a", 2), harmed, node("c")))
    assert after == FleetRollout(2, WENT_BACK, 1, since=NOW, reason="b: 9 % of 100 requests failed")
    after = step(known(before, node("c")))
    assert after == FleetRollout(2, WENT_BACK, 1, since=NOW, reason="a, b: gone, and nobody else has tried it")
    assert step(known(before, node("a", 2), node("c"))).phase == PROMOTING  # the other is not waited for
    assert next_step(known(before, node("a", state=WENT_BACK, checked=1), node("c"))) is None  # of another generation


def test_all_back_where_one_goes_back_while_it_is_promoted() -> None:
    before = rollout(PROMOTING, promoted=2, former=1)
    after = step(known(before, node("a", 2), node("b", state=WENT_BACK)))
    assert (after.phase, after.promoted, after.reason) == (WENT_BACK, 1, "b: went_back")
    assert after.wanted_of("a") == 1


def test_a_newer_one_is_not_waited_for_but_while_one_is_promoted() -> None:
    before = rollout(CANARY, canaries=("a",))
    after = step(known(before, node("a", 2), node("b"), latest=3))
    assert after == FleetRollout(3, CHECKING, 1, since=NOW) and after.wanted_of("a") == 1
    assert step(known(rollout(CHECKING), node("a"), latest=3)).number == 3
    promoting = known(rollout(PROMOTING, promoted=2, former=1), node("a"), latest=3)
    promoting = promoting._replace(offers={**promoting.offers, 2: offer(2)})
    assert next_step(promoting) is None


@given(st.sets(st.text("abcdef", min_size=1), min_size=1), st.floats(0.001, 1.0))
def test_canaries_are_always_the_same(names: set[str], share: float) -> None:
    found = canaries_of(names, share)
    assert found == canaries_of(sorted(names), share) and len(set(found)) == len(found)
    assert max(1.0, share * len(names) - 1e-6) <= len(found) < share * len(names) + 1
    assert set(found) <= set(canaries_of(names, 1.0)) == names


@pytest.mark.parametrize(("share", "count"), [(0.2, 1), (0.21, 2), (0.4, 2), (0.6, 3), (1.0, 5), (0.001, 1)])
def test_a_share_of_five(share: float, count: int) -> None:
    assert len(canaries_of("abcde", share)) == count


def test_a_rollout_names_as_many_canaries_as_its_record_has_room_for() -> None:
    names = [f"{number:04}" + "n" * 124 for number in range(2 * NODES_MOST)]
    canaries = canaries_of(names, 1.0)
    assert len(canaries) == NODES_MOST
    assert FleetRollout.read("/r", rollout(CANARY, canaries=canaries).write()).canaries == canaries


def test_reasons_stay_short() -> None:
    names = [f"n{number:03}" for number in range(300)]
    after = step(known(rollout(CHECKING), *(node(name, problems=("no",)) for name in names)))
    assert after.reason == "n000, n001, n002, n003, n004 and 295 more: no"
    after = step(known(rollout(CHECKING), *(node(name, problems=(name * 200,)) for name in names)))
    assert len(FleetRollout.read("/r", after.write()).reason) <= LINE_MOST
