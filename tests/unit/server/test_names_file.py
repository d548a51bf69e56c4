"""Addresses of names on the disk: what is written is read, and what is none is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.live.news import MOST
from fastgw.server.names_file import NAMES_FILE, FoundBefore, name_identity


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = str(tmp_path / "n.json")
    assert NAMES_FILE.path("/s/a.state.json") == "/s/a.state.names.json"
    names = {"a.test": FoundBefore(("10.0.0.1", "::1"), 5.0), "b.test 10.0.0.53:53": FoundBefore(("10.0.0.2",), 6.0)}
    assert NAMES_FILE.write(path, names) == 2 and NAMES_FILE.read(path) == (names, "")


@pytest.mark.parametrize(
    "change",
    [
        {"addresses": []},
        {"addresses": ["a.test"]},
        {"addresses": [1.5]},
        {"addresses": 7},
        {"seen_at": "inf"},
        {"seen_at": []},
    ],
)
def test_one_name_that_is_none_spoils_the_file(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "n.json"
    path.write_text(json.dumps({"format": 1, "lists": {"a": {"seen_at": 1.0, "addresses": ["::1"]} | change}}))
    names, wrong = NAMES_FILE.read(str(path))
    assert names == {} and wrong.startswith("is no list of names of version 1: ")


def test_no_more_addresses_are_used_than_of_a_name_server(tmp_path: Path) -> None:
    path = tmp_path / "n.json"
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(MOST + 9)]
    path.write_text(json.dumps({"format": 1, "lists": {"a": {"seen_at": 1.0, "addresses": many}}}))
    assert len(NAMES_FILE.read(str(path))[0]["a"].addresses) == MOST


def test_a_name_belongs_to_who_was_asked() -> None:
    assert name_identity("a.test", ()) == "a.test"
    assert name_identity("a.test", ("10.0.0.53:53", "[::1]:53")) == "a.test 10.0.0.53:53 [::1]:53"
