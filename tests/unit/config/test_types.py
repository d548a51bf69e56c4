"""Types that look at the world: paths, addresses with paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fastgw.config.types import Connect, FilePath, Listen, Stream
from fastgw.core.settings import Address


def read(kind: Any, value: object, base: Path | str = "") -> object:
    return TypeAdapter(kind).validate_python(value, context={"base": str(base)})


def test_paths_start_at_the_configuration(tmp_path: Path) -> None:
    assert read(FilePath, "a/b", tmp_path) == f"{tmp_path}/a/b"
    assert read(FilePath, "/a/b", tmp_path) == "/a/b"
    assert read(FilePath, "", tmp_path) == ""
    assert read(FilePath, "a") == "a"
    assert read(Stream, "stdout", tmp_path) == "stdout"
    assert read(Stream, "log", tmp_path) == f"{tmp_path}/log"
    assert read(Listen, "unix:run/x", "/srv") == Address(path="/srv/run/x")
    assert read(Connect, "a:1", "/srv") == Address("a", 1)


def test_the_path_of_a_socket_is_measured_whole() -> None:
    with pytest.raises(ValidationError, match="has at most 107 bytes"):
        read(Listen, "unix:x.sock", "/" + "x" * 100)
