"""When a peer is asked whether it is there, and when it counts as dead: by times alone."""

from __future__ import annotations

from fastgw.core.http2.pinging import AGAIN, ASK, DEAD, NOTHING, Pinging
from fastgw.testing import usual

SETTINGS = usual.pool(ping_interval=10.0, ping_timeout=5.0)


def test_after_a_silence_it_is_asked_once_and_dead_without_an_answer() -> None:
    one = Pinging()
    assert one.next(109.9, 100.0, 100.0, SETTINGS) == NOTHING
    assert one.next(110.0, 100.0, 100.0, SETTINGS) == ASK and one.is_awaited
    assert one.next(115.0, 100.0, 100.0, SETTINGS) == NOTHING
    assert one.next(115.1, 114.0, 114.0, SETTINGS) == DEAD  # whatever else it says


def test_as_long_as_nothing_but_answers_comes_the_next_is_much_later() -> None:
    one = Pinging()
    assert one.next(110.0, 100.0, 100.0, SETTINGS) == ASK
    one.on_answer()
    assert not one.is_awaited
    assert one.next(111.0 + AGAIN - 0.1, 111.0, 100.0, SETTINGS) == NOTHING
    assert one.next(111.0 + AGAIN, 111.0, 100.0, SETTINGS) == ASK
    one.on_answer()
    assert one.next(500.0, 490.0, 490.0, SETTINGS) == ASK  # it has said something since


def test_it_can_be_switched_off() -> None:
    never = usual.pool(ping_interval=0.0)
    assert Pinging().next(1e9, 0.0, 0.0, never) == NOTHING
