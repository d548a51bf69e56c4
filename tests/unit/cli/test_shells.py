"""The scripts of completion, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.described import describe
from fastgw.cli.main import build_parser
from fastgw.cli.shells import SHELLS
from tests.support.gateway import ROOT
from tests.support.terminal import Terminal

CONFIG = """
services:
  llm: {versions: {v1: {}, v2: {}}}
  app: {endpoints: []}
"""
needs = {
    shell: pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")
    for shell in ("bash", "zsh", "fish")
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the shells are started: with the scripts, a configuration, and the program on PATH (as ``bin/fastgw``)."""
    program = describe(build_parser())
    for shell, write in SHELLS.items():
        (tmp_path / f"script.{shell}").write_text(write(program))
    (tmp_path / "gw.yaml").write_text(CONFIG)
    (tmp_path / "gw of us.yaml").write_text(CONFIG)
    (tmp_path / "bin").mkdir()
    made = tmp_path / "bin" / "fastgw"
    made.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m fastgw "$@"\n')
    made.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "ZDOTDIR": str(folder)}


#: The words of a line, divided as bash does it, and what is offered for the last.
LINES = [
    (["fastgw", "pro"], ["promote"]),
    (["fastgw", "keys", ""], ["disable", "enable", "list", "new", "revoke", "rotate", "show"]),
    (["fastgw", "run", "--w"], ["--watch", "--workers"]),
    (["fastgw", "keys", "new", "k.json", "ann", "--li"], ["--limit"]),
    (["fastgw", "check", "--format", ""], ["json", "text"]),
    (["fastgw", "check", "--format", "=", "j"], ["json"]),
    (["fastgw", "promote", "-c", "gw.yaml", ""], ["app", "llm"]),
    (["fastgw", "promote", "--config", "=", "gw.yaml", "l"], ["llm"]),
    (["fastgw", "promote", "-c", "gw of us.yaml", "llm", ""], ["v1", "v2"]),
    (["fastgw", "promote", "llm", "--weight", "10", "-c", "gw.yaml", ""], ["v1", "v2"]),
    (["fastgw", "promote", "-c", "gw.yaml", "llm", "v1", ""], []),
    (["fastgw", "promote", "-c", "gw.yaml", "llm", "v1", "--weight", ""], []),
    (["fastgw", "completion", ""], ["bash", "fish", "zsh"]),
]


@needs["bash"]
@pytest.mark.parametrize(("words", "offered"), LINES)
def test_bash_offers(words: list[str], offered: list[str], folder: Path) -> None:
    code = 'source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fastgw; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "-uc", code, "bash", *words],
        cwd=folder,
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == offered


@needs["fish"]
@pytest.mark.parametrize(("words", "offered"), LINES)
def test_fish_offers(words: list[str], offered: list[str], folder: Path) -> None:
    text = " ".join(word.replace(" ", "\\ ") for word in words).replace(" = ", "=")
    done = subprocess.run(
        ["fish", "--no-config", "-c", "source script.fish; complete -C $argv[1]", text],
        cwd=folder,
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    found = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert sorted(one.rpartition("=")[2] if "=" in words else one for one in found) == offered


@pytest.fixture
def shell(request: pytest.FixtureRequest, folder: Path) -> Iterator[Terminal]:
    """An interactive shell that has read its script."""
    (folder / ".zshrc").write_text("autoload -Uz compinit; compinit -u -D; source script.zsh; PS1='ready> '\n")
    (folder / "rc").write_text("source script.bash; PS1='ready> '\nbind 'set enable-bracketed-paste off'\n")
    command = ["bash", "--rcfile", "rc", "-i"] if request.param == "bash" else ["zsh", "-i"]
    made = Terminal(command, folder=folder, environment=environment(folder))
    made.wait_for("ready> ")
    yield made
    made.close()


@pytest.mark.parametrize(
    "shell", [pytest.param("bash", marks=needs["bash"]), pytest.param("zsh", marks=needs["zsh"])], indirect=True
)
def test_keys_are_pressed_at_a_terminal(shell: Terminal) -> None:
    shell.press("fastgw compl\t")
    shell.wait_for("completion")
    shell.press("\x15fastgw check --str\t")
    shell.wait_for("--strict")
    shell.press("\x15fastgw check gw\\ \t")
    shell.wait_for("of\\ us.yaml")
    shell.press("\x15fastgw promote -c gw.yaml ll\t")
    shell.wait_for("llm")
    shell.press("v\t\t")
    shell.wait_for("v1", "v2")
    shell.press("\x15fastgw check --format js\t")
    shell.wait_for("json")
