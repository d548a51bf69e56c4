"""The manual page: what the programs that read such pages think of it, and the reference in the documentation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.cli.described import describe
from fastgw.cli.main import build_parser, main
from fastgw.cli.man import SIGNALS, markdown
from tests.support.gateway import ROOT

LINTERS = (
    ["mandoc", "-T", "lint", "-W", "warning"],
    ["groff", "-ww", "-man", "-Tutf8"],
)


def page(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert main(["man"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("linter", LINTERS, ids=lambda one: one[0])
def test_readers_of_manual_pages_find_no_fault(
    linter: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which(linter[0]) is None:
        pytest.skip(f"{linter[0]} is not installed")
    path = tmp_path / "fastgw.1"
    path.write_text(page(capsys, monkeypatch))
    done = subprocess.run([*linter, str(path)], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0
    assert done.stderr == ""
    assert linter[0] == "groff" or done.stdout == ""


def test_it_has_every_section_command_and_option(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page(capsys, monkeypatch)
    assert text.startswith('.TH FASTGW 1 "2023-11-14" "fastgw ')
    for title in ("NAME", "SYNOPSIS", "COMMANDS", "EXIT STATUS", "SIGNALS", "FILES", "ENVIRONMENT"):
        assert f"\n.SH {title}\n" in text
    for one in describe(build_parser()).walk():
        assert not one.words or f'.SS "fastgw {" ".join(one.words)}"' in text
        for argument in one.options:
            assert all("\\fB" + flag.replace("-", "\\-") + "\\fR" in text for flag in argument.flags)


def test_a_line_that_looks_like_a_request_is_none() -> None:
    from fastgw.cli.man import _plain

    assert _plain(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert _plain("'x \\ -y") == "\\&\\(aqx \\e \\-y"


def test_its_signals_are_those_that_operations_explains() -> None:
    told = (ROOT / "docs/operations.md").read_text().partition("## Signals")[2].partition("\n## ")[0]
    for names, _ in SIGNALS:
        assert all(f"`{name}`" in told for name in names.split(", "))


def test_the_reference_in_the_documentation_is_that_of_this_parser() -> None:
    renew = f"{sys.executable} -m fastgw man --format markdown > docs/commands.md"
    assert (ROOT / "docs/commands.md").read_text() == "\n".join(markdown(describe(build_parser()))) + "\n", renew
