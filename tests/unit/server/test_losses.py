"""What a worker tells of lines that its logs have lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.filters.log_file import LogFiles
from fastgw.server.log import Log
from fastgw.server.losses import TELL_SECONDS, LossReport
from fastgw.server.messages import LostLines, Report


class Stage:
    def __init__(self, path: Path) -> None:
        self.now = 100.0
        self.reports: list[Report] = []
        self.files = LogFiles()
        self.values = [0] * counters.GLOBAL.size
        self._path = path
        self._fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._read = 0
        self._report = LossReport(Log("worker 0", self._fd), lambda: self.now, self.reports.append, self.files)

    def look(self, **options: bool) -> list[tuple[Any, ...]]:
        """What a look makes the log say: events with path, count, bytes and cause."""
        self._report.look(self.values, **options)
        fresh = self._path.read_text().splitlines()[self._read :]
        self._read += len(fresh)
        found = [json.loads(line) for line in fresh]
        assert all({"time", "level", "process", "pid", "event", "path"} <= set(line) for line in found)
        return [
            (line["event"], line["path"], *(line[key] for key in ("count", "bytes", "cause") if key in line))
            for line in found
        ]

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path / "log")
    yield stage
    stage.close()


def test_a_full_disk_is_one_line_now_and_then(stage: Stage) -> None:
    told = []
    for _ in range(31):
        for _ in range(5000):
            stage.files.losses.add("/log", 1, 100, "No space left on device")
        told += stage.look()
        stage.now += 1.0
    lost = "access log lines are lost"
    assert told == [
        (lost, "/log", 5_000, 500_000, "No space left on device"),
        *[(lost, "/log", 50_000, 5_000_000, "No space left on device")] * 3,
    ]
    assert stage.values[counters.LOG_LINES_LOST] == 31 * 5000


def test_the_end_of_it_is_told_with_what_was_not_told_yet(stage: Stage) -> None:
    stage.files.losses.add("/log", 1, 100, "No space left on device")
    assert len(stage.look()) == 1
    stage.files.losses.add("/log", 2, 200, "No space left on device")
    stage.files.losses.end("/log")
    assert stage.look() == []
    stage.now += TELL_SECONDS
    assert stage.look() == [
        ("access log lines are lost", "/log", 2, 200, "No space left on device"),
        ("the access log is written again", "/log"),
    ]
    stage.now += TELL_SECONDS
    assert stage.look() == []
    stage.files.losses.add("/log", 1, 1, "again")
    assert len(stage.look()) == 1  # at once: it is a new trouble


def test_each_path_is_told_by_itself(stage: Stage) -> None:
    stage.files.losses.add("/one", 1, 10, "a")
    stage.files.losses.add("/two", 2, 20, "b")
    assert [line[1:] for line in stage.look()] == [("/one", 1, 10, "a"), ("/two", 2, 20, "b")]


def test_at_the_end_of_the_process_everything_is_told(stage: Stage) -> None:
    stage.files.losses.add("/log", 1, 10, "a")
    stage.look()
    stage.files.losses.add("/log", 2, 20, "a")
    assert stage.look() == []
    assert stage.look(is_last=True) == [("access log lines are lost", "/log", 2, 20, "a")]


def test_the_supervisor_is_told_what_the_log_is_told(stage: Stage) -> None:
    stage.files.losses.add("/log", 3, 300, "No space left on device")
    stage.look()
    stage.files.losses.end("/log")
    stage.now += TELL_SECONDS
    stage.look()
    assert [one for report in stage.reports for one in report.losses] == [
        LostLines("/log", 3, "No space left on device", False),
        LostLines("/log", 0, "", True),
    ]


def test_a_log_that_cannot_be_rotated_is_told_and_so_is_that_it_can_again(stage: Stage) -> None:
    stage.files.losses.stick("/log", "Read-only file system")
    stuck = "a log cannot be rotated, it grows beyond its size"
    assert stage.look() == [(stuck, "/log", "Read-only file system")]
    assert stage.look() == []
    stage.files.losses.stick("/log", "")
    assert stage.look() == [("the log is rotated again", "/log")]
    assert stage.values[counters.LOG_LINES_LOST] == 0
