"""Workers that give no sign of life: when that is told, when they are killed, and when nobody is to blame."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.watch import EVERY, START_LIMIT, Watch
from fastgw.server.workers import DEAD, READY, STARTING, WorkerProcess
from tests.unit.server.stage import TEXT


class Place(WorkerProcess):
    """Nobody's process: it says where it stands as often as it is asked, and is killed in name only."""

    kills = 0
    asked = 0
    asked_last = 0

    def kill(self) -> None:
        self.kills += 1

    def ask_where(self, *, is_last: bool = False) -> None:
        self.asked += 1
        self.asked_last += is_last

    def where(self) -> dict[str, object]:
        return {"state": "running", "stack": [f"app.py:{self.asked}"]} if self.asked else {}


class Stage:
    """Two workers that beat as long as they are told to, and a watch that looks every second."""

    def __init__(self, folder: Path, text: str = TEXT) -> None:
        file = folder / "gateway.yaml"
        file.write_text(text)
        self.one, self.two = self.workers = [Place(0), Place(1)]
        for number, worker in enumerate(self.workers):
            worker.state, worker.pid = READY, 1_000_000_001 + number
        self.gateway = Gateway(str(file), None, {}, [*self.workers])
        self.gateway.adopt(self.gateway.plan(self.gateway.load()))
        self.log = folder / "log"
        self._fd = os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._watch = Watch(self.gateway, Log("supervisor", self._fd))
        self.now = 1000.0
        self.beat()

    def beat(self, *workers: Place) -> None:
        for worker in workers or self.workers:
            worker.slab.values[counters.HEARTBEAT_MS] = int(self.now * 1e3)

    def run(self, seconds: int, *beating: Place) -> None:
        """Let time pass; only these workers beat."""
        for _ in range(seconds):
            self.now += EVERY
            if beating:
                self.beat(*beating)
            self._watch.look(self.now)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def told(self) -> list[tuple[Any, ...]]:
        return [(one["level"], one["event"], one["worker"], one["stalled"], one["seconds"]) for one in self.lines()]

    def close(self) -> None:
        self.gateway.close()
        for worker in self.workers:
            worker.slab.close()
        os.close(self._fd)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def test_one_line_when_it_stalls_and_one_when_it_is_back(stage: Stage) -> None:
    stage.run(3, *stage.workers)
    stage.run(20, stage.two)
    stalled = ("error", "a worker is stalled", 0, 1_000_000_001, 4.0)
    here = ("error", "a stalled worker stands here", 0, 1_000_000_001, 5.0)
    assert stage.told() == [stalled, here]
    stage.run(5, *stage.workers)
    assert stage.told() == [stalled, here, ("info", "a stalled worker is back", 0, 1_000_000_001, 21.0)]
    assert (stage.one.stalls, stage.two.stalls, stage.one.kills) == (1, 0, 0)


def test_the_service_that_holds_up_the_loop_is_named(stage: Stage) -> None:
    (name, slot), *_ = stage.gateway.plan_in_use.slots.services.items()
    stage.one.slab.values[counters.RUNNING_SERVICE] = slot + 1
    stage.run(10)
    one, two = (line for line in stage.lines() if line["event"] == "a worker is stalled")
    assert (one["service"], "service" in two) == (name, False)


def test_silence_of_a_minute_is_killed_once(stage: Stage) -> None:
    stage.run(1, *stage.workers)
    stage.run(60, stage.two)
    kills = [stage.one.kills]
    stage.run(10, stage.two)
    assert (*kills, stage.one.kills, stage.two.kills) == (0, 1, 0)
    assert stage.told()[2:] == [("error", "a stalled worker is killed", 0, 1_000_000_001, 61.0)]
    stage.one.pid += 5  # the next process of this place stalls as well
    stage.run(2, stage.two)
    assert sum(one.kills for one in stage.workers) == 2


def test_nobody_is_killed_where_it_is_off(tmp_path: Path) -> None:
    stage = Stage(tmp_path, TEXT + "worker_timeout: 0\n")
    stage.run(5000, stage.two)
    assert (stage.one.kills, stage.one.asked, len(stage.told())) == (0, 1, 2)
    stage.close()


def test_it_is_told_where_a_worker_stands_when_it_stalls_and_before_it_is_killed(stage: Stage) -> None:
    stage.run(1, *stage.workers)
    stage.run(70, stage.two)
    assert (stage.one.asked, stage.one.asked_last, stage.two.asked) == (2, 1, 0)
    stacks = {line["event"]: line.get("stack") for line in stage.lines()}
    assert stacks == {
        "a worker is stalled": None,
        "a stalled worker stands here": ["app.py:1"],
        "a stalled worker is killed": ["app.py:2"],
    }


def test_a_look_that_is_late_kills_nobody_unasked(stage: Stage) -> None:
    stage.run(1, *stage.workers)
    stage.run(59)
    stage.now += 0.9 * EVERY
    stage.run(1)  # from less than 60 s of silence to more
    stage.run(1)
    assert stage.one.kills == 1 and stage.one.asked_last == 1


def test_who_comes_back_in_time_is_asked_anew_when_it_stalls_again(stage: Stage) -> None:
    stage.run(1, *stage.workers)
    stage.run(60)
    asked = [stage.one.asked_last]
    stage.run(5, *stage.workers)
    stage.run(61)
    assert (*asked, stage.one.asked_last, stage.one.kills) == (1, 2, 1)


def test_a_worker_that_does_not_start_is_killed_after_a_time_and_told(tmp_path: Path) -> None:
    """The configured time, and never less than a start may need."""
    stage = Stage(tmp_path, TEXT + "worker_timeout: 5s\n")
    stage.gateway.is_started = True
    stage.run(1, *stage.workers)
    stage.one.state, stage.one.started = STARTING, stage.now
    stage.run(int(START_LIMIT), stage.two)
    assert stage.told() == []
    stage.run(1, stage.two)
    assert stage.one.kills == 1
    (line,) = stage.lines()
    assert (line["event"], line["seconds"]) == ("a worker that does not start is killed", START_LIMIT + 1)
    assert line["stack"] == ["app.py:1"] and line["state"] == "running"
    stage.close()


def test_time_in_which_the_supervisor_slept_too_is_nobodys_silence(stage: Stage) -> None:
    """SIGSTOP to all, a paused container: whoever wakes first must not find the others dead."""
    stage.run(2, *stage.workers)
    stage.now += 3600
    stage.run(4)
    assert stage.told() == [] and stage.one.kills == 0
    stage.run(1)
    assert [line[1] for line in stage.told()] == ["a worker is stalled"] * 2


def test_death_is_no_return(stage: Stage) -> None:
    stage.run(10, stage.two)
    stage.one.state, stage.one.pid, stage.one.stalled_since = DEAD, 0, 0.0
    stage.run(5, stage.two)
    assert [line[1] for line in stage.told()] == ["a worker is stalled", "a stalled worker stands here"]
