"""One list of methods, and one rule for what a route may name."""

from __future__ import annotations

import re
from pathlib import Path

import httptools
import pytest

from fastgw.wire.methods import LONGEST, METHODS, method_problem, served


def test_never_served_whoever_names_it() -> None:
    assert served(["BREW"]) == {one.encode() for one in (*METHODS, "BREW")}
    assert not {b"CONNECT", b"TRACE"} & served(["CONNECT", "TRACE"])


def test_the_parser_knows_every_method_but_the_newest() -> None:
    """Others go the longer way over a stand-in, which the usual ones should not."""
    unknown = []
    for method in METHODS:
        try:
            httptools.HttpRequestParser(None).feed_data(b"%b / HTTP/1.1\r\n\r\n" % method.encode())
        except httptools.HttpParserInvalidMethodError:
            unknown.append(method)
    assert set(unknown) <= {"QUERY"}


def test_the_documented_list_is_the_list() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "routing.md").read_text()
    lines = [line for line in page.partition("\n## Methods\n")[2].splitlines() if line.startswith("> ")]
    assert tuple(re.findall(r"`([^`]+)`", " ".join(lines))) == METHODS


@pytest.mark.parametrize("name", [*METHODS, "BREW", "x", "M-1", "!#$%&'*+-.^_`|~", "A" * LONGEST, "Frob"])
def test_a_route_may_name_any_token(name: str) -> None:
    assert not method_problem(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("CONNECT", "never passes the gateway"),
        ("TRACE", "never passes the gateway"),
        ("get", "is not a method in capitals; did you mean 'GET'?"),
        ("Trace", "is not a method in capitals; did you mean 'TRACE'?"),
        ("", "is not a method: 1 to 64 letters, digits or !#$%&'*+-.^_`|~"),
        ("A B", "is not a method: 1 to 64 letters, digits or !#$%&'*+-.^_`|~"),
        ("G\u00c9T", "is not a method: 1 to 64 letters, digits or !#$%&'*+-.^_`|~"),
        ("A" * (LONGEST + 1), "is not a method: 1 to 64 letters, digits or !#$%&'*+-.^_`|~"),
    ],
)
def test_what_is_no_method_is_told(name: str, problem: str) -> None:
    assert method_problem(name) == problem
