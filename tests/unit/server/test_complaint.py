from __future__ import annotations

import contextlib
import os
import sys

import pytest

from fastgw.server.complaint import complain


def test_one_problem_is_a_sentence_and_several_are_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a.yaml", ["one"])
    complain("a.yaml", ["one", "two"])
    complain("a.yaml", [])
    assert capsys.readouterr().err == (
        "fastgw: cannot start: one\n"
        "fastgw: cannot start with a.yaml:\n  one\n  two\n"
        "fastgw: cannot start: no reason given\n"
    )


def test_the_journal_has_it_as_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    state = os.fstat(2)
    complain("a.yaml", ["one", "two"], {"JOURNAL_STREAM": f"{state.st_dev}:{state.st_ino}"})
    assert capfd.readouterr().err == "<3>fastgw: cannot start with a.yaml:\n<3>  one\n<3>  two\n"


def test_a_complaint_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.suppress(OSError), open("/dev/full", "w", encoding="utf-8") as full:  # closing tries again
        monkeypatch.setattr(sys, "stderr", full)
        complain("a.yaml", ["one"])
        monkeypatch.undo()
        told = True
    assert told
