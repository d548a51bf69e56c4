"""Which endpoint takes the next exchange: fair by weight, even when idle, and to the least busy."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import EXACT_MAX, SMOOTH_MAX, LeastRequest, Random, RoundRobin


@dataclass(eq=False)
class Endpoint:
    name: str
    weight: int = 1
    in_hand: int = 0


def endpoints(*weights: int) -> tuple[Endpoint, ...]:
    return tuple(Endpoint("abcdefghij"[place], weight) for place, weight in enumerate(weights))


def names(balancer: RoundRobin | Random | LeastRequest, candidates: Sequence[Endpoint], count: int) -> str:
    return "".join(balancer.pick(candidates).name for _ in range(count))


def chance(*values: float) -> Callable[[], float]:
    return iter(values).__next__


class TestRoundRobin:
    def test_one_candidate_needs_no_choice(self) -> None:
        assert names(RoundRobin(), endpoints(3), 2) == "aa"

    @pytest.mark.parametrize("kind", [tuple, list])
    def test_equal_weights_take_turns(self, kind: type[tuple[Endpoint, ...]]) -> None:
        candidates = kind(endpoints(2, 2, 2))
        assert names(RoundRobin(), candidates, 7) == "abcabca"

    def test_weights_are_smooth(self) -> None:
        assert names(RoundRobin(), endpoints(5, 1, 1), 14) == "aabacaa" * 2

    @given(st.lists(st.integers(1, 20), min_size=2, max_size=8))
    def test_a_cycle_gives_each_its_weight(self, weights: list[int]) -> None:
        candidates = endpoints(*weights)
        balancer: RoundRobin = RoundRobin()
        for _ in range(2):
            found = Counter(balancer.pick(candidates).name for _ in range(sum(weights)))
            if len(set(weights)) > 1:
                assert found == {endpoint.name: endpoint.weight for endpoint in candidates}
            else:
                assert max(found.values()) - min(found.values()) <= 1

    @given(st.lists(st.integers(1, 20), min_size=SMOOTH_MAX + 1, max_size=40))
    def test_of_many_each_gets_its_weight_in_every_cycle(self, weights: list[int]) -> None:
        candidates = tuple(Endpoint(str(place), weight) for place, weight in enumerate(weights))
        balancer: RoundRobin = RoundRobin()
        found: Counter[str] = Counter()
        for turn in range(1, 4):
            found.update(balancer.pick(candidates).name for _ in range(sum(weights)))
            for one in candidates:
                assert abs(found[one.name] - turn * one.weight) <= 2

    def test_of_many_the_heaviest_is_not_taken_in_a_row(self) -> None:
        candidates = tuple(Endpoint("a" if place == 5 else "b", 10 if place == 5 else 1) for place in range(21))
        assert "aaa" not in names(RoundRobin(), candidates, 300)

    def test_of_many_weights_that_change_and_members_that_come_and_go_are_seen(self) -> None:
        candidates = tuple(Endpoint(str(place), 1 + place % 2) for place in range(40))
        balancer: RoundRobin = RoundRobin()
        Counter(balancer.pick(candidates).name for _ in range(60))
        candidates[7].weight = 30  # in place: seen within as many picks as there are members
        [balancer.pick(candidates) for _ in range(40)]
        found = Counter(balancer.pick(candidates).name for _ in range(880))
        assert found["7"] > 250
        fewer = [*candidates[8:], Endpoint("new", 2)]
        found = Counter(balancer.pick(fewer).name for _ in range(1000))
        assert 0 < found["new"] < 60 and "7" not in found

    @pytest.mark.parametrize("weights", [[1], [1, 2, 7]])
    def test_of_a_thousand_hardly_one_is_looked_at(self, weights: list[int]) -> None:
        asked = 0

        class Watched(Endpoint):
            @property  # type: ignore[override]
            def weight(self) -> int:
                nonlocal asked
                asked += 1
                return weights[int(self.name) % len(weights)]

            @weight.setter
            def weight(self, value: int) -> None:
                pass

        candidates = tuple(Watched(str(place)) for place in range(1000))
        balancer: RoundRobin = RoundRobin()
        for _ in range(10_000):
            balancer.pick(candidates)
        assert asked <= 25_000

    def test_a_change_of_weight_is_seen_within_a_round(self) -> None:
        candidates = endpoints(1, 1)
        balancer: RoundRobin = RoundRobin()
        assert names(balancer, candidates, 1) == "a"
        candidates[0].weight = 3
        assert names(balancer, candidates, 1) == "b"
        assert Counter(names(balancer, candidates, 8)) == {"a": 6, "b": 2}

    def test_candidates_may_change_at_every_pick(self) -> None:
        candidates = endpoints(1, 1, 1)
        balancer: RoundRobin = RoundRobin()
        assert names(balancer, candidates, 2) == "ab"
        assert names(balancer, list(candidates[:2]), 3) == "aba"
        assert names(balancer, candidates, 3) == "cab"
        assert names(balancer, candidates[:2], 2) == "ab"

    def test_endpoints_that_are_gone_are_not_held(self) -> None:
        balancer: RoundRobin = RoundRobin()
        for _ in range(50):
            balancer.pick(list(endpoints(1, 2)))
        assert len(balancer._wealth) <= 4


class TestLeastRequest:
    def test_one_candidate_needs_no_choice(self) -> None:
        assert LeastRequest(chance()).pick(endpoints(1)).name == "a"

    def test_few_candidates_are_all_looked_at(self) -> None:
        candidates = endpoints(1, 1, 1, 1)
        for endpoint, active in zip(candidates, (3, 2, 0, 1), strict=True):
            endpoint.in_hand = active
        assert LeastRequest(chance()).pick(candidates).name == "c"

    def test_the_weight_divides_the_load(self) -> None:
        one, two = candidates = endpoints(1, 3)
        one.in_hand, two.in_hand = 1, 2
        assert LeastRequest(chance()).pick(candidates) is two
        two.in_hand = 4
        assert LeastRequest(chance()).pick(candidates) is one

    def test_a_tie_is_drawn_by_weight(self) -> None:
        candidates = endpoints(1, 3, 1)
        candidates[2].in_hand = 1
        found = [LeastRequest(chance(u)).pick(candidates).name for u in (0.0, 0.24, 0.25, 0.99)]
        assert found == ["a", "a", "b", "b"]

    def test_of_equals_that_are_idle_each_has_its_turn(self) -> None:
        _, b, c = candidates = endpoints(1, 1, 1)
        balancer = LeastRequest(chance())
        assert names(balancer, candidates, 7) == "abcabca"
        b.in_hand = 1
        assert names(balancer, candidates, 4) == "caca"
        b.in_hand, c.weight = 0, 2
        assert names(LeastRequest(chance(0.0, 0.3, 0.5)), candidates, 3) == "abc"

    def test_of_many_that_are_idle_no_stretch_has_a_burst(self) -> None:
        """By chance alone one of ten has some 18 of 100 requests in the worst of 100 stretches."""
        candidates = endpoints(*[1] * 10)
        balancer = LeastRequest(random.Random(1).random)
        worst = max(max(Counter(names(balancer, candidates, 100)).values()) for _ in range(100))
        assert worst <= 12

    def test_a_chance_out_of_its_range_does_no_harm(self) -> None:
        assert LeastRequest(chance(1.0)).pick(endpoints(1, 2)).name == "a"

    def test_many_candidates_two_are_compared(self) -> None:
        candidates = endpoints(1, 1, 1, 1, 1)
        candidates[0].in_hand = 2
        candidates[1].in_hand = 1
        assert LeastRequest(chance(0.0, 0.0)).pick(candidates).name == "b"
        assert LeastRequest(chance(0.2, 0.0)).pick(candidates).name == "b"
        assert LeastRequest(chance(0.99, 0.99)).pick(candidates).name == "e"

    @given(st.integers(EXACT_MAX + 1, 10), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
    def test_the_two_are_never_the_same(self, count: int, one: float, two: float) -> None:
        candidates = endpoints(*[1] * count)
        chosen = candidates[int(one * count)]
        chosen.in_hand = 1
        assert LeastRequest(chance(one, two)).pick(candidates) is not chosen

    def test_many_candidates_are_drawn_by_weight(self) -> None:
        candidates = endpoints(6, 1, 1, 1, 1)
        assert LeastRequest(chance(0.59, 0.99)).pick(candidates).name == "a"
        candidates[0].in_hand = 6
        assert LeastRequest(chance(0.59, 0.99)).pick(candidates).name == "e"

    def test_a_change_of_weight_is_seen_within_a_round(self) -> None:
        candidates = endpoints(1, 1, 1, 1, 1)
        balancer = LeastRequest(chance(*[0.99] * 30))
        assert set(names(balancer, candidates, 8)) == set("abcde")  # evenly, though chance says the same every time
        candidates[0].weight = 1000
        names(balancer, candidates, 2)
        assert names(balancer, candidates, 10) == "a" * 10

    @pytest.mark.parametrize("weights", [(1, 2, 3), (1, 1, 1, 1, 1, 1), (5, 1, 1, 1, 1, 1)])
    @pytest.mark.parametrize("kind", [tuple, list])
    @pytest.mark.parametrize("is_busy", [False, True])
    def test_shares_are_the_weights(
        self, weights: tuple[int, ...], kind: type[tuple[Endpoint, ...]], is_busy: bool
    ) -> None:
        candidates = kind(endpoints(*weights))
        generator = random.Random(7)
        balancer = LeastRequest(generator.random)
        held: list[Endpoint] = []
        found: Counter[str] = Counter()
        for _ in range(6000):
            chosen = balancer.pick(candidates)
            found[chosen.name] += 1
            if is_busy:
                chosen.in_hand += 1
                held.append(chosen)
                if len(held) > 60:
                    held.pop(generator.randrange(len(held))).in_hand -= 1
        for endpoint in candidates:
            assert found[endpoint.name] / 6000 == pytest.approx(endpoint.weight / sum(weights), abs=0.03)


class TestRandom:
    @pytest.mark.parametrize("kind", [tuple, list])
    def test_equal_weights_are_even(self, kind: type[tuple[Endpoint, ...]]) -> None:
        balancer, candidates = Random(random.Random(1).random), kind(endpoints(2, 2, 2, 2))
        found = Counter(balancer.pick(candidates).name for _ in range(8000))
        assert all(abs(count - 2000) < 200 for count in found.values()) and len(found) == 4

    def test_others_have_their_share(self) -> None:
        balancer, candidates = Random(random.Random(1).random), endpoints(1, 3)
        assert abs(Counter(balancer.pick(candidates).name for _ in range(8000))["b"] - 6000) < 200

    def test_one_candidate_and_both_ends_of_chance(self) -> None:
        balancer = Random(chance(0.0, 0.999999, 0.0, 0.999999))
        (only,) = endpoints(3)
        assert [balancer.pick((only,)), balancer.pick((only,))] == [only, only]
        pair = endpoints(1, 9)
        assert [balancer.pick(pair).name, balancer.pick(pair).name] == ["a", "b"]

    def test_a_change_of_weight_is_seen_within_a_round(self) -> None:
        balancer, candidates = Random(random.Random(1).random), endpoints(1, 1)
        balancer.pick(candidates)
        candidates[0].weight = 10**6
        assert "b" not in names(balancer, candidates, 50)[3:]
