"""``fastgw completion``: what it prints, and the names that the scripts ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.unit.cli.test_rollout import Played, played

__all__ = ["played"]

CONFIG = """
services:
  llm: {versions: {v1: {endpoints: ["127.0.0.1:1"]}, v2: {}}}
  app: {endpoints: ["127.0.0.1:2"]}
nonsense: true
"""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_names_its_shell_and_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert shell in text.splitlines()[0] + text.splitlines()[1]
    assert all(word in text for word in ("promote", "no-import", "revoke", "completion"))


@pytest.mark.parametrize("arguments", [[], ["tcsh"]])
def test_another_shell_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["completion", *arguments])
    assert caught.value.code == 2


def test_names_come_from_a_file_even_a_wrong_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(CONFIG)
    assert main(["completion", "bash", "--names", "services", "-c", str(path)]) == 0
    assert capsys.readouterr().out.split() == ["llm", "app"]
    assert main(["completion", "bash", "--names", "versions", "-c", str(path), "--of", "llm"]) == 0
    assert capsys.readouterr().out.split() == ["v1", "v2"]
    assert main(["completion", "bash", "--names", "versions", "-c", str(path), "--of", "app"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("text", ["", "[", "- 1", "services: 3", "services: [a]", "services: {a: 1}"])
def test_a_file_without_versions_has_none(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(text)
    assert main(["completion", "bash", "--names", "versions", "-c", str(path), "--of", "a"]) == 0
    assert main(["completion", "bash", "--names", "services", "-c", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == ""


def test_names_come_from_a_running_gateway(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = {
        "services": {"llm@v1": {}, "llm@v2": {}, "app": {}},
        "versions": {"llm": {"versions": {"v1": {"service": "llm@v1"}, "v2": {"service": "llm@v2"}}}},
    }
    played.answer = {"ok": True, "status": status}
    gateway = ["--socket", str(tmp_path / "admin.sock")]
    assert main(["completion", "zsh", "--names", "services", *gateway]) == 0
    assert capsys.readouterr().out.split() == ["llm", "app"]
    assert main(["completion", "zsh", "--names", "versions", "--of", "llm", *gateway]) == 0
    assert capsys.readouterr().out.split() == ["v1", "v2"]
