"""Any program, registered while it runs: signals, and what becomes of the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fastgw.registration.wrapped import wrapped

PROGRAM = """
import signal, sys, time
def told(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(3)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, told)
print("ready", flush=True)
while True:  # a signal that comes right before pause() would not end it
    time.sleep(0.05)
"""


class Registered:
    """In the place of a registration: says what happens to it, in the file of the program."""

    is_there = True

    def __init__(self, log: Path) -> None:
        self._log = log

    def _say(self, word: str) -> None:
        with self._log.open("a") as file:
            file.write(word + "\n")

    @asynccontextmanager
    async def running(self, drain: float) -> AsyncIterator[None]:
        self._say("there")
        yield
        self._say("gone")


def played(tmp_path: Path, work: Callable[[Path], Any], *command: str, drain: float = 0.05) -> tuple[int, list[str]]:
    """The exit code, and what happened in which order."""
    log = tmp_path / "log"
    registered: Any = Registered(log)

    async def whole() -> int:
        await asyncio.get_running_loop().run_in_executor(None, os.getpid)  # its threads are there before signals are
        running = asyncio.ensure_future(wrapped(registered, command, drain))
        await work(log)
        return await running

    return asyncio.run(whole()), log.read_text().split()


async def seen(log: Path, *words: str) -> None:
    while not set(words) <= set(log.read_text().split() if log.exists() else ()):
        await asyncio.sleep(0)


def program(tmp_path: Path) -> tuple[str, ...]:
    return ("sh", "-c", f'exec "{sys.executable}" -c "$0" >> {tmp_path / "log"}', PROGRAM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_before_the_program_is_asked_to_end(tmp_path: Path, number: signal.Signals) -> None:
    async def work(log: Path) -> None:
        await seen(log, "there", "ready")
        os.kill(os.getpid(), signal.SIGHUP)
        await seen(log, "SIGHUP")
        assert "gone" not in log.read_text()
        os.kill(os.getpid(), number)
        await seen(log, number.name)
        if number == signal.SIGINT:  # it goes on, so it is asked again
            os.kill(os.getpid(), signal.SIGTERM)

    status, words = played(tmp_path, work, *program(tmp_path))
    assert status == 3
    assert sorted(words[:2]) == ["ready", "there"] and words[2:5] == ["SIGHUP", "gone", number.name]


def test_a_second_signal_is_not_waited_with(tmp_path: Path) -> None:
    async def work(log: Path) -> None:
        await seen(log, "ready")
        os.kill(os.getpid(), signal.SIGTERM)
        await seen(log, "gone")
        os.kill(os.getpid(), signal.SIGTERM)

    assert played(tmp_path, work, *program(tmp_path), drain=1000.0)[0] == 3


@pytest.mark.parametrize(("text", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)])
def test_a_program_that_ends_takes_its_key_along(tmp_path: Path, text: str, status: int) -> None:
    async def work(log: Path) -> None:
        await seen(log, "gone")

    assert played(tmp_path, work, "sh", "-c", text) == (status, ["there", "gone"])


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    registered: Any = Registered(tmp_path / "log")
    with pytest.raises(FileNotFoundError):
        asyncio.run(wrapped(registered, [str(tmp_path / "none")], 0.0))
    assert not (tmp_path / "log").exists()
