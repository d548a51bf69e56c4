"""``fastgw init``: what it writes, asks and refuses."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.init import Wishes, text
from fastgw.cli.main import main
from tests.support.certificates import Authority
from tests.support.gateway import ROOT
from tests.support.terminal import Terminal

WELL = ["--listen", "127.0.0.1:8080", "--service", "127.0.0.1:9000"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pair(folder: Path) -> list[str]:
    cert, key = Authority(folder / "tls").pair("edge", "edge.test")
    return ["--tls", str(Path(cert).relative_to(folder)), str(Path(key).relative_to(folder))]


@pytest.mark.parametrize("has_keys", [False, True])
@pytest.mark.parametrize("has_tls", [False, True])
def test_what_it_writes_is_right_as_it_is_and_with_every_setting_in_it(
    folder: Path, pair: list[str], has_tls: bool, has_keys: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *WELL, *(pair if has_tls else []), *(["--keys"] if has_keys else [])]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("fgw_") == has_keys
    path = folder / "gateway.yaml"
    assert path.stat().st_mode & 0o777 == 0o644
    assert main(["check", "--strict", "gateway.yaml"]) == 0
    tried = re.sub(r"^( *)#(?=\w)", r"\1", path.read_text(), flags=re.MULTILINE)
    assert "#health" not in tried and "\n    health: " in tried
    path.write_text(tried)
    assert main(["check", "--strict", "gateway.yaml"]) == 0, capsys.readouterr().err


def test_files_are_named_from_the_folder_of_the_configuration(folder: Path, pair: list[str]) -> None:
    (folder / "etc").mkdir()
    assert main(["init", "etc/edge.yaml", *WELL, *pair]) == 0
    assert str(folder / "tls") in (folder / "etc/edge.yaml").read_text()
    assert main(["init", "edge.yaml", *WELL, *pair]) == 0
    assert str(folder) not in (folder / "edge.yaml").read_text()


def test_a_file_that_is_there_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "gateway.yaml"
    path.write_text("mine")
    path.chmod(0o640)
    assert main(["init", *WELL]) == 1
    assert "gateway.yaml is there already; --force writes over it" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["init", *WELL, "--force"]) == 0
    assert "127.0.0.1:9000" in path.read_text() and path.stat().st_mode & 0o777 == 0o640


def test_keys_that_are_there_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "keys.json", "ann"]) == 0
    before = (folder / "keys.json").read_bytes()
    capsys.readouterr()
    assert main(["init", *WELL, "--keys"]) == 0
    assert capsys.readouterr().out == ""
    assert (folder / "keys.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "127.0.0.1", "--service", "127.0.0.1:9000"], "listeners[0].address: expected an address"),
        (["--listen", "127.0.0.1:1", "--service", 'x"\n: {'], "services.main.endpoints[0]: "),
        ([*WELL, "--tls", "none.pem", "none.key"], "listeners[0].tls.cert: "),
    ],
)
def test_what_would_be_wrong_is_not_written(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments, "--keys"]) == 1
    assert said in capsys.readouterr().err
    assert [*folder.iterdir()] == []


def test_a_folder_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "none/gateway.yaml", *WELL]) == 1
    assert "none/gateway.yaml: No such file or directory" in capsys.readouterr().err


def test_nobody_is_asked_without_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["init", "--listen", "127.0.0.1:8080"]) == 2
    assert "stdin is no terminal, so nothing is asked: give --listen and --service" in capsys.readouterr().err


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    made = Terminal([sys.executable, "-m", "fastgw", "init"], folder=folder, environment={"PYTHONPATH": str(ROOT)})
    yield made
    made.close()


def test_three_questions(terminal: Terminal, folder: Path) -> None:
    terminal.wait_for("Where to listen? [127.0.0.1:8080] ")
    terminal.press("127.0.0.1:8090\n")
    terminal.wait_for("Where is the service? [127.0.0.1:9000] ")
    terminal.press("\n")
    terminal.wait_for("Do clients need TLS, keys, or both? [no] ")
    terminal.press("perhaps\n")
    terminal.wait_for("no, tls, keys or both", "[no] ")
    terminal.press("\n")
    assert terminal.wait_end() == 0
    wishes = Wishes("127.0.0.1:8090", "127.0.0.1:9000")
    assert (folder / "gateway.yaml").read_text() == text(wishes, "gateway.yaml")


def test_who_goes_away_has_written_nothing(terminal: Terminal, folder: Path) -> None:
    terminal.wait_for("Where to listen?")
    terminal.press("\x04")
    assert terminal.wait_end() == 1
    assert [*folder.iterdir()] == []
