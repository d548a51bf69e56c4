"""Whoever stands still or dies at whatever step, whatever the others do meanwhile: the cells are the sum of the ledgers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fastgw.core.live.board import NAMED
from fastgw.core.live.holds import find
from tests.support.examples import examples
from tests.unit.core.live.board_stage import TABLE, Process, Stage

KEYS = (1, 2, 3)  #: one more than there are places


@pytest.fixture
def new_stage() -> Iterator[Callable[[], Stage]]:
    made: list[Stage] = []

    def make() -> Stage:
        if made:
            made.pop().end()
        made.append(Stage())
        return made[-1]

    yield make
    for stage in made:
        stage.end()


def full(stage: Stage) -> tuple[Process, Process]:
    """Two processes and a table without an unused place: key 1 is held by nobody, key 2 by the second of them."""
    one, other = stage.process(), stage.process()
    one.do("take", 1)
    one.do("give")
    other.do("take", 2)
    return one, other


#: What the two do at the same time: the first may take key 1, whose place the second wants for key 3; or both take one key; ...
PAIRS = {
    "take what is given away": (("take", 1), ("take", 3)),
    "take one": (("take", 1), ("take", 1)),
    "take a key that nobody has yet": (("take", 3), ("take", 3)),
    "give and take": (("give", 0), ("take", 2)),
}


def prepare(stage: Stage, act: str) -> tuple[Process, Process]:
    one, other = full(stage)
    if act == "give":
        one.do("take", 2)
    return one, other


@pytest.mark.no_cover
@pytest.mark.parametrize("pair", list(PAIRS))
def test_two_at_a_time_one_stands_still_at_every_step(pair: str, new_stage: Callable[[], Stage]) -> None:
    """The first stops at each of its steps, the second at each of its own, then the first ends, then the second."""
    first, second = PAIRS[pair]
    for stop in range(40):
        for turn in range(60):
            stage = new_stage()
            one, other = prepare(stage, first[0])
            one.begin(*first)
            is_whole = one.run(stop)
            other.begin(*second)
            is_over = other.run(turn)
            assert one.run(500) and other.run(500)
            stage.look()
            stage.settled()
            if is_over:
                break
        if is_whole:
            break
    assert is_whole and is_over


@pytest.mark.no_cover
@pytest.mark.parametrize("pair", list(PAIRS))
def test_one_dies_at_every_step_while_the_other_stands_at_every_step(pair: str, new_stage: Callable[[], Stage]) -> None:
    first, second = PAIRS[pair]
    for stop in range(40):
        for turn in range(60):
            stage = new_stage()
            one, other = prepare(stage, first[0])
            other.begin(*second)
            is_over = other.run(turn)
            one.begin(*first)
            is_whole = one.run(stop)
            one.kill()
            stage.settle()
            stage.look()
            assert other.run(500)
            stage.look()
            stage.settled()
            if is_over:
                break
        if is_whole:
            break
    assert is_whole and is_over


def until_counted(process: Process, key: int, count: int) -> None:
    """Let it take ``key`` and stand still right behind the swap, by which ``count`` hold it."""
    process.begin("take", key)
    while process.stage.count(find(process.stage.witness.cells, TABLE, key)) < count:
        assert not process.run(1)


def test_a_settler_and_another_process_at_every_step(new_stage: Callable[[], Stage]) -> None:
    """Somebody died between the cell and the ledger; another changes the cell while his seat is being settled, step by step."""
    for stop in range(40):
        for turn in range(40):
            stage = new_stage()
            dead, alive, settler = stage.process(), stage.process(), stage.process()
            alive.do("take", 2)
            until_counted(dead, 1, 1)
            dead.kill()
            settler.begin("settle")
            is_settled = settler.run(stop)
            alive.begin("take", 1)
            is_over = alive.run(turn)
            assert settler.run(500) and alive.run(500)
            stage.look()
            stage.settled()
            if is_over:
                break
        if is_settled:
            break
    assert is_settled and is_over


def test_a_settler_that_dies_at_every_step_is_followed_by_another(new_stage: Callable[[], Stage]) -> None:
    for stop in range(60):
        stage = new_stage()
        dead, settler = stage.process(), stage.process()
        dead.do("take", 1)
        dead.do("take", 2)
        until_counted(dead, 1, 2)
        dead.kill()
        settler.begin("settle")
        is_settled = settler.run(stop)
        settler.kill()
        stage.look()
        stage.settled()
        assert stage.witness.used(NAMED) == 0
        if is_settled:
            break
    assert is_settled


def test_a_late_acknowledgement_does_not_wipe_out_a_later_one(new_stage: Callable[[], Stage]) -> None:
    """Whoever acknowledges stands still at each of its steps, while the owner goes on to its next change, and dies in it."""
    for stop in range(40):
        stage = new_stage()
        owner, late, quick = stage.process(), stage.process(), stage.process()
        late.do("take", 1)
        late.do("give")
        quick.do("take", 2)
        until_counted(owner, 1, 1)
        late.begin("take", 1)
        is_whole = late.run(stop)  # it has seen the signature, or has changed the cell already
        assert owner.run(500)
        until_counted(owner, 2, 2)
        quick.do("give")  # overwrites the signature
        assert late.run(500)
        owner.kill()
        stage.settle()
        stage.look()
        stage.settled()
        if is_whole:
            break
    assert is_whole


moves = st.tuples(
    st.integers(0, 3),
    st.sampled_from(("take", "take", "give", "settle")),
    st.sampled_from(KEYS),
    st.integers(0, 14),
    st.integers(0, 5),
)


class Stories(RuleBasedStateMachine):
    """Any of them at any time: begin, go on for a while, die."""

    @initialize()
    def begin(self) -> None:
        self.stage = Stage()
        self.actors: dict[int, Process] = {}

    @rule(todo=st.lists(moves, min_size=1, max_size=12))
    def move(self, todo: list[tuple[int, str, int, int, int]]) -> None:
        for number, act, key, steps, fate in todo:
            found = self.actors.get(number)
            if found is None:
                found = self.actors[number] = self.stage.process()
            if not found.is_busy:
                found.begin(act if found.seat is None or act != "settle" else "take", key)
            found.run(steps)
            if not fate:
                self.actors.pop(number).kill()

    @rule()
    def rest(self) -> None:
        for one in self.actors.values():
            assert one.run(5000)
        self.stage.look()
        self.stage.settled()

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.stage.end()


TestStories = Stories.TestCase
TestStories.settings = settings(max_examples=examples(60), stateful_step_count=15, deadline=None)
