"""Which files a load reads, and what was in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from fastgw.config import loaded_files as module
from fastgw.config.filters import FILTERS
from fastgw.config.load import load
from fastgw.config.loaded_files import NOTHING, LoadedFiles, digest, digest_of
from fastgw.config.model import Model
from fastgw.config.schema import Configuration
from fastgw.config.transformers import TRANSFORMERS
from fastgw.config.types import Located, Read
from fastgw.errors import ConfigError
from tests.unit.config.files import MINIMAL

#: Keys of paths that are not read by a load: sockets (``address``), what is written, folders, and files that are read again by themselves.
NOT_READ = {
    "Configuration.admin_socket",
    "Configuration.state_file",
    "Files.root",
    "AccessLog.path",
    "LogBody.path",
    "Usage.path",
    "Forecasts.store",
    "Record.path",
    "ApiKeys.file",
    "Basic.file",
    "Maintenance.file",
    "InFile.path",
    "InKubernetes.token_file",
}


def noted(path: Path, *, is_wanted: bool = True) -> LoadedFiles:
    found = LoadedFiles(is_wanted=is_wanted)
    try:
        load(path, {}, loaded_files=found)
    except ConfigError:
        pass
    return found


def test_nobody_asks_so_nothing_is_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(MINIMAL)
    assert noted(path, is_wanted=False).files == {}
    assert noted(path).files == {str(path): digest(MINIMAL.encode())}


def test_the_file_itself_may_ask(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    text = MINIMAL + "reload: {watch: true}\n"
    path.write_text(text)
    assert noted(path, is_wanted=False).files == {str(path): digest(text.encode())}


def test_what_it_names_is_there_too_whether_it_can_be_used_or_not(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    (tmp_path / "token").write_text("a-token-that-is-long-enough\n")
    path.write_text(
        MINIMAL + "admin: {address: 127.0.0.1:9901, token_file: token, tls: {cert: none.pem, key: none.key}}\n"
    )
    found = noted(path).files
    assert found == {
        str(path): digest(path.read_bytes()),
        str(tmp_path / "token"): digest(b"a-token-that-is-long-enough\n"),
        str(tmp_path / "none.pem"): NOTHING,
        str(tmp_path / "none.key"): NOTHING,
    }


@pytest.mark.parametrize("content", [b"", b"a: [", b"\xff"])
def test_one_that_is_no_configuration_is_known_all_the_same(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(content)
    assert noted(path).files == {str(path): digest_of(str(path))} == {str(path): digest(content)}
    path.unlink()
    assert noted(path).files == {str(path): NOTHING}


def test_one_that_is_too_large_is_the_same_both_ways(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_bytes(b"#" * (module.LARGEST_READ + 7))
    assert noted(path).files == {str(path): digest_of(str(path))}


def test_only_so_many_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 2)
    found = LoadedFiles(is_wanted=True)
    found.take("/a", b"x", ["/b", "/c", "/d", "/b"])
    assert (list(found.files), found.left_out) == (["/a", "/b"], 2)


def test_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none", "a\0b", tmp_path / ("n" * 300)):
        before = len(os.listdir("/proc/self/fd"))
        assert digest_of(str(path)) == NOTHING
        assert len(os.listdir("/proc/self/fd")) == before
    (tmp_path / "a").write_bytes(b"x" * (3 << 20))
    assert digest_of(str(tmp_path / "a")) == digest(b"x" * (3 << 20)) != digest(b"x")


def test_each_path_of_the_configuration_is_read_or_known_not_to_be() -> None:
    kinds = set(_models(Configuration)) | {*FILTERS.values(), *TRANSFORMERS.values()}
    kinds |= {inner for one in tuple(kinds) for inner in _models(one)}
    paths: dict[str, bool] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            for one in _annotations(field):
                if isinstance(one, Located):
                    paths[f"{kind.__name__}.{name}"] = isinstance(one, Read)
    read = {name for name, is_read in paths.items() if is_read}
    others = {name for name, is_read in paths.items() if not is_read}
    assert {"Certificate.cert", "Certificate.key", "AdminAddress.token_file"} <= read
    assert {one for one in others if not one.endswith(".address")} == NOT_READ


def _annotations(field: Any) -> Iterator[object]:
    yield from field.metadata
    stack = [field.annotation]
    while stack:
        one = stack.pop()
        yield from getattr(one, "__metadata__", ())
        stack += get_args(one)


def _models(kind: type[Model], seen: set[type[Model]] | None = None) -> Iterator[type[Model]]:
    seen = set() if seen is None else seen
    if kind in seen:
        return
    seen.add(kind)
    yield kind
    for field in kind.model_fields.values():
        stack = [field.annotation]
        while stack:
            one = stack.pop()
            if isinstance(one, type) and issubclass(one, Model):
                yield from _models(one, seen)
            stack += get_args(one)
