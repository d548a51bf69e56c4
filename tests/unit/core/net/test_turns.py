"""Who asks is called once, at the end of the turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fastgw.core.net.turns import Later, Turn
from fastgw.testing.edge import new_loop


class Asker(Later):
    """Does something when the turn is over."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self.act = act
        self.called = 0

    def on_turn_over(self) -> None:
        self.called += 1
        self.act()


def test_who_asks_is_called_at_the_end_in_the_order_of_asking() -> None:
    turn, order = Turn(new_loop()), list[str]()
    turn.is_open = True
    for name in "ab":
        turn.ask(Asker(lambda name=name: order.append(name)))  # type: ignore[misc]
    assert not order
    turn.end()
    assert order == ["a", "b"] and not turn.is_open
    turn.end()
    assert order == ["a", "b"]


def test_who_asks_meanwhile_is_called_too_and_the_turn_is_open_until_then() -> None:
    turn = Turn(new_loop())
    turn.is_open = True
    second = Asker(lambda: seen.append(turn.is_open))
    seen: list[bool] = []
    turn.ask(Asker(lambda: turn.ask(second)))
    turn.end()
    assert second.called == 1 and seen == [True] and not turn.is_open


def test_a_failure_is_told_and_keeps_nobody_waiting() -> None:
    loop = new_loop()
    turn = Turn(loop)
    turn.is_open = True

    def fail() -> None:
        raise ValueError("odd")

    second = Asker()
    turn.ask(Asker(fail))
    turn.ask(second)
    turn.end()
    assert second.called == 1
    with pytest.raises(ValueError, match="odd"):
        loop.run_ready()


def test_a_later_does_something() -> None:
    with pytest.raises(NotImplementedError):
        Later().on_turn_over()
