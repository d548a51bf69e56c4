"""The document of transcoded routes, of the configuration in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson

from fastgw.server.transcoded import TranscodedRoutes
from tests.support.protos import descriptor_set
from tests.unit.config.files import MINIMAL, read, with_route


def test_it_is_written_once_for_each_configuration(tmp_path: Path) -> None:
    (tmp_path / "library.pb").write_bytes(descriptor_set())
    spec = read(tmp_path, with_route("transformers: {input: {name: grpc/json-transcoder, descriptors: library.pb}}"))
    routes = TranscodedRoutes()
    first = asyncio.run(routes.document(spec))
    assert asyncio.run(routes.document(spec)) is first
    asking = "transformers: {input: {name: grpc/json-transcoder, reflection: 'http://127.0.0.1:9'}}"
    assert orjson.loads(asyncio.run(TranscodedRoutes().document(read(tmp_path, with_route(asking)))))["paths"] == {}
    assert "/v1/books" in orjson.loads(first)["paths"]
    assert orjson.loads(asyncio.run(routes.document(read(tmp_path, MINIMAL))))["paths"] == {}
