"""The start: the order of its steps, the guesses it corrects, and how it fails."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from fastgw.server import supervisor
from fastgw.server.gateway import Gateway
from fastgw.server.listening import Listening
from fastgw.server.messages import Commit, Prepare
from fastgw.server.supervisor import begin, give_way, raise_file_limit, resize, run
from fastgw.server.workers import WorkerProcess
from tests.unit.server.stage import TEXT


class Played(WorkerProcess):
    """A place that starts no process; ``journal`` has what was done to all of them, in order."""

    journal: list[tuple[str, int]] = []

    def spawn(self) -> None:
        self.journal.append(("spawn", self.index))
        self.pid = 1_000_000_000 + self.index
        self.sent: list[object] = []
        self.channel: Any = self

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        self.journal.append((type(message).__name__, self.index))
        self.sent.append(message)

    def kill(self) -> None:
        if self.pid:
            self.journal.append(("kill", self.index))

    def close(self) -> None:
        pass

    def wait(self, count: int, seconds: float) -> bool:
        self.journal.append(("wait", self.index))
        assert count == 2 and 0 < seconds <= supervisor.PATIENCE
        return True

    is_closed = False


@pytest.fixture(autouse=True)
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, int]]]:
    monkeypatch.setattr(Played, "journal", [])
    monkeypatch.setattr(supervisor, "WorkerProcess", Played)
    monkeypatch.setattr(supervisor.os, "waitpid", lambda pid, options: (pid, 0))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield Played.journal
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    gc.enable()  # ``run`` has switched it off


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(with_admin(path, TEXT))
    return path


def with_admin(file: Path, text: str) -> str:
    """``text`` with an admin address that is nobody else's."""
    return f'{text}admin: {{address: "unix:{file.parent}/admin"}}\n'


def made(file: Path, count: int) -> Gateway:
    return Gateway(str(file), None, {}, [Played(index) for index in range(count)])


@contextlib.contextmanager
def begun(gateway: Gateway) -> Iterator[list[Listening]]:
    """``begin``, and the end of what it opened."""
    admin: list[Listening] = []
    try:
        admin = begin(gateway)
        yield admin
    finally:
        for listening in admin:
            listening.close()
        gateway.close()
        for worker in gateway.workers:
            worker.slab.close()


def test_workers_get_everything_at_once(file: Path, journal: list[tuple[str, int]]) -> None:
    gateway = made(file, 2)
    gateway.workers[0].spawn()
    with begun(gateway):
        worker = gateway.workers[0]
        assert isinstance(worker, Played)
        prepare, commit = worker.sent
        assert isinstance(prepare, Prepare) and prepare.has_memory and commit == Commit(1)
    assert journal == [("spawn", 0), ("Prepare", 0), ("Commit", 0), ("spawn", 1), ("Prepare", 1), ("Commit", 1)]


def test_admin_address_listens_when_all_is_done(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(made(file, 2)), socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{file.parent}/admin")
    assert sorted(os.listdir(file.parent)) == ["gateway.yaml"]


def test_there_may_be_no_admin_address(file: Path) -> None:
    file.write_text(TEXT + "admin: false\n")
    with begun(made(file, 2)) as admin:
        assert admin == []


def test_unix_address_listens_before_its_workers_are_there(file: Path) -> None:
    file.write_text(with_admin(file, TEXT.replace("127.0.0.1:0", f"unix:{file.parent}/edge")))
    with begun(made(file, 2)), socket.socket(socket.AF_UNIX) as client:
        client.connect(f"{file.parent}/edge")
    assert sorted(os.listdir(file.parent)) == ["gateway.yaml"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_wrong_guess_of_the_number_is_corrected(file: Path, count: int, journal: list[tuple[str, int]]) -> None:
    gateway = made(file, count)
    for worker in gateway.workers:
        worker.spawn()
    journal.clear()
    gateway.adopt(gateway.plan(gateway.load()))
    gateway.close()
    resize(gateway)
    assert [worker.index for worker in gateway.workers] == [0, 1]
    assert journal == [("kill", index) for index in reversed(range(2, count))]


def test_place_that_was_never_used_just_goes(file: Path, journal: list[tuple[str, int]]) -> None:
    gateway = made(file, 3)
    gateway.adopt(gateway.plan(gateway.load()))
    gateway.close()
    resize(gateway)
    assert len(gateway.workers) == 2 and journal == []


@pytest.mark.parametrize(
    ("count", "waits"), [(1, []), (2, [("wait", 0), ("wait", 1)]), (3, [("wait", 0), ("wait", 1), ("wait", 2)])]
)
def test_workers_go_first_where_no_processor_is_left(
    count: int, waits: list[tuple[str, int]], journal: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "processors", lambda: 2)
    workers = [Played(index) for index in range(count)]
    for worker in workers:
        worker.spawn()
    journal.clear()
    give_way(list(workers))
    assert journal == waits


def test_file_with_problems_starts_nothing(
    file: Path, journal: list[tuple[str, int]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "processors", lambda: 3)
    file.write_text("rooutes: []\n")
    assert run(str(file)) == 1
    assert "rooutes" in capsys.readouterr().err
    assert journal == [("spawn", 0), ("spawn", 1), ("kill", 0), ("kill", 1)]  # one processor reads the file


def test_the_configuration_is_handed_out_before_what_serves_the_admin_address_is_imported() -> None:
    """Start-up time is a goal: this is on the way to the first answer, with pydantic and YAML."""
    names = "fastgw.server.supervisor, fastgw.server.gateway, fastgw.server.slab, fastgw.config.load"
    code = f"import sys, {names}; from fastgw.cli.main import build_parser; build_parser(); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    unwanted = {"asyncio", "concurrent", "email", "h11", "http", "importlib.metadata", "logging", "orjson", "shutil"}
    unwanted |= {"prometheus_client", "ssl", "uvloop", "fastgw.core.dataplane", "fastgw.server.control"}
    assert not unwanted & set(found)


def test_file_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.yaml"), 1) == 1
    error = capsys.readouterr().err
    assert error.startswith("fastgw: cannot start: ") and error.count("\n") == 1 and "none.yaml" in error


def test_system_without_room_is_one_sentence(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(worker: Played) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Played, "spawn", refuse)
    assert run(str(file), 2) == 1
    assert "Resource temporarily unavailable" in capsys.readouterr().err


def test_interrupt_before_the_handlers_ends_the_start(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(gateway: Gateway, descent: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(supervisor, "begin", interrupt)
    assert run(str(file), 1) == 130


def test_signals_wait_until_somebody_can_follow_them(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: set[int] = set()

    def look(gateway: Gateway, admin: list[Listening], user: object) -> int:
        held.update(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        for listening in admin:
            listening.close()
        return 7

    monkeypatch.setattr(supervisor, "_watch", look)
    assert run(str(file), 1, {}) == 7
    assert {signal.SIGHUP, signal.SIGTERM} <= held


def test_file_limit_is_raised_as_far_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 5000))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: found.append(limits))
    raise_file_limit()
    assert found == [(5000, 5000)]

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_file_limit()
