"""What is kept of versions: whole or as it was, and garbage is no reason not to start."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fastgw.policy.rollout import RolloutTerms
from fastgw.server import state_file
from fastgw.server.state_file import Remembered, Underway, read, write

HALF = {"v1": 500_000, "v2": 500_000}
TERMS = RolloutTerms((50_000, 1_000_000), 60.0, 0.01, 0.8, 100)
KEPT = {"llm": Remembered(HALF, ({"v1": 1_000_000, "v2": 0},), 5.0, Underway("v2", 1, TERMS), "")}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    assert read(path) == ({}, "")
    write(path, KEPT)
    assert read(path) == (KEPT, "")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    write(path, {})
    assert read(path) == ({}, "")
    assert os.listdir(tmp_path) == ["state.json"]


def damaged(**changes: Any) -> bytes:
    one = {"shares": HALF, "before": [], "changed": 1.0, "plan": None, "outcome": ""} | changes
    return json.dumps({"format": 1, "services": {"llm": one}}).encode()


PLAN = {"version": "v2", "step": 0, "terms": TERMS._asdict()}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"format": 2, "services": {}}',
        b'{"format": 1}',
        b'{"format": 1, "services": []' + b"[" * 100_000,
        damaged(shares={"v1": 1}),
        damaged(shares={"v1": -1, "v2": 1_000_001}),
        damaged(shares={"v1": True, "v2": 999_999}),
        damaged(shares={"v1": "1000000"}),
        damaged(shares=None),
        damaged(before=[{}]),
        damaged(before=3),
        damaged(before=[{"v3": 1_000_000}]),
        damaged(changed=10**400),
        damaged(changed="yesterday"),
        damaged(plan=7),
        damaged(plan=PLAN | {"step": 2}),
        damaged(plan=PLAN | {"step": float("inf")}),
        damaged(plan=PLAN | {"version": "v3"}),
        damaged(plan=PLAN | {"step": -1}),
        damaged(plan=PLAN | {"terms": TERMS._replace(steps=(5_000_000,))._asdict()}),
        damaged(plan=PLAN | {"terms": TERMS._replace(every=float("nan"))._asdict()}),
        damaged(plan={"version": "v2"}),
        b" " * (state_file.LARGEST + 1),
    ],
)
def test_garbage_is_told_and_not_used(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(data)
    found, problem = read(str(path))
    assert found == {}
    assert problem.startswith("is no state of version 1: ")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert read(str(tmp_path)) == ({}, "cannot be read: Is a directory")
