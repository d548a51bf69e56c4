"""What the supervisor keeps of exchanges that failed or were slow, and when it has workers tell of them."""

from __future__ import annotations

from typing import Any

from fastgw.server.messages import Ended, Tail, Tailed
from fastgw.server.tail import FORGOTTEN, KEPT, TailRing


def ended(**more: Any) -> Ended:
    found = Ended(1.5, "failed", "GET", "/x", "r", "s", "127.0.0.1:1", 502, 3.25, None, "connect_refused", "")
    return found._replace(**more)


class Stage:
    """A ring on a clock that the test turns."""

    def __init__(self) -> None:
        self.told: list[Tail] = []
        self.now = 1000.0
        self.ring = TailRing(self.told.append, lambda: self.now)

    def numbers(self, since: int = 0) -> list[int]:
        news, _ = self.ring.since(since)
        return [] if news is None else [one["number"] for one in news["ends"]]


def test_workers_tell_while_somebody_watches() -> None:
    stage = Stage()
    assert not stage.ring.order.is_watched
    stage.ring.begin()
    assert stage.ring.order == Tail(True, 1.0)
    stage.ring.end()
    assert not stage.ring.order.is_watched
    assert stage.told == [Tail(True, 1.0), Tail(False)]


def test_a_reload_changes_what_is_slow() -> None:
    stage = Stage()
    stage.ring.keep(5.0)
    assert stage.told == []  # nobody watches
    stage.ring.begin()
    stage.ring.keep(5.0)
    stage.ring.keep(0.0)
    assert stage.told == [Tail(True, 5.0), Tail(True, 0.0)]


def test_each_viewer_gets_what_is_new_to_it() -> None:
    stage = Stage()
    assert stage.ring.since(0) == (None, 0)
    stage.ring.learn(Tailed((ended(), ended(path="/y"))))
    news, last = stage.ring.since(0)
    assert news is not None and last == 2
    assert news["ends"] == [{"number": 1, **ended()._asdict()}, {"number": 2, **ended(path="/y")._asdict()}]
    assert stage.ring.since(2) == (None, 2)
    stage.ring.learn(Tailed((ended(),), 4))
    news, last = stage.ring.since(2)
    assert news is not None and (stage.numbers(2), news["left_out"], last) == ([3], 4, 3)


def test_the_last_are_kept_and_numbers_tell_of_the_others() -> None:
    stage = Stage()
    for _ in range(KEPT + 5):
        stage.ring.learn(Tailed((ended(),)))
    assert stage.numbers() == list(range(6, KEPT + 6))


def test_what_the_last_viewer_saw_is_soon_forgotten() -> None:
    stage = Stage()
    stage.ring.begin()
    stage.ring.learn(Tailed((ended(),)))
    stage.ring.end()
    stage.now += FORGOTTEN
    stage.ring.begin()  # the page was loaded again
    assert stage.numbers() == [1]
    stage.ring.end()
    stage.now += FORGOTTEN + 1.0
    stage.ring.begin()
    assert stage.numbers() == []
    stage.ring.learn(Tailed((ended(),)))
    assert stage.numbers() == [2]
