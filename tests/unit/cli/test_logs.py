"""``fastgw logs``: what it shows, and of what."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.logs import since
from fastgw.cli.main import main
from tests.support.gateway import ROOT
from tests.support.terminal import Terminal


def record(event: str, level: str = "info", **other: Any) -> str:
    stamp = {"time": "2026-11-22T12:45:33.120Z"}
    return json.dumps(stamp | {"level": level, "process": "worker 0", "pid": 1, "event": event} | other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    lines = [
        "fastgw 0.1.0 ready",
        record("begun", service="llm"),
        record("odd", "warning", service="app", time="2026-11-22T13:00:00.000Z"),
        record("a worker died", "error"),
        "{broken",
    ]
    path.write_text("\n".join(lines))
    return path


def shown(file: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert main(["logs", str(file), *options]) == 0
    return capsys.readouterr().out.splitlines()


def test_lines_are_shown_for_people_and_others_as_they_are(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(file, capsys)
    assert found[0] == "fastgw 0.1.0 ready" and found[-1] == "{broken"
    assert found[1] == "2026-11-22 12:45:33.120 info    worker 0    begun  service=llm"


@pytest.mark.parametrize(
    ("options", "events"),
    [
        (["--level", "warning"], ["odd", "a worker died"]),
        (["--level", "error"], ["a worker died"]),
        (["--event", "DIED"], ["a worker died"]),
        (["--grep", "llm"], ["begun"]),
        (["--since", "2026-11-22T12:50:00Z"], ["odd"]),
        (["--since", "2026-11-22T12:50:00+00:00", "--level", "error"], []),
        ([], ["begun", "odd", "a worker died"]),
    ],
)
def test_lines_are_chosen(
    file: Path, options: list[str], events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [json.loads(line)["event"] for line in shown(file, capsys, "--json", *options)] == events


def test_a_span_is_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 100000.0)
    assert [since(text) for text in ("10s", "10m", "2h", "1d")] == [99990.0, 99400.0, 92800.0, 13600.0]
    with pytest.raises(SystemExit):
        main(["logs", "--since", "yesterday"])


def test_standard_input(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    assert main(["logs", "-", "--level", "error", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "a worker died"


def test_what_cannot_be_read_is_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", str(tmp_path / "none")]) == 1
    assert "none: No such file or directory" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["logs"]) == 1
    assert "fastgw logs: journalctl: No such file or directory" in capsys.readouterr().err


def test_the_journal_is_asked_for_the_unit(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "journalctl"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n/bin/cat {file}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["logs", "--unit", "edge", "--since", "1970-01-02T00:00:00Z", "--level", "error", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["event"] == "a worker died"
    assert (tmp_path / "asked").read_text() == "-q -u edge -o cat --no-pager --since=@86400\n"


@pytest.fixture
def terminal(file: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "fastgw", "logs", "-f", str(file)]
    made = Terminal(command, folder=file.parent, environment={"PYTHONPATH": str(ROOT)})
    yield made
    made.close()


def test_a_file_is_followed_through_a_rotation_in_colours(file: Path, terminal: Terminal) -> None:
    terminal.wait_for("\x1b[31ma worker died")
    with file.open("a") as more:
        more.write("\n" + record("more") + "\n")
    terminal.wait_for("more")
    file.rename(file.with_suffix(".1"))
    file.write_text(record("after the rotation") + "\n")
    terminal.wait_for("after the rotation")
    terminal.press("\x03")
    assert terminal.wait_end() == 0
