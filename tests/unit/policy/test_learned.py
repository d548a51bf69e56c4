"""What is guessed from amounts: enough for what comes as the last ones did, and soon something else where that changes."""

from __future__ import annotations

from fastgw.policy.learned import Learned


def test_the_first_is_taken_for_one_of_many() -> None:
    assert Learned(100.0).guess == 201  # the mean, and twice half of it


def test_what_is_always_the_same_is_known_soon() -> None:
    known = Learned(100.0)
    for _ in range(20):
        known.learn(100.0)
    assert known.guess == 101


def test_what_varies_is_guessed_by_how_much() -> None:
    known = Learned(100.0)
    for amount in (50.0, 150.0) * 50:
        known.learn(amount)
    assert 180 < known.guess < 220
    assert 90 < known.mean < 110 and 45 < known.deviation < 60


def test_it_follows_what_changes() -> None:
    known = Learned(1000.0)
    for _ in range(60):
        known.learn(10.0)
    assert 10 <= known.guess < 15
