"""Files of what others have told: what is written is read, within bounds, and one that is none is no reason not to start."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

from fastgw.server.memory_file import MemoryFile, set_aside


class Word(NamedTuple):
    text: str
    seen_at: float


WORDS: Final = MemoryFile("words", 1000, 10, 7.0, lambda one: [*one], lambda tree: Word(str(tree[0]), float(tree[1])))


def test_the_file_is_beside_the_state_file() -> None:
    assert WORDS.path("/var/lib/fastgw/state.json") == "/var/lib/fastgw/state.words.json"
    assert WORDS.path("/etc/gw.state.json") == "/etc/gw.state.words.json"


def test_another_format_and_one_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    assert WORDS.read(str(path)) == ({}, "")
    path.write_text('{"format": 2, "lists": {}}')
    assert WORDS.read(str(path)) == ({}, "is no list of words of version 1: it says another format")
    assert dataclasses.replace(WORDS, largest=10).read(str(path))[1].endswith("more than 10 bytes")
    assert WORDS.read(str(tmp_path))[1] == "cannot be read: Is a directory"


def test_the_latest_stay_where_all_would_be_too_much(tmp_path: Path) -> None:
    path = str(tmp_path / "w.json")
    words = {str(number): Word("x" * 50, float(number)) for number in range(10)}
    count = dataclasses.replace(WORDS, largest=300).write(path, words)
    assert 0 < count < 10 and WORDS.read(path) == ({str(one): words[str(one)] for one in range(10 - count, 10)}, "")
    assert dataclasses.replace(WORDS, most=1).write(path, words) == 1 and [*WORDS.read(path)[0]] == ["9"]


def test_a_file_that_somebody_else_may_have_written_is_not_read(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "w.json"
    assert WORDS.write(str(path), {"a": Word("b", 1.0)}) == 1
    path.chmod(0o666)
    assert WORDS.read(str(path)) == ({}, "is not trusted: anybody may write it (mode 0666)")
    path.chmod(0o660)
    assert WORDS.read(str(path))[0]  # of a group that we are of
    monkeypatch.setattr(os, "getegid", lambda: 123456)
    monkeypatch.setattr(os, "getgroups", list)
    assert WORDS.read(str(path))[1] == f"is not trusted: group {path.stat().st_gid} may write it (mode 0660)"


def test_one_that_is_bad_is_moved(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    assert set_aside(str(path)) == ""
    path.write_text("no")
    assert set_aside(str(path)) == f"{path}.bad" and not path.exists()
    assert (tmp_path / "w.json.bad").read_text() == "no"
