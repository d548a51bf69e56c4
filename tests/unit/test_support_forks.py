"""A fork is to the tests what a command that they have started is."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support import forks

BAD = "listeners: 1\n"


@pytest.fixture
def started(tmp_path: Path) -> forks.Fork:
    """One that ends by itself with 1, since its file has a mistake."""
    path = tmp_path / "fastgw.yaml"
    path.write_text(BAD)
    with (tmp_path / "log").open("wb") as log:
        found = forks.fork(path, log.fileno())
    assert found is not None
    return found


def test_it_is_the_command(started: forks.Fork, tmp_path: Path) -> None:
    assert started.wait(30) == 1 and started.poll() == 1
    assert "listeners" in (tmp_path / "log").read_text()


def test_its_number_is_nobody_elses_until_it_was_asked_for(started: forks.Fork) -> None:
    stat, end = Path(f"/proc/{started.pid}/stat"), time.monotonic() + 30
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":  # ended, and still there
        assert time.monotonic() < end
        os.sched_yield()
    os.kill(started.pid, signal.SIGTERM)
    assert started.wait(30) == 1 and not stat.exists()


def test_a_signal_is_told_as_one(started: forks.Fork) -> None:
    started.kill()
    assert started.wait(30) in (1, -signal.SIGKILL)  # it may have ended before


def test_another_environment_is_for_a_command(
    started: forks.Fork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started.wait(30)
    monkeypatch.setenv("FASTGW_NOTHING", "1")
    assert forks.fork(tmp_path / "fastgw.yaml", 1) is None
