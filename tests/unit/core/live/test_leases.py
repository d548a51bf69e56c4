"""One node, as it counts a limit that it shares: what it admits before it has asked, of what it holds, and when nobody can be asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fastgw.core.live import leases
from fastgw.core.live.leases import SOON, Shared
from fastgw.core.live.meters import NoRoomError
from fastgw.policy.amounts import Amounts
from fastgw.policy.leases import MOST, LeaseTerms
from tests.support.shared_rate import SECOND, Clock, Elsewhere, Node, nodes


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node(clock: Clock) -> Iterator[Node]:
    with nodes(1, clock) as (one,):
        yield one


@pytest.fixture
def alone(clock: Clock) -> Iterator[Node]:
    with nodes(1, clock, is_alone=True) as (one,):
        yield one


@pytest.fixture
def elsewhere(node: Node, clock: Clock) -> Elsewhere:
    return Elsewhere(node.shared.rate, clock)


def admitted(node: Node, count: int = 1000) -> int:
    """How many of so many at once."""
    return sum(node.request() is not None for _ in range(count))


def test_a_key_begins_with_a_block_that_is_owed(node: Node, elsewhere: Elsewhere) -> None:
    assert admitted(node) == 10
    assert len(node.wanted) == 1  # one asks for all
    assert node.exchange(elsewhere).granted == 10
    assert elsewhere.full_at - node.clock.now == 20 * SECOND // 100  # what was owed was taken too


def test_what_is_held_is_spent_and_more_is_asked_for_before_it_is_gone(node: Node, elsewhere: Elsewhere) -> None:
    assert admitted(node, 1) == 1
    node.exchange(elsewhere)
    assert admitted(node, 4) == 4
    assert node.wanted == []
    assert admitted(node, 1) == 1  # half of it is left
    assert len(node.wanted) == 1
    assert admitted(node) == 5 + 10
    node.exchange(elsewhere)
    assert admitted(node) == 10 + 10
    node.exchange(elsewhere)
    assert elsewhere.full_at - node.clock.now == 50 * SECOND // 100  # 41 were admitted, and 9 are held


def test_an_empty_bucket_refuses_and_is_not_asked_all_the_time(node: Node, elsewhere: Elsewhere, clock: Clock) -> None:
    while admitted(node):
        node.exchange(elsewhere)
    assert elsewhere.full_at - clock.now >= node.shared.rate.depth
    refused = node.lease()
    assert not refused.look()
    assert not refused.is_gone
    assert node.shared.rate.left(refused.time, refused.now) == 0
    assert refused.wait >= SOON
    assert node.wanted == []
    clock.now += SECOND // 2  # all of it has come back: nobody has asked meanwhile
    assert admitted(node, 1) == 1
    assert len(node.wanted) == 1


def test_when_nobody_can_be_asked_what_is_held_is_spent_and_no_more(node: Node, elsewhere: Elsewhere) -> None:
    assert admitted(node, 1) == 1
    node.exchange(elsewhere)
    node.is_there = False
    assert admitted(node) == 10
    assert node.wanted == []
    refused = node.lease()
    assert not refused.look()
    assert refused.is_gone
    assert refused.wait == SOON


def test_who_is_beyond_the_rate_is_not_refused_for_want_of_an_answer(node: Node, elsewhere: Elsewhere) -> None:
    while admitted(node):
        node.exchange(elsewhere)
    node.is_there = False
    refused = node.lease()
    assert not refused.look()
    assert not refused.is_gone


def test_alone_a_node_goes_on_with_the_bucket_as_it_knows_it(alone: Node, clock: Clock) -> None:
    elsewhere = Elsewhere(alone.shared.rate, clock)
    assert admitted(alone, 1) == 1
    alone.exchange(elsewhere)
    alone.is_there = False
    assert admitted(alone) == 10 + 39  # what it holds, and of 50 what nobody has taken
    clock.now += SECOND // 10
    assert admitted(alone) == 10
    alone.is_there = True
    assert admitted(alone) == 0
    clock.now += SECOND // 10
    assert admitted(alone) == 10  # owed
    question = alone.asking().question()
    assert (question.owed, question.missing) == (10, 10)
    assert question.lack == 400_000_000  # of what it did alone


def test_what_was_taken_alone_is_settled_alone(alone: Node) -> None:
    alone.is_there = False
    one = alone.request(needs=5, takes=20)
    assert one is not None
    one.settle(2)
    assert alone.lease().look()
    assert admitted(alone) == 48
    two = alone.request()
    assert two is None
    one.settle(30)
    late = alone.lease()
    assert not late.look()
    assert late.wait == 290_000_000


def test_amounts_are_settled_in_the_lease(node: Node, elsewhere: Elsewhere, clock: Clock) -> None:
    one = node.request(needs=4, takes=4)
    assert one is not None
    node.exchange(elsewhere)
    two = node.request(needs=6, takes=6)
    assert two is not None
    two.settle(1)
    one.settle(4)  # nothing to do
    assert node.asking().question().missing == 1
    one.settle(304)
    question = question_of(node)
    assert question == (291, 10)
    assert not node.lease().look()
    assert node.lease(1).ask(SECOND) == 0  # somebody has asked


def question_of(node: Node) -> tuple[int, int]:
    lease = node.lease()
    lease.look()
    return node.shared.terms.asks(lease._seen.value, node.clock.now)


def test_a_lease_that_nobody_uses_is_over(node: Node, elsewhere: Elsewhere, clock: Clock) -> None:
    assert admitted(node, 1) == 1
    node.exchange(elsewhere)
    clock.now += 31 * SECOND
    assert admitted(node) == 10  # owed, and nothing of what was held for so long
    assert node.asking().question().owed == 10


def test_an_undone_charge_is_given_back(node: Node, elsewhere: Elsewhere) -> None:
    admitted(node, 1)
    node.exchange(elsewhere)
    lease = node.lease()
    assert lease.look()
    assert lease.charge()
    lease.undo()
    assert admitted(node, 10) == 10


def test_of_two_workers_one_is_faster(node: Node, elsewhere: Elsewhere) -> None:
    admitted(node, 1)
    node.exchange(elsewhere)
    slow, fast = node.lease(), node.lease(10, 10)
    assert slow.look()
    assert fast.look()
    assert fast.charge()
    assert slow.charge()  # by what it may owe
    slow, fast = node.lease(5, 5), node.lease(9, 9)
    assert slow.look()
    assert fast.look()
    assert fast.charge()
    assert not slow.charge()


def test_of_two_workers_that_are_alone_one_is_faster(alone: Node) -> None:
    alone.is_there = False
    slow, fast = alone.lease(30, 30), alone.lease(30, 30)
    assert slow.look()
    assert fast.look()
    assert fast.charge()
    assert not slow.charge()


def test_nobody_tries_for_ever(node: Node, alone: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TRIES", 3)
    for one in (node, alone):
        one.is_there = one is node
        assert one.lease().look()
        one.board.is_contended = True
        lease = one.lease()
        assert lease.look()
        with pytest.raises(NoRoomError):
            lease.charge()


def test_without_room_nothing_is_known_and_nobody_asks(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = node.request()
    assert lease is not None
    node.board.is_full = True
    monkeypatch.setattr("fastgw.core.live.readings.find", lambda *arguments: -1)
    with pytest.raises(NoRoomError):
        node.lease().look()
    assert lease.ask(SECOND) == 0
    lease.undo()  # is lost


def test_no_more_is_given_back_than_was_taken(node: Node, alone: Node, elsewhere: Elsewhere) -> None:
    """A length that a client only claims can be larger than any lease."""
    alone.is_there = False
    assert admitted(alone, 49) == 49
    for one in (node, alone):
        claiming = one.request(1, 10**12)
        assert claiming is not None
        assert one.request() is None
        claiming.settle(0)
    assert admitted(alone) == 1
    assert admitted(node) == 10


def test_what_is_owed_comes_back_within_a_year_on_paper(node: Node) -> None:
    slow = Amounts(1, 86400 * SECOND, 1)
    node.shared = Shared(slow, LeaseTerms(1, 30 * SECOND, slow.depth), False)
    lease = node.request()
    assert lease is not None
    lease.settle(10**12)
    assert node.request() is None
    assert question_of(node) == (MOST, 1)
