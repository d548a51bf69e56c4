"""Files that are replaced as a whole, or stay as they were."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from fastgw.server.whole_file import read_whole, replace_whole


def test_it_is_for_its_owner_and_there_is_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for data in (b"one", b"two", b""):
        replace_whole(str(path), data)
        assert path.read_bytes() == data
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    replace_whole(str(path), b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastgw.server.whole_file.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_whole(str(path), b"two")
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["a.json"]
    with pytest.raises(FileNotFoundError):
        replace_whole(str(tmp_path / "none" / "a"), b"")


def test_what_is_wrong_with_a_file_is_said_and_then_it_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.json"

    def read() -> tuple[dict[str, str], str]:
        return read_whole(str(path), 20, lambda data: dict(json.loads(data)["kept"]), "file of this kind")

    assert read() == ({}, "")
    path.write_text('{"kept": {"a": "b"}}')
    assert read() == ({"a": "b"}, "")
    path.write_text('{"kept": {"a": "bc"}}')
    assert read() == ({}, "is no file of this kind: more than 20 bytes")
    for text in ("", "[1]", '{"gone": 1}', '{"kept": 7}', "\xff"):
        path.write_text(text, encoding="latin-1")
        found, wrong = read()
        assert found == {} and wrong.startswith("is no file of this kind: ")
    path.unlink()
    os.mkfifo(path)  # in which nobody writes
    assert read() == ({}, "is not trusted: it is no regular file")
    path.unlink()
    path.mkdir()
    assert read() == ({}, "cannot be read: Is a directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can give a file away")
def test_a_file_of_somebody_else_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    os.chown(path, 12345, 12345)
    assert read_whole(str(path), 20, json.loads, "file")[1] == (
        "is not trusted: it belongs to user 12345, and this is user 0"
    )
