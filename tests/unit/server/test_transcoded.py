"""The document of transcoded routes, of the configuration in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from fastgw.core.calls import CallError
from fastgw.server.transcoded import TranscodedRoutes
from fastgw.transcoding.catalog import CatalogError
from fastgw.transformers.grpc_json_reflected import ReflectingServer
from tests.support.protos import descriptor_set
from tests.unit.config.files import MINIMAL, read, with_route

PLACE = "http://127.0.0.1:9/"


def test_it_is_written_once_for_each_configuration(tmp_path: Path) -> None:
    (tmp_path / "library.pb").write_bytes(descriptor_set())
    spec = read(tmp_path, with_route("transformers: {input: {name: grpc/json-transcoder, descriptors: library.pb}}"))
    routes = TranscodedRoutes()
    first = asyncio.run(routes.document(spec))
    assert asyncio.run(routes.document(spec)) is first
    assert "/v1/books" in orjson.loads(first)["paths"]
    assert orjson.loads(asyncio.run(routes.document(read(tmp_path, MINIMAL))))["paths"] == {}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (descriptor_set(), ""),
        (CallError("connect_refused", "nobody listens"), "nobody listens"),
        (CatalogError("a file of it is missing"), "a file of it is missing"),
        (b"\xff", "descriptor set"),
    ],
    ids=["descriptors", "nobody", "half", "nonsense"],
)
def test_a_server_is_asked_for_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bytes | Exception, why: str
) -> None:
    asked = []

    async def found_at(place: ReflectingServer) -> bytes:
        asked.append(str(place.url))
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr("fastgw.transformers.grpc_json_reflected.found_at", found_at)
    spec = read(tmp_path, with_route(f"transformers: {{input: {{name: grpc/json-transcoder, reflection: '{PLACE}'}}}}"))
    routes = TranscodedRoutes()
    for times in (1, 2):  # it may have others by then
        found = orjson.loads(asyncio.run(routes.document(spec)))
        assert asked == [PLACE] * times and ("/v1/books" in found["paths"]) == (not why)
        unknown = found.get("x-fastgw-unknown", {})
        assert len(unknown) == bool(why) and all(why in reason for reason in unknown.values())
