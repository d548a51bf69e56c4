from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from fastgw.server.log import PER_WINDOW, WINDOW, Log, is_journal


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(fd: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in os.read(fd, 1 << 20).splitlines()]


def test_a_line_is_json_with_a_time_and_what_was_given() -> None:
    read_end, write_end = os.pipe()
    Log("worker 1", write_end).error("it broke", worker=1, problems=("a", "b\nc"))
    (line,) = lines(read_end)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "error",
        "process": "worker 1",
        "pid": os.getpid(),
        "event": "it broke",
        "worker": 1,
        "problems": ["a", "b\nc"],
    }
    os.close(read_end)
    os.close(write_end)


def test_an_event_that_repeats_is_bounded_and_counted() -> None:
    read_end, write_end = os.pipe()
    clock = Clock()
    log = Log("worker 0", write_end, clock)
    for number in range(1000):
        (log.limited, log.info, log.warning, log.error)[number % 4]("a client misbehaved")
    log.limited("another", "info")
    first = lines(read_end)
    assert [line["event"] for line in first] == ["a client misbehaved"] * PER_WINDOW + ["another"]
    assert first[-1]["level"] == "info"
    clock.now += WINDOW
    log.limited("a client misbehaved", client="x")
    (line,) = lines(read_end)
    assert line["suppressed"] == 1000 - PER_WINDOW and line["client"] == "x"
    os.close(read_end)
    os.close(write_end)


def test_endless_kinds_of_events_need_no_endless_memory() -> None:
    read_end, write_end = os.pipe()
    log = Log("worker 0", write_end, Clock())
    for number in range(500):
        log.limited(f"event {number}")
    assert len(log._windows) <= 64
    os.close(read_end)
    os.close(write_end)


def test_a_pipe_that_nobody_reads_does_not_hold_up_the_process() -> None:
    read_end, write_end = os.pipe()
    clock = Clock()
    log = Log("worker 0", write_end, clock)
    for number in range(200):
        clock.now += WINDOW
        log.info("something", number=number, filling="x" * 5000)
    told = os.read(read_end, 1 << 20).splitlines()
    whole = [json.loads(line) for line in told if line.endswith(b"}")]
    assert [line["number"] for line in whole] == list(range(len(whole))) and 5 < len(whole) < 20
    clock.now += WINDOW
    log.info("something", number=200)
    fresh = os.read(read_end, 1 << 20).splitlines()
    assert json.loads(fresh[-1])["unwritten"] == 200 - len(whole)  # the one that was torn is none of them
    clock.now += WINDOW
    log.info("something")
    (line,) = lines(read_end)
    assert "unwritten" not in line
    os.close(read_end)
    os.close(write_end)


def test_a_closed_stderr_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    os.close(write_end)
    Log("worker 0", write_end).info("nobody hears")


def _journal(fd: int) -> dict[str, str]:
    """What systemd says of ``fd`` if that is its journal."""
    state = os.fstat(fd)
    return {"JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}"}


def test_the_journal_has_the_priority_of_each_line_in_front() -> None:
    mine, journal = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with mine, journal:
        log = Log("worker 0", mine.fileno(), environ=_journal(mine.fileno()))
        log.error("it broke", text="a\nb")
        log.warning("look at it")
        log.info("it happened")
        log.limited("of another level", "debug")
        got = journal.recv(65536).splitlines()
    assert [line[:3] for line in got] == [b"<3>", b"<4>", b"<6>", b"<6>"]
    assert [json.loads(line[3:])["level"] for line in got] == ["error", "warning", "info", "debug"]


def test_what_is_not_the_journal_has_nothing_in_front(tmp_path: Path) -> None:
    """A terminal, a pipe, a file: also where the manager gave its journal to somebody above us."""
    with (tmp_path / "log").open("wb") as file, (tmp_path / "other").open("wb") as other:
        for environ in ({}, _journal(other.fileno()), {"JOURNAL_STREAM": "8"}):
            Log("worker 0", file.fileno(), environ=environ).error("it broke")
    found = (tmp_path / "log").read_bytes().splitlines()
    assert len(found) == 3 and all(json.loads(line) for line in found)
    assert not is_journal(999_999, _journal(0))


@pytest.mark.parametrize(("wanted", "start"), [("json", b"{"), ("text", b"20")])
def test_its_form_may_be_said(wanted: str, start: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTGW_LOG_FORMAT", wanted)
    with (tmp_path / "log").open("wb") as file:
        Log("supervisor", file.fileno()).info("it begins", service="llm")
    assert (tmp_path / "log").read_bytes().startswith(start)


def test_at_a_terminal_it_is_text() -> None:
    ours, theirs = os.openpty()
    Log("supervisor", theirs).error("it fails", service="llm")
    found = os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert b"it fails" in found and b"service=llm" in found and not found.startswith(b"{")
