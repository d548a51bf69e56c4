from __future__ import annotations

import os
import signal
import time

import pytest

from fastgw.core import counters
from fastgw.core.dataplane import SWEEP_SECONDS
from fastgw.server import workers
from fastgw.server.workers import DEAD, DRAINING, READY, STALLED, STARTING, WorkerProcess, backoff
from tests.support.gateway import wait_until


def test_the_back_off_grows_to_its_bound() -> None:
    delays = [backoff(deaths) for deaths in range(12)]
    assert delays[:5] == [0.0, 0.0, 0.1, 0.2, 0.4]
    assert delays == sorted(delays) and delays[-1] == workers.MAX_DELAY


def test_a_worker_without_a_supervisor_ends_by_itself() -> None:
    worker = WorkerProcess(0)
    worker.spawn()
    assert worker.state == STARTING and worker.is_alive and worker.reaped() is None
    assert worker.channel is not None
    worker.channel.close()
    assert wait_until(lambda: (code := worker.reaped()) is not None and [code]) == [0]
    assert worker.state == DEAD and worker.pid == 0 and not worker.is_alive
    assert worker.quick_deaths == 1


def test_a_signal_that_arrives_before_its_handler_does_not_kill() -> None:
    worker = WorkerProcess(0)
    worker.spawn()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):  # Ctrl-C goes to the whole group
        os.kill(worker.pid, number)
    assert worker.channel is not None
    worker.channel.close()
    assert wait_until(lambda: (code := worker.reaped()) is not None and [code]) == [0]


def test_only_quick_deaths_in_a_row_count(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = WorkerProcess(0)
    for expected in (1, 2):
        worker.spawn()
        worker.kill()
        assert wait_until(lambda: (code := worker.reaped()) is not None and [code]) == [-signal.SIGKILL]
        assert worker.quick_deaths == expected
    worker.spawn()
    worker.state = READY
    worker.started = time.monotonic() - workers.QUICK - 1
    worker.kill()
    assert wait_until(lambda: worker.reaped() is not None)
    assert worker.quick_deaths == 1


def test_memory_of_nobody_is_zero() -> None:
    worker = WorkerProcess(0)
    assert worker.rss == 0
    worker.pid = os.getpid()
    assert worker.rss > 1_000_000


def test_heartbeats_are_the_sweeps() -> None:
    assert workers.HEARTBEAT_SECONDS == SWEEP_SECONDS < workers.STALLED_AFTER / 2


def test_silence_counts_for_who_serves() -> None:
    worker = WorkerProcess(0)
    values = worker.slab.values
    assert worker.silence(100.0) == 0.0
    worker.state = READY
    assert worker.silence(100.0) == 0.0  # no sign yet: it is about to begin
    values[counters.HEARTBEAT_MS] = 95_500
    assert worker.silence(100.0) == 4.5 and worker.told_state(100.0) == STALLED
    assert worker.silence(95.0) == 0.0 and worker.told_state(98.4) == READY
    worker.state = DRAINING
    assert worker.silence(100.0) == 4.5 and worker.told_state(100.0) == DRAINING
    worker.watched_since = 99.0
    assert worker.silence(100.0) == 1.0
    worker.state = DEAD
    assert worker.silence(100.0) == 0.0
    worker.slab.close()
