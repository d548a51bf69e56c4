"""Looking again and again: what the loop is told, and when no more."""

from __future__ import annotations

import threading

import pytest

from fastgw.filters import lookout
from fastgw.filters.lookout import Lookout
from fastgw.testing.edge import new_loop


def test_the_loop_is_told_what_is_found() -> None:
    loop = new_loop()
    found: list[int | None] = [1, None, 2]
    told: list[int] = []
    made: Lookout[int] = Lookout(lambda: found.pop(0), told.append)
    made._loop = loop
    for _ in range(3):
        made.look()
    assert told == []  # not in the thread that looks
    loop.run_ready()
    assert told == [1, 2]


def test_nothing_is_told_after_the_end() -> None:
    loop = new_loop()
    told: list[int] = []
    made: Lookout[int] = Lookout(lambda: 1, told.append)
    made._loop = loop
    made.look()
    made.stop()
    made.look()
    loop.run_ready()
    assert told == []


def test_a_thread_looks_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "SECONDS", 0.001)
    looked = threading.Event()
    made: Lookout[int] = Lookout(looked.set, [].append)  # type: ignore[arg-type,func-returns-value]
    before = set(threading.enumerate())
    made.start(new_loop())
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon  # a disk that does not answer keeps no process
    assert looked.wait(10)
    made.stop()
    thread.join(10)
    assert not thread.is_alive()
