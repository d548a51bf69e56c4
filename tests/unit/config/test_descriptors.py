"""Files that describe services: a set as it is, a ``.proto`` compiled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from fastgw.config import descriptors
from fastgw.config.descriptors import read_descriptors

PROTO = """
syntax = "proto3";
import "google/protobuf/empty.proto";
import "google/api/annotations.proto";
service S { rpc M(google.protobuf.Empty) returns (google.protobuf.Empty) { option (google.api.http) = {get: "/m"}; } }
"""


def test_a_set_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.pb"
    path.write_bytes(b"x")
    assert read_descriptors(str(path)) == b"x"


def test_a_proto_is_compiled_with_what_it_imports(tmp_path: Path) -> None:
    path = tmp_path / "a.proto"
    path.write_text(PROTO)
    found = descriptor_pb2.FileDescriptorSet.FromString(read_descriptors(str(path)))
    assert [one.name for one in found.file][-1] == "a.proto"
    assert "google/api/http.proto" in [one.name for one in found.file]


def test_what_does_not_compile_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.proto"
    path.write_text('syntax = "proto3";\nmessage M { Nothing x = 1; }\n')
    with pytest.raises(ValueError, match=r'a.proto does not compile: .*a.proto:2:13: "Nothing" is not defined'):
        read_descriptors(str(path))


def test_a_compiler_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, timeout: float, **__: Any) -> Any:
        raise subprocess.TimeoutExpired("protoc", timeout)

    path = tmp_path / "a.proto"
    path.write_text(PROTO)
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ValueError, match="is not compiled within 30 s"):
        read_descriptors(str(path))


def test_without_the_compiler_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.proto"
    path.write_text(PROTO)
    monkeypatch.setitem(sys.modules, "grpc_tools", None)
    monkeypatch.setattr(descriptors, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match="pip install grpcio-tools, or name what protoc"):
        read_descriptors(str(path))


def test_there_is_a_largest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pb"
    path.write_bytes(b"x" * 11)
    monkeypatch.setattr(descriptors, "LARGEST", 10)
    with pytest.raises(ValueError, match="of descriptors"):
        read_descriptors(str(path))


@pytest.mark.parametrize("name", ["nothing.pb", "nothing.proto", "\0.pb"])
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_descriptors(str(tmp_path / name))
