"""What becomes of a rehearsal: what is refused, what is told, and that nothing of it is in the way."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fastgw.server import rehearsing as module
from fastgw.server.rehearsing import (
    ANSWER_MOST,
    FORCED,
    NOT_DONE,
    PASSED,
    REFUSED,
    RehearsalRefused,
    Rehearsed,
    Rehearsing,
    answered,
    captures_of,
    judged,
)
from tests.unit.config.files import MINIMAL, read

NOW = 1_800_000_000.0
WITH = MINIMAL + "filters: {capture: {type: record, path: PATH}}\nchain: [capture]\nreload: {rehearse: 5m}\n"


def report(**changed: Any) -> dict[str, Any]:
    loss = {"count": 3, "reason": "no route", "examples": [{"request": "GET a.test/x", "count": 3}]}
    change = {"count": 3, "lines": ["route: a -> none"], "examples": []}
    return {
        "requests": 10, "changed": 3, "served": 9, "lost": 3, "cut": False, "left_out": [], "changes": [change], "losses": [loss],
    } | changed  # fmt: skip


def test_who_would_be_lost_decides() -> None:
    found = judged(report(), 300, 0.0, is_forced=False)
    assert found.state == REFUSED
    assert found.problems == [
        "rehearsal: 3 of 9 requests of the last 300 s that were answered would not be any more",
        "rehearsal: 3 no route: 3 of GET a.test/x",
        "if that is meant: fastgw reload --force, or reload.max_lost in the new configuration",
    ]
    assert RehearsalRefused(found).problems == found.problems
    assert found.told() == {"requests": 10, "changes": ["3: route: a -> none"], "losses": ["3: no route"]}
    assert found.document()["lost"] == 3


def test_a_way_round() -> None:
    assert judged(report(), 300, 0.0, is_forced=True).state == FORCED
    found = judged(report(), 300, 0.34, is_forced=False)
    assert found.state == PASSED and found.problems == [] and "3 of 9" in found.reason
    assert judged(report(lost=0, losses=[]), 300, 0.0, is_forced=False).reason == (
        "10 recorded requests: 3 would be treated in another way"
    )
    assert "no time" in judged(report(lost=0, losses=[], cut=True), 300, 0.0, is_forced=False).reason


def test_nothing_to_rehearse_with_is_said_and_refuses_nothing() -> None:
    left = [{"reason": "is no JSON", "count": 7, "first": "c.log"}]
    found = judged(report(requests=0, lost=0, left_out=left), 300, 0.0, is_forced=False)
    assert (found.state, found.problems) == (NOT_DONE, [])
    assert found.reason == "no request was recorded in the last 300 s, and 7 lines or files cannot be used: is no JSON"
    assert Rehearsed(NOT_DONE, "why").told() == {}


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", -9, "too much processor or memory"),
        (b"", 1, "its process ended with 1"),
        (b" " * (ANSWER_MOST + 1), 0, "too large"),
        (b'{"failed": "MemoryError"}', 0, "it failed by a MemoryError"),
        (b"{", 0, "Expecting"),
    ],
)
def test_a_child_that_breaks_is_said(data: bytes, code: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answered(data, code)


def test_where_nobody_asks_nothing_runs(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL)
    assert asyncio.run(Rehearsing().rehearse(spec, spec, is_forced=False)) is None
    new = read(tmp_path, WITH.replace("PATH", str(tmp_path / "c.log")))
    assert captures_of(new) == (str(tmp_path / "c.log"),) and captures_of(spec) == ()
    found = asyncio.run(Rehearsing().rehearse(spec, new, is_forced=False))
    assert found is not None and found.state == NOT_DONE and "records no requests" in found.reason


def test_a_process_does_it(tmp_path: Path) -> None:
    path = tmp_path / "c.log"
    at = datetime.fromtimestamp(NOW, UTC).isoformat()
    path.write_text(json.dumps({"v": 1, "at": at, "target": "/gone", "host": "a", "status": 200}) + "\nno\n")
    old = read(tmp_path, WITH.replace("PATH", str(path)))
    new = read(tmp_path, WITH.replace("PATH", str(path)).replace('"/*"', "/kept/*").replace("/*,", "/kept/*,"))
    found = asyncio.run(Rehearsing(lambda: NOW).rehearse(old, new, is_forced=False))
    assert found is not None and found.state == REFUSED, found
    assert "1 of 1 requests" in found.problems[0] and "1 of GET a/gone" in found.problems[1]


def test_one_that_takes_too_long_or_cannot_be_run_is_ended_and_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read(tmp_path, WITH.replace("PATH", str(tmp_path / "c.log")))
    monkeypatch.setattr(module, "KILLED_AFTER", 0.0)
    rehearsing = Rehearsing()
    found = asyncio.run(rehearsing.rehearse(spec, spec, is_forced=False))
    assert found is not None and (found.state, found.reason) == (NOT_DONE, "it took longer than 0 s")
    assert rehearsing._process is None

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(11, "no room")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    found = asyncio.run(rehearsing.rehearse(spec, spec, is_forced=False))
    assert found is not None and found.reason == "it cannot be run: no room"
