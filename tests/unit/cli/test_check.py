"""``fastgw check``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.cli.check import check
from fastgw.config.spec import UserSpec
from fastgw.errors import ConfigError
from fastgw.server import machine, privileges
from fastgw.server.machine import OpenFiles
from tests.unit.config.files import MINIMAL

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gw.yaml"


@pytest.fixture(autouse=True)
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has enough of everything."""
    monkeypatch.setattr(machine, "open_files", lambda spec: OpenFiles(1, 1, 0))


def test_a_good_file_is_0(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL.replace("routes:", "  - address: 127.0.0.1:18081\nroutes:"))
    assert check(str(path), as_json=False) == 0
    assert capsys.readouterr().out == f"{path}: fine (2 listeners, 1 route, 1 service)\n"


def test_a_bad_file_is_1_and_its_mistakes_go_to_stderr(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL + "worker: 1\n")
    assert check(str(path), as_json=False) == 1
    assert capsys.readouterr() == ("", f"{path}:7:1: worker: unknown key; did you mean 'workers'?\n{path}: 1 mistake\n")


def test_tools_get_json(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL + "worker: 1\n")
    assert check(str(path), as_json=True) == 1
    problem = {
        "severity": "error",
        "line": 7,
        "column": 1,
        "path": "worker",
        "message": "unknown key; did you mean 'workers'?",
    }
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "ok": False, "problems": [problem]}
    path.write_text(MINIMAL)
    assert check(str(path), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "ok": True, "problems": []}


def test_the_environment_is_the_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(MINIMAL + "workers: '${FASTGW_TEST_WORKERS}'\n")
    assert check(str(path), as_json=False) == 1
    monkeypatch.setenv("FASTGW_TEST_WORKERS", "2")
    assert check(str(path), as_json=False) == 0


SPARE = MINIMAL + "  spare: {endpoints: ['127.0.0.1:1']}\n"


def test_warnings_are_told_and_count_only_when_strict(path: Path, capsys: Capture) -> None:
    path.write_text(SPARE)
    said = f"{path}:7:3: warning: services.spare: no route leads to this service\n"
    assert check(str(path), as_json=False) == 0
    assert capsys.readouterr() == (f"{path}: fine (1 listener, 1 route, 2 services, 1 warning)\n", said)
    assert check(str(path), as_json=False, is_strict=True) == 1
    assert capsys.readouterr() == ("", f"{said}{path}: 1 warning, which --strict counts as mistakes\n")
    path.write_text(MINIMAL)
    assert check(str(path), as_json=False, is_strict=True) == 0


def test_warnings_stand_beside_mistakes(path: Path, capsys: Capture) -> None:
    path.write_text(SPARE + "worker: 1\n")
    assert check(str(path), as_json=False) == 1
    assert capsys.readouterr().err.endswith(f"no route leads to this service\n{path}: 1 mistake, 1 warning\n")


def test_tools_get_warnings_too(path: Path, capsys: Capture) -> None:
    path.write_text(SPARE)
    for is_strict in (False, True):
        assert check(str(path), as_json=True, is_strict=is_strict) == is_strict
        found = json.loads(capsys.readouterr().out)
        assert found["ok"] is not is_strict
        assert [(one["severity"], one["path"], one["line"]) for one in found["problems"]] == [
            ("warning", "services.spare", 7)
        ]


def test_standard_input_is_a_file(path: Path, capsys: Capture) -> None:
    code = "from fastgw.cli.main import main; raise SystemExit(main(['check', '-']))"
    for text, status in ((MINIMAL, 0), ("worker: 1\n" + MINIMAL, 1)):
        found = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=False)
        assert found.returncode == status
        assert (found.stderr if status else found.stdout).startswith("<stdin>: fine" if not status else "<stdin>:1:1: ")
    assert found.stderr.startswith("<stdin>:1:1: worker: unknown key; ")


