"""Several nodes with one bucket: the bound holds, whatever is asked, answered and lost when."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.live.grants import PAUSE, Grant
from fastgw.core.live.meters import NoRoomError
from tests.support.shared_rate import SECOND, Clock, Elsewhere, Node, nodes

BURST, BLOCK, RATE = 50, 10, 100


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(clock: Clock) -> Iterator[Node]:
    with nodes(1, clock) as (one,):
        yield one


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["request", "request", "request", "send", "answer", "lose", "gone", "back", "forget"]),
        st.integers(0, 1),  # which node
        st.integers(1, 30),  # requests
        st.integers(0, SECOND // 20),  # and then so long nothing
    ),
    max_size=60,
)


@given(steps=STEPS, window=st.sampled_from([0, 600]))
def test_no_more_are_admitted_than_the_bucket_and_two_blocks_of_each_node(
    steps: list[tuple[str, int, int, int]], window: int
) -> None:
    """Also if the bucket is forgotten and everybody knows what was told last; of a ``window`` nothing comes back."""
    clock = Clock()
    rate = 0 if window else RATE
    with nodes(2, clock, RATE, BURST, BLOCK, window=window) as both:
        elsewhere = Elsewhere(both[0].shared.rate, clock)
        admitted: list[int] = []
        under_way = {}
        forgotten = 0
        for what, place, count, pause in steps:
            node = both[place]
            if what == "request":
                admitted += [clock.now for _ in range(count) if node.request() is not None]
            elif what == "send" and node.wanted and place not in under_way and node.is_there:
                asking = node.asking()
                question = asking.question()
                under_way[place] = (asking, question, elsewhere.answer(question))
            elif what == "answer" and place in under_way:
                asking, question, grant = under_way.pop(place)
                asking.answered(question, grant, 0.0)
            elif what == "lose" and place in under_way:
                under_way.pop(place)[0].failed()
            elif what in ("gone", "back"):
                node.is_there = what == "back"
                if not node.is_there:
                    for asking in [one.asking() for one in both if one is node and one.wanted]:
                        asking.failed()
            elif what == "forget":
                elsewhere.full_at = 0
                forgotten += 1
            clock.now += pause
        for place, begin in enumerate(admitted):
            for number, end in enumerate(admitted[place:], 1):
                bound = BURST * (1 + forgotten) + rate * (end - begin) / SECOND + 2 * BLOCK * len(both)
                assert number <= bound


def test_what_is_known_is_told_to_one_that_has_forgotten(node: Node, clock: Clock) -> None:
    elsewhere = Elsewhere(node.shared.rate, clock)
    for _ in range(3):
        for _ in range(20):
            node.request()
        node.exchange(elsewhere)
    before = elsewhere.full_at
    elsewhere.full_at = 0
    clock.now += PAUSE
    assert node.request() is not None
    node.exchange(elsewhere)
    assert elsewhere.full_at >= before


def test_a_bucket_that_has_less_than_a_block_is_left_alone_for_a_while(node: Node, clock: Clock) -> None:
    node.request()
    asking = node.asking()
    question = asking.question()
    asking.answered(question, Grant(3, 470_000_000), 0.0)
    for _ in range(30):
        node.request()
    assert node.wanted == []
    clock.now += PAUSE // 2
    node.request()
    assert len(node.wanted) == 1
    asking = node.asking()
    asking.answered(asking.question(), Grant(0, 700_000_000), 0.0)
    clock.now += 209_000_000
    node.request()
    assert node.wanted == []  # nothing has come back so far
    clock.now += 1_000_001
    node.request()
    assert len(node.wanted) == 1


def test_who_failed_may_ask_again_soon_and_who_is_late_changes_nothing(node: Node, clock: Clock) -> None:
    node.request()
    asking = node.asking()
    asking.failed()
    node.request()
    assert node.wanted == []
    clock.now += PAUSE
    node.request()
    assert len(node.wanted) == 1
    asking.failed()  # once more: that right was used up
    clock.now += PAUSE
    node.request()
    assert len(node.wanted) == 1


def test_a_worker_that_died_with_the_right_to_ask_keeps_it_for_a_time_only(node: Node, clock: Clock) -> None:
    node.request()
    node.wanted.clear()
    clock.now += SECOND - 1
    node.request()
    assert node.wanted == []
    clock.now += 1
    node.request()
    assert len(node.wanted) == 1


def test_without_room_an_answer_is_lost(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.request()
    asking = node.asking()
    question = asking.question()
    node.board.is_full = True
    monkeypatch.setattr("fastgw.core.live.readings.find", lambda *arguments: -1)
    with pytest.raises(NoRoomError):
        asking.question()
    asking.answered(question, Grant(10, 5), 0.0)
    asking.failed()


def test_what_is_leased_of_a_window_stays_there_until_it_is_over(clock: Clock) -> None:
    with nodes(1, clock, burst=50, block=10, window=86400) as (node,):
        elsewhere = Elsewhere(node.shared.rate, clock)
        assert node.request() is not None
        assert node.exchange(elsewhere) == Grant(10, 11)  # one that was owed, and a block
        clock.now += 86_000 * SECOND
        assert [node.request() is not None for _ in range(10)] == [True] * 10
        assert node.exchange(elsewhere).lack == 21


def test_who_finds_nothing_left_of_a_window_asks_no_more_before_its_end(clock: Clock) -> None:
    with nodes(2, clock, burst=50, block=10, window=86400) as (node, other):
        elsewhere = Elsewhere(node.shared.rate, clock)
        other.request()
        asking = other.asking()
        asking.answered(asking.question(), Grant(0, 50), 0.0)
        assert other.request() is None and other.lease().look() is False
        clock.now += 86_399 * SECOND
        assert other.request() is None and other.wanted == []
        assert node.request() is not None  # what another has found is not known here
        assert node.exchange(elsewhere).granted == 10
