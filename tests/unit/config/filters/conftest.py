"""Files that filters of this folder need."""

from __future__ import annotations

from pathlib import Path

import pytest

HASH = "$2y$04$" + "a" * 53


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path) -> None:
    """Users and keys beside the file of the configuration."""
    for name, text in (("users", f"ann:{HASH}\n"), ("keys.json", '{"keys": []}\n')):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
