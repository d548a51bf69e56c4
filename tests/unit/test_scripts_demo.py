"""scripts/demo and examples/demo: what they decide, without a gateway."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.demo import ROOT, free_shift, load
from tests.support.gateway import wait_until

_installing = load("examples/demo/installing.py")
_processes = load("examples/demo/processes.py")
_stack = load("examples/demo/stack.py")
_tries = load("examples/demo/tries.py")
_llm = load("examples/demo/llm.py")
files = load("examples/services/files.py")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has no more than scripts/demo."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "demo", tmp_path / "scripts")
    return tmp_path


def run_script(checkout: Path, pythons: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run its scripts/demo where the only interpreters are these shell scripts."""
    bin_folder = checkout / "bin"
    bin_folder.mkdir()
    for name in ("bash", "dirname", "env", "mkdir"):
        (bin_folder / name).symlink_to(shutil.which(name) or f"/bin/{name}")
    for name, text in pythons.items():
        (bin_folder / name).write_text(f"#!/bin/bash\n{textwrap.dedent(text)}")
        (bin_folder / name).chmod(0o755)
    return subprocess.run(
        ["bash", str(checkout / "scripts" / "demo")],
        env={"PATH": str(bin_folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


OLD = f'[[ "$*" == *version_info* ]] && exit 1\nexec {sys.executable} "$@"'
NO_VENV = f'[[ "$*" == *ensurepip* ]] && exit 1\nexec {sys.executable} "$@"'


def test_no_python_at_all(checkout: Path) -> None:
    result = run_script(checkout, {"python3": OLD, "python3.12": "exit 127"})
    assert result.returncode == 1
    assert result.stderr.startswith("demo: Python 3.11 or newer is missing: install it")
    assert result.stderr.count("\n") == 1


def test_no_venv_module_names_the_package_of_that_python(checkout: Path) -> None:
    result = run_script(checkout, {"python3": OLD, "python3.12": NO_VENV})
    assert result.returncode == 1
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"sudo apt-get install {version}-venv" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_the_first_python_that_can_make_an_environment_is_taken(checkout: Path) -> None:
    makes = f'[[ "$*" == *"-m venv"* ]] && {{ echo "made by $0"; exit 3; }}\nexec {sys.executable} "$@"'
    result = run_script(checkout, {"python3": NO_VENV, "python3.12": OLD, "python3.11": makes})
    assert "made by" in result.stdout and "python3.11" in result.stdout
    assert result.returncode == 1
    assert "python3.11 -m venv .venv" in result.stderr


def test_an_environment_of_an_older_python_is_left_alone(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/bash\n{OLD}")
    python.chmod(0o755)
    result = run_script(checkout, {"python3": f'exec {sys.executable} "$@"'})
    assert result.returncode == 1
    assert "older than 3.11" in result.stderr
    assert python.exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").write_text("data")
    result = run_script(checkout, {"python3": f'exec {sys.executable} "$@"'})
    assert result.returncode == 1
    assert "not a virtual environment" in result.stderr
    assert (checkout / ".venv" / "precious").exists()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("WARNING: Retrying ... [Errno -3] Temporary failure in name resolution", "check the network"),
        ("ERROR: Could not find a version that satisfies the requirement x (from versions: none)", "check the network"),
        ("error: command '/usr/bin/x86_64-linux-gnu-gcc' failed: No such file or directory", "apt-get install gcc"),
        ("fatal error: Python.h: No such file or directory", "python3-dev"),
        ("something else", "could not install"),
    ],
)
def test_one_sentence_for_each_failure_of_pip(said: str, advice: str, tmp_path: Path) -> None:
    sentence = _installing.why_not_installed(said, tmp_path / "log")
    assert advice in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("scene", [_stack.EDGE, _llm.LLM], ids=["edge", "llm"])
def test_the_ports_of_the_configuration_are_those_that_are_started(scene: Any) -> None:
    config = yaml.safe_load(scene.config.read_text())
    assert config["listeners"][0]["address"] == f"127.0.0.1:{_stack.LISTENER}"
    assert config["admin"]["address"] == f"127.0.0.1:{_stack.ADMIN}"
    named = [endpoint for service in config["services"].values() for endpoint in service["endpoints"]]
    assert named == [f"127.0.0.1:{service.port}" for service in scene.services]


SHOWN = [(_stack.EDGE, _tries.TRIES), (_llm.LLM, _llm.LLM_TRIES)]


@pytest.mark.parametrize(("scene", "tries"), SHOWN, ids=["edge", "llm"])
def test_there_is_a_line_for_each_route(scene: Any, tries: Any) -> None:
    lines = [attempt.line for attempt in tries]
    for route in yaml.safe_load(scene.config.read_text())["routes"]:
        path = re.sub(r"\*|\{.*", "", route["path"]) if "path" in route else f"/{route['grpc']['service']}/"
        fields = [f"'{name}: {value}'" for name, value in route.get("headers", {}).items()]
        assert any(path in line and all(field in line for field in fields) for line in lines), route


def test_the_lines_name_files_that_exist() -> None:
    for attempt in (*_tries.TRIES, *_llm.LLM_TRIES):
        for path in re.findall(r"examples/(?:samples|services)/[\w.]+", attempt.line):
            assert (ROOT / path).is_file()


@pytest.mark.parametrize("said", ["the weights are put together", ""])
def test_a_model_that_is_installed_is_not_installed_again(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that pip could not bring taken for one that is."""
    installed: list[Path] = []

    def install(python: Path, *targets: list[str]) -> None:
        installed.append(python)
        assert targets == (["--require-hashes", "-r", "constraints/llm.txt"],)
        if not said:
            raise _processes.Failure("pip cannot reach the package index")

    for name, value in {"VENV": tmp_path, "PYTHON": tmp_path / "bin/python", "pip_install": install}.items():
        monkeypatch.setattr(_llm, name, value)
    monkeypatch.setattr(_llm, "running", lambda *_: contextlib.nullcontext(("", "", 0)))
    for _ in range(2):
        with contextlib.nullcontext() if said else pytest.raises(_processes.Failure, match="index"):
            _llm.install_model()
    assert installed == [tmp_path / "bin/python"] * (1 if said else 2)


def test_moving_the_ports_moves_all_of_them_and_nothing_else() -> None:
    text = "http://127.0.0.1:8080/download/8080 127.0.0.1:9901 10.0.0.1:80"
    assert _stack.moved(text, 1000) == "http://127.0.0.1:9080/download/8080 127.0.0.1:10901 10.0.0.1:80"
    assert "127.0.0.1:8080" not in _stack.moved(_stack.CONFIG.read_text(), 1000)


def test_the_digest_that_is_printed_is_that_of_the_download() -> None:
    assert files.digest(_tries.TRANSFER) == _tries.TRANSFER_SHA256


def test_the_installation_is_done_again_when_a_source_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_installing, "ROOT", tmp_path)
    package = tmp_path / "fastgw" / "core"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[project]")
    seen = {_installing.fingerprint()}
    (package / "pool.py").write_text("a = 1")
    seen.add(_installing.fingerprint())
    (package / "pool.py").write_text("a = 2")
    seen.add(_installing.fingerprint())
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    seen.add(_installing.fingerprint())
    assert len(seen) == 4
    assert _installing.fingerprint() in seen


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not _stack.is_free(port)
        stack = _stack.Stack(Path(), shift=port - _stack.ADMIN)
        with pytest.raises(_processes.Failure, match=r"port \d+ is taken: end what listens there"):
            stack.start()
    assert not stack.processes


def test_the_end_of_a_process_is_the_end_of_its_children(tmp_path: Path) -> None:
    """Even of one that does not listen to SIGTERM."""
    script = "trap '' TERM; sleep 60 & echo $! > child; wait"
    process = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, start_new_session=True)
    wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = int((tmp_path / "child").read_text())
    _processes.end(process, 0.1)
    assert process.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(child))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_failure_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    """The services are up, the gateway ends at once: the sentence says so, and the services go too."""
    stack = _stack.Stack(tmp_path, free_shift(), ("bash", "-c", "echo the reason; exit 7"))
    with pytest.raises(_processes.Failure, match=r"(?s)gateway has ended by itself \(status 7\).*the reason"):
        stack.start()
    pids = [process.pid for process in stack.processes.values()]
    stack.stop()
    assert len(pids) == len(_stack.SERVICES) + 1
    assert not any(map(is_running, pids))