def test_text_that_is_not_yaml_is_shown(path: Path, capsys: Capture) -> None:
    path.write_text("listeners:\n  - address: *\n")
    assert check(str(path), as_json=False) == 1
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{path}:2:14: is not valid YAML: ")
    assert rest == ["  1 | listeners:", "  2 |   - address: *", "    |              ^", f"{path}: 1 mistake"]


def test_names_are_resolved_unless_told_otherwise(path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.cli.names.unresolved", lambda names, servers: dict.fromkeys(names, "is nowhere"))
    path.write_text(MINIMAL.replace("127.0.0.1:19000", "no.invalid:1"))
    assert check(str(path), as_json=False) == 0
    assert "warning: services.a.endpoints[0]: the name 'no.invalid' is nowhere" in capsys.readouterr().err
    assert check(str(path), as_json=False, is_strict=True, is_offline=True) == 0


def test_it_looks_as_the_user_that_the_gateway_will_be(
    path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(user: UserSpec) -> None:
        raise ConfigError([f"user: {user.uid} it cannot be"])

    monkeypatch.setattr(privileges, "become", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    path.write_text(f'user: "4711:4712"\n{MINIMAL}')
    assert check(str(path), as_json=False) == 1
    assert capsys.readouterr().err.startswith(f"{path}: user: 4711 it cannot be\n")
    monkeypatch.setattr(os, "geteuid", lambda: 4712)
    assert check(str(path), as_json=False) == 1
    assert "this process runs as user 4712, and only root can become user 4711" in capsys.readouterr().err


def test_what_this_machine_lacks_is_told_unless_another_is_meant(
    path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "open_files", lambda spec: OpenFiles(100, 50, 200))
    path.write_text(MINIMAL)
    assert check(str(path), as_json=False) == 0
    told = capsys.readouterr()
    assert (
        told.err.startswith(f"{path}: warning: listeners: a worker may need 214 open files") and "1 warning" in told.out
    )
    assert check(str(path), as_json=False, is_offline=True) == 0
    assert capsys.readouterr().err == ""
    path.write_text(f"cpu_affinity: [4095]\n{MINIMAL}")
    assert check(str(path), as_json=False) == 1
    assert f"{path}: cpu_affinity: processor 4095 cannot be used by this process" in capsys.readouterr().err
    assert check(str(path), as_json=False, is_offline=True) == 0


LISTED = MINIMAL + "  b: {discovery: {file: {path: MEMBERS}}}\n"


def test_what_it_refers_to_is_tried_online(path: Path, tmp_path: Path, capsys: Capture) -> None:
    members = tmp_path / "members.yaml"
    path.write_text(LISTED.replace("MEMBERS", str(members)))
    assert check(str(path), as_json=False) == 0
    capsys.readouterr()
    assert check(str(path), as_json=False, is_online=True) == 1
    told = capsys.readouterr().err
    assert f"{path}:7:19: services.b.discovery.file: {members} is not there; in {tmp_path} there are gw.yaml" in told
    assert told.endswith(f"{path}: 1 reference cannot be used, 1 warning\n")
    members.write_text("[10.0.0.1:80]")
    assert check(str(path), as_json=False, is_online=True) == 0
    assert f"{path}:7:19: fine: services.b.discovery.file: file {members}: 1 member at " in capsys.readouterr().out
    members.write_text("[]")
    assert check(str(path), as_json=True, is_online=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["kind"], one["state"], one["members"]) for one in found["references"]] == [("file", "warning", 0)]
    assert found["problems"][-1]["message"] == f"file {members}: it lists nobody"
    assert check(str(path), as_json=False, is_online=True, is_strict=True) == 1


def test_nothing_is_tried_of_a_file_with_mistakes(path: Path, capsys: Capture) -> None:
    path.write_text(LISTED.replace("MEMBERS", "/nowhere") + "worker: 1\n")
    assert check(str(path), as_json=True, is_online=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert "references" not in found and [one["path"] for one in found["problems"] if one["severity"] == "error"] == [
        "worker"
    ]
