"""Types that look at the world: paths, addresses with paths, secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fastgw.config.spec import AddressSpec, Secret
from fastgw.config.types import Connect, FilePath, Listen, SecretText, Stream


def read(kind: Any, value: object, base: Path | str = "") -> object:
    return TypeAdapter(kind).validate_python(value, context={"base": str(base)})


def test_paths_start_at_the_configuration(tmp_path: Path) -> None:
    assert read(FilePath, "a/b", tmp_path) == f"{tmp_path}/a/b"
    assert read(FilePath, "/a/b", tmp_path) == "/a/b"
    assert read(FilePath, "", tmp_path) == ""
    assert read(FilePath, "a") == "a"
    assert read(Stream, "stdout", tmp_path) == "stdout"
    assert read(Stream, "log", tmp_path) == f"{tmp_path}/log"
    assert read(Listen, "unix:run/x", "/srv") == AddressSpec(path="/srv/run/x")
    assert read(Connect, "a:1", "/srv") == AddressSpec("a", 1)


def test_the_path_of_a_socket_is_measured_whole() -> None:
    with pytest.raises(ValidationError, match="has at most 107 bytes"):
        read(Listen, "unix:x.sock", "/" + "x" * 100)


def test_secrets_come_from_text_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2\n")
    for value in ("hunter2", "file:token", f"file:{tmp_path}/token"):
        found = read(SecretText, value, tmp_path)
        assert isinstance(found, Secret) and found.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * 20_000, "is too large"),
    ],
)
def test_errors_do_not_show_secrets(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(ValidationError) as caught:
        read(SecretText, "file:token", tmp_path)
    [error] = caught.value.errors(include_input=False)
    assert error["msg"] == f"Value error, the file of the secret {reason}"


@pytest.mark.parametrize("value", ["", None, 7, ["x"]])
def test_other_things_are_no_secrets(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a secret"):
        read(SecretText, value)
