"""The clock of calls: it ticks while there are some, and rests without."""

from __future__ import annotations

import threading

import pytest

from fastgw.wasm import ticker as module
from fastgw.wasm.ticker import Ticker, ticks_of


def test_a_call_may_see_the_ticks_of_its_time_and_the_one_it_begins_in() -> None:
    assert ticks_of(0.1) == 11 and ticks_of(0.001) == 2


def test_it_rests_when_nobody_calls_and_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    ticked, may_tick = [0], threading.Semaphore(0)
    rested = threading.Event()

    def sleep(seconds: float) -> None:
        may_tick.acquire()

    monkeypatch.setattr(module.time, "sleep", sleep)
    monkeypatch.setattr(module, "TICKS_AWAKE", 3)

    def tick() -> None:
        ticked[0] += 1
        rested.set()

    ticker = Ticker(tick)
    assert not ticker.is_awake
    ticker.arm()
    assert ticker.is_awake
    for _ in range(5):
        may_tick.release()
    thread = ticker._thread
    assert thread is not None
    while ticker.is_awake:
        rested.wait(5)
    assert ticked[0] == 4  # the first saw the call, three saw none
    ticker.arm()
    assert ticker.is_awake
    may_tick.release(9)
    ticker.stop()
    assert not thread.is_alive()
