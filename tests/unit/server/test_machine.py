"""What a configuration asks of the machine: processors for workers, and files that may be open."""

from __future__ import annotations

import errno
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.load import load
from fastgw.server.machine import OTHERS, OpenFiles, Scheduler, open_files, pin, unpinnable
from fastgw.server.workers import WorkerProcess

TEXT = """
listeners:
  - {address: "127.0.0.1:1", limits: {connections: 100}}
  - {address: "127.0.0.1:2", limits: {connections: 50}}
routes: [{path: "/a", service: one}, {path: "/b", service: two}]
services:
  one: {endpoints: ["127.0.0.1:9", "127.0.0.1:10"], pool: {max_connections: 10}}
  two: {versions: {v1: {endpoints: ["127.0.0.1:9"], weight: 1}, v2: {endpoints: ["127.0.0.1:11"], weight: 1}}}
"""


class Played(Scheduler):
    """Processors on paper: those of a container on a large machine."""

    def __init__(self, refuses: int = 0) -> None:
        self.places: dict[int, set[int]] = {}
        self._refuses = refuses

    def allowed(self) -> set[int]:
        return {2, 3, 7}

    def threads(self, pid: int) -> list[int]:
        return [pid, pid + 1] if pid else []

    def pin(self, thread: int, places: Collection[int]) -> None:
        if self._refuses:
            raise OSError(self._refuses, "refused")
        self.places[thread] = set(places)


def worker(index: int, pid: int = 100) -> WorkerProcess:
    made = WorkerProcess(index)
    made.pid = pid
    return made


def test_workers_go_round_the_processors_that_there_are() -> None:
    scheduler = Played()
    workers = [worker(index, 100 * (index + 1)) for index in range(4)]
    for one in workers:
        pin(one, (), scheduler)
    assert [one.processor for one in workers] == [2, 3, 7, 2]
    assert scheduler.places[100] == scheduler.places[101] == {2}  # all threads


def test_a_list_has_its_own_order_and_another_process_the_same_place() -> None:
    scheduler = Played()
    for pid in (100, 200):
        one = worker(1, pid)
        pin(one, (7, 3), scheduler)
        assert (one.processor, scheduler.places[pid]) == (3, {3})


def test_who_is_not_pinned_any_more_runs_everywhere() -> None:
    scheduler, one = Played(), worker(0)
    pin(one, None, scheduler)
    assert scheduler.places == {}  # nothing was asked
    pin(one, (7,), scheduler)
    pin(one, None, scheduler)
    assert one.processor is None and scheduler.places[100] == {2, 3, 7}


def test_a_thread_that_ends_meanwhile_is_nobody(tmp_path: Path) -> None:
    one = worker(0)
    pin(one, (7,), Played(errno.ESRCH))
    assert one.processor == 7
    assert Scheduler().threads(0) == []  # no such process


def test_what_cannot_be_is_said_beforehand() -> None:
    assert unpinnable(None, Played(errno.EPERM)) == unpinnable((), Played()) == unpinnable((7, 2), Played()) == ""
    assert unpinnable((0, 1, 2, 5, 8), Played()) == (
        "cpu_affinity: processors 0-1, 5, 8 cannot be used by this process, which may use 2-3, 7"
    )
    assert unpinnable((9,), Played()).startswith("cpu_affinity: processor 9 cannot be used")
    told = unpinnable((), Played(errno.EPERM))
    assert (
        told == "cpu_affinity: workers cannot be pinned (refused); under systemd the drop-in scheduling.conf allows it"
    )


def test_the_scheduler_of_this_machine() -> None:
    scheduler = Scheduler()
    assert unpinnable(tuple(scheduler.allowed())) == ""


@pytest.mark.parametrize(("limit", "is_enough"), [(0, True), (150 + 20 + 512 + OTHERS, True), (745, False)])
def test_files_are_counted_for_one_worker(tmp_path: Path, limit: int, is_enough: bool) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(TEXT)
    found = open_files(load(file, {}), limit)
    assert found == OpenFiles(150, 20 + 2 * 256, limit) and found.needed == 746
    assert (found.warning == "") is is_enough
    if not is_enough:
        assert found.warning.startswith(
            "a worker may need 746 open files (150 connections of clients, 532 to services, 64 others), and may have 745: raise"
        )


def test_the_limit_is_the_hard_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    file = tmp_path / "g.yaml"
    file.write_text(TEXT)
    spec: Any = load(file, {})
    for hard, told in ((1000, 1000), (resource.RLIM_INFINITY, 0)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, hard=hard: (64, hard))
        assert open_files(spec).limit == told
