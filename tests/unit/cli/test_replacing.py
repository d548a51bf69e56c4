"""A file takes the place of another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastgw.cli.replacing import replace


def test_a_file_keeps_its_mode_and_a_new_one_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "x"
    replace(str(path), b"one")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one", 0o600)
    path.chmod(0o640)
    replace(str(path), b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")
    os.chown(path, 1234, 2345)
    replace(str(path), b"two")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


def test_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "x", tmp_path / "link"
    path.write_bytes(b"one")
    link.symlink_to(path)
    replace(str(link), b"two")
    assert link.is_symlink() and path.read_bytes() == b"two"


def test_what_fails_changes_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(str(path), b"two")
    assert [one.name for one in tmp_path.iterdir()] == ["x"] and path.read_bytes() == b"one"
