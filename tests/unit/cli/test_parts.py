"""What parsers have in common."""

from __future__ import annotations

import argparse

import pytest

from fastgw.cli.parts import add_file, add_gateway, columns


def test_a_gateway_is_named_in_one_way() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_gateway(parser)
    assert parser.parse_args(["--socket", "x"]).socket == "x"
    for wrong in ([], ["-c", "x", "--socket", "y"]):
        with pytest.raises((SystemExit, argparse.ArgumentError)):
            parser.parse_args(wrong)


def test_a_file_is_named_with_and_without_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = argparse.ArgumentParser()
    add_file(parser, "it")
    assert parser.parse_args(["x"]).config == parser.parse_args(["-c", "x"]).config == "x"
    monkeypatch.setenv("COLUMNS", "44")
    assert columns() == 44
