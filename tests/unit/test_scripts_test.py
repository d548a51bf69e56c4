"""What ``scripts/test`` says when it cannot begin, in one sentence that tells what to do; and that no failing stage hides a later one."""

from __future__ import annotations

import re
import shutil
import string
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.gateway import ROOT

MARK = "pytest.mark.inte" + "gration"
TOOLS = ("bash", "cat", "dirname", "rm", "sha256sum", "id", "true", "env", "mktemp", "date", "mkdir", "sleep")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder for PATH with the plainest tools, no programs that tests need, and a copy of the script beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool) or tool)
    (tmp_path / "scripts").mkdir()
    for script in ("test", "_venv"):
        shutil.copy(ROOT / "scripts" / script, tmp_path / "scripts" / script)
    return folder


def put(machine: Path, name: str, text: str) -> None:
    (machine / name).unlink(missing_ok=True)
    (machine / name).write_text(f"#!/bin/bash\n{text}\n")
    (machine / name).chmod(0o755)


def run(machine: Path, *arguments: str, python: str = sys.executable) -> tuple[int, str, str]:
    done = subprocess.run(
        [machine.parent / "scripts" / "test", *arguments],
        env={"PATH": str(machine), "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_no_python(machine: Path) -> None:
    assert run(machine, python="/nonexistent/python") == (
        1,
        "",
        "scripts/test: needs Python 3.11 or newer: install it, or name it in PYTHON\n",
    )


def test_no_apt_get(machine: Path) -> None:
    status, _, said = run(machine)
    assert status == 1 and said.count("\n") == 1 and "packages curl wrk" in said and "--no-apt" in said


def test_not_root_and_no_sudo(machine: Path) -> None:
    put(machine, "apt-get", "exit 9")
    put(machine, "id", "echo 1000")
    put(machine, "sudo", "exit 1")
    status, _, said = run(machine)
    assert (
        status == 1
        and said.count("\n") == 1
        and "needs root to 'apt-get install curl wrk valgrind logrotate redis-server systemd " in said
    )


def test_no_venv_module(machine: Path) -> None:
    put(machine, "python", f'[[ "$*" != *ensurepip* ]] && exec {sys.executable} "$@"')
    status, told, said = run(machine, "--no-apt", python="python")
    assert (
        status == 1 and "skipped: curl wrk valgrind logrotate redis-server systemd " in told and " python3-venv" in told
    )
    assert said == "scripts/test: python has no venv module: apt-get install python3-venv\n"


@pytest.fixture
def installed(machine: Path) -> Path:
    """A machine on which everything is installed: tools that note that they ran, and fail if ``FAIL`` names them."""
    venv = machine.parent / ".venv-test" / "bin"
    venv.mkdir(parents=True)
    put(machine, "sha256sum", "cat >/dev/null; echo same")
    (machine.parent / ".venv-installer").mkdir()
    for made in (venv.parent, machine.parent / ".venv-installer"):
        (made / "stamp").write_text("same\n")
    (machine.parent / "constraints").mkdir()
    for name in (
        "pyproject.toml",
        "setup.py",
        "constraints/test.txt",
        "constraints/fuzz.txt",
        "constraints/installer.txt",
    ):
        (machine.parent / name).touch()
    note = 'echo "${0##*/} $*" >>"${0%/*}/../ran"; [[ "$FAIL" != *"${0##*/}"* ]]'
    for name in ("ruff", "mypy", "lint-imports"):
        put(venv, name, note)
    put(venv, "python", 'echo "python $*" >>"${0%/*}/../ran"; [[ "$*" != *pytest* || "$FAIL" != *pytest* ]]')
    for name in ("audit", "build", "manifests", "docs"):
        put(machine.parent / "scripts", name, '[[ "$FAIL" != *"${0##*/}"* ]]')
    for name in ("curl", "wrk"):
        put(machine, name, "true")
    return venv.parent


def stages(
    machine: Path, failing: str, options: Sequence[str] = ("--no-apt",)
) -> tuple[int, dict[str, str], list[str]]:
    """Run all stages: the exit code, what became of each, and which programs were called."""
    done = subprocess.run(
        [machine.parent / "scripts" / "test", *options],
        env={"PATH": str(machine), "PYTHON": sys.executable, "FAIL": failing},
        capture_output=True,
        text=True,
        check=False,
    )
    summary, _, goal = done.stdout.rpartition("== summary\n")[2].partition("\n\n")
    assert re.fullmatch(r"== \d+ s; on two processors .*, it may take \d+ s\n", goal)
    lines = (line.rsplit("  ", 1) for line in summary.splitlines())
    ran = machine.parent / ".venv-test" / "ran"
    calls = sorted(ran.read_text().splitlines())
    ran.unlink()
    return done.returncode, {name[:32].strip(): result for name, result in lines}, calls


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("compiler", ["cc", ""])
def test_a_failing_stage_hides_no_later_one(machine: Path, compiler: str) -> None:
    if compiler:
        put(machine, compiler, "true")
    status, found, all_of_it = stages(machine, "")
    assert status == 0 and set(found.values()) == {"passed"}
    assert ("tests, compiled" in found) == bool(compiler) and list(found)[-1] == "all of it"
    status, failed, ran = stages(machine, "ruff mypy lint-imports audit manifests docs pytest")
    assert status == 1 and failed.keys() == found.keys() and ran == all_of_it
    passed = {name for name, result in failed.items() if result == "passed"}
    assert passed == {"installer", "environment", "coverage"} | ({"build"} if compiler else set())


@pytest.mark.usefixtures("installed")
def test_what_does_not_compile_is_tested_as_python(machine: Path) -> None:
    put(machine, "cc", "true")
    status, found, _ = stages(machine, "build")
    assert status == 1 and "tests, compiled" not in found
    assert [name for name, result in found.items() if result != "passed"] == ["build", "all of it"]
    assert "tests, pure, the rest" in found


@pytest.mark.usefixtures("installed")
def test_packages_that_cannot_be_installed_fail_the_run_and_hide_nothing(machine: Path) -> None:
    put(machine, "id", "echo 0")
    put(machine, "apt-get", "exit 9")
    status, found, _ = stages(machine, "", ())
    assert status == 1 and "tests, pure, the rest" in found
    assert {name for name, result in found.items() if result != "passed"} == {"Debian packages", "all of it"}


@pytest.mark.usefixtures("installed")
def test_a_lane_that_breaks_off_fails_the_run(machine: Path) -> None:
    put(machine, "cc", "true")
    put(machine.parent / "scripts", "audit", "kill -9 $PPID")
    done = subprocess.run(
        [machine.parent / "scripts" / "test", "--no-apt"],
        env={"PATH": str(machine), "PYTHON": sys.executable, "FAIL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "scripts/test: timed_lane broke off\n" in done.stderr


def test_every_test_of_real_processes_is_in_one_run() -> None:
    """Those that look at a clock, those of packages, and the parts that lanes take by letters."""
    folders = {path.parent.name for path in ROOT.glob("tests/**/test_*.py") if MARK in path.read_text()}
    assert folders == {"integration", "chaos"}
    letters = {path.name[5] for path in ROOT.glob("tests/integration/test_*.py")}
    [parts] = re.findall(r"^parts=\((.*)\)$", (ROOT / "scripts" / "test").read_text(), re.MULTILINE)
    named = [chr(code) for part in parts.split() for code in range(ord(part[0]), ord(part[2]) + 1)]
    assert sorted(named) == list(string.ascii_lowercase) and letters <= set(named)
