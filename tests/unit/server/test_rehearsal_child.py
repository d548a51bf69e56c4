"""What the process of a rehearsal answers: in this process, without its limits."""

from __future__ import annotations

import io
import json
import pickle
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.config.spec import GatewaySpec
from fastgw.server import rehearsal_child as module
from fastgw.server.messages import Slots
from fastgw.server.pieces import bare, cut
from fastgw.server.rehearsal_child import RehearsalOrder, rehearsed
from tests.unit.config.files import MINIMAL, read

NOW = 1_800_000_000.0


def pieces(spec: GatewaySpec) -> tuple[GatewaySpec, tuple[bytes, ...]]:
    return bare(spec), cut(spec, Slots({}, {}, {}, {}))


def order(folder: Path, *targets: str) -> RehearsalOrder:
    at = datetime.fromtimestamp(NOW, UTC).isoformat()
    lines = [json.dumps({"v": 1, "at": at, "target": one, "host": "a", "status": 200}) + "\n" for one in targets]
    (folder / "c.log").write_text("".join(lines))
    old, new = read(folder, MINIMAL), read(folder, MINIMAL.replace("/*", "/kept/*"))
    return RehearsalOrder(*pieces(old), *pieces(new), (str(folder / "c.log"),), NOW - 9, NOW, 100, 9.0)


def test_the_two_configurations_are_compared(tmp_path: Path) -> None:
    found = rehearsed(order(tmp_path, "/kept/a", "/gone"), 1e12)
    assert (found["requests"], found["served"], found["lost"], found["cut"]) == (2, 2, 1, False)
    assert rehearsed(order(tmp_path, "/a"), -1e12)["cut"]


def test_it_answers_by_json_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small: list[Any] = []
    monkeypatch.setattr(module.os, "nice", small.append)
    monkeypatch.setattr(module, "OOM_SCORE", str(tmp_path / "oom"))
    monkeypatch.setattr(module.resource, "setrlimit", lambda *limit: small.append(limit))

    def ask(data: bytes) -> Any:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        module.main()
        return json.loads(capsys.readouterr().out)

    assert ask(pickle.dumps(tuple(order(tmp_path, "/gone"))))["lost"] == 1
    assert len(small) == 4 and (tmp_path / "oom").read_text() == "1000"
    assert ask(b"nonsense") == {"failed": "UnpicklingError"}

    def refuse(_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(module.os, "nice", refuse)
    assert ask(pickle.dumps(tuple(order(tmp_path, "/gone"))))["lost"] == 1  # as under the unit of systemd
