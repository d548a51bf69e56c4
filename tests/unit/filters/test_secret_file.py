"""Reading a file of secrets: all of it, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.filters import secret_file
from fastgw.filters.secret_file import read_file


def test_it_is_read_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_file, "LARGEST", 8)
    path = tmp_path / "file"
    path.write_bytes(b"12345678")
    assert read_file(str(path)) == b"12345678"
    path.write_bytes(b"123456789")
    with pytest.raises(OSError, match="is larger than 8 bytes"):
        read_file(str(path))
    with pytest.raises(FileNotFoundError):
        read_file(str(tmp_path / "none"))
