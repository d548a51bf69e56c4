"""``grpc/json-transcoder`` in the file."""

from __future__ import annotations

from importlib import util
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.transformers import grpc_json_transcoder
from fastgw.core.settings import Url
from tests.support.protos import descriptor_set
from tests.unit.config.files import problems, read, with_route

USED = "{name: grpc/json-transcoder, descriptors: library.pb}"


@pytest.fixture(autouse=True)
def library(tmp_path: Path) -> None:
    (tmp_path / "library.pb").write_bytes(descriptor_set())


def route(keys: str, file: str = "library.pb") -> str:
    return with_route(f"transformers: {{input: {{name: grpc/json-transcoder, descriptors: {file}, {keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("")).routes[0].transformers
    assert dict(spec.options) == {
        "descriptors": descriptor_set(),
        "reflection": None,
        "refresh": 60.0,
        "services": (),
        "unknown_fields": "refuse",
        "defaults": "omit",
        "enums": "names",
        "names": "json",
        "stream": "application/x-ndjson",
        "max_message": 4 << 20,
        "inline_bytes": 64 << 10,
        "queue": 32,
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("services: [no.Such]", "library.pb has no service 'no.Such'; it has library.v1.Library"),
        ("stream: xml", "expected ndjson, sse or json, got 'xml'"),
        ("unknown_fields: drop", "expected refuse or ignore, got 'drop'"),
        ("max_message: 0", "expected"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [problem] = problems(tmp_path, route(keys))
    assert said in problem


def test_the_file_is_needed_and_is_one(tmp_path: Path) -> None:
    (tmp_path / "broken.pb").write_bytes(b"\xff\xff")
    [problem] = problems(tmp_path, route("", "broken.pb"))
    assert "transformers.input.descriptors" in problem
    assert problem.endswith("is no descriptor set, as protoc --descriptor_set_out writes it")
    [problem] = problems(tmp_path, route("", "nothing.pb"))
    assert problem.endswith("nothing.pb cannot be read: No such file or directory")
    [problem] = problems(tmp_path, with_route("transformers: {input: grpc/json-transcoder}"))
    assert problem == "4:43: routes[0].transformers.input: is needed, or reflection; give one of them"


def test_a_server_may_say_what_it_has(tmp_path: Path) -> None:
    said = "reflection: http://127.0.0.1:50051, refresh: 5s"
    used = with_route(f"transformers: {{input: {{name: grpc/json-transcoder, {said}}}}}")
    options = dict(read(tmp_path, used).routes[0].transformers[0].options)
    assert (options["descriptors"], options["reflection"], options["refresh"]) == (
        b"",
        Url(False, "127.0.0.1", 50051, "/"),
        5.0,
    )
    [problem] = problems(tmp_path, route(said))
    assert "stands beside descriptors; give one of them" in problem
    [problem] = problems(tmp_path, used.replace("127.0.0.1:50051", "elsewhere.test"))
    assert "http leads to this host only" in problem
    [problem] = problems(tmp_path, used.replace("refresh", "ca: nothing.pem, refresh"))
    assert "nothing.pem" in problem


def test_it_is_the_last_and_closest_to_the_service(tmp_path: Path) -> None:
    text = with_route(
        f"transformers: {{input: [{{name: json/select, pick: /a}}, {USED}], output: {{name: json/select, pick: /b}}}}"
    )
    assert [one.name for one in read(tmp_path, text).routes[0].transformers] == [
        "json/select",
        "json/select",
        "grpc/json-transcoder",
    ]
    [problem] = problems(tmp_path, with_route(f"transformers: {{input: [{USED}, {{name: json/select, pick: /a}}]}}"))
    assert "takes application/json, and 'grpc/json-transcoder' in front of it makes application/grpc" in problem


def test_what_reads_messages_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Any:
        return None if name == "google.protobuf" else util.find_spec(name)

    monkeypatch.setattr(grpc_json_transcoder, "find_spec", found)
    [problem] = problems(tmp_path, route(""))
    assert problem.endswith("needs the package protobuf: pip install 'fastgw[grpc]'")


def test_the_file_is_watched(tmp_path: Path) -> None:
    from fastgw.config.load import inspect
    from fastgw.config.loaded_files import LoadedFiles

    path = tmp_path / "gw.yaml"
    path.write_text(route("") + "reload: {watch: true}\n")
    files = LoadedFiles(is_wanted=False)
    assert inspect(path, {}, loaded_files=files).spec is not None
    assert str(tmp_path / "library.pb") in files.files
