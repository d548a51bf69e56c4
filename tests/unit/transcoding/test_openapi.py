"""OpenAPI of transcoded routes: sound by its own schema, and what is answered is what it says."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson
import pytest
import schemathesis

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.methods import Methods
from fastgw.transcoding.openapi import TranscodedRoute, document
from fastgw.transcoding.shapes import DEFAULTS, JsonOptions, MessageShapes
from tests.support.protos import descriptor_set

CATALOG = Catalog(descriptor_set())
METHODS = Methods(CATALOG)


def told(path: str = "/*", options: JsonOptions = DEFAULTS) -> Any:
    route = TranscodedRoute("r", path, Methods(CATALOG, options), options)
    return orjson.loads(orjson.dumps(document([route], "1.2.3")))


FOUND = told()


def test_it_is_openapi() -> None:
    schemathesis.openapi.from_dict(FOUND).validate()
    names = [one["operationId"] for path in FOUND["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


def test_paths_are_those_of_the_rules() -> None:
    paths = {(path, method) for path, methods in FOUND["paths"].items() for method in methods}
    assert ("/v1/shelves/{name_1}/books/{name_2}", "get") in paths
    assert ("/v1/shelves/{name_1}/books/{name_2}:archive", "post") in paths
    assert ("/v1/shelves/{parent}/books", "post") in paths
    assert ("/v1/rename/{name}", "post") in paths
    assert ("/library.v1.Library/Talk", "post") in paths
    assert not any(path == "/v1/shelves/{name}" for path, _ in paths)  # PURGE, which OpenAPI has no word for


def names_of(path: str, method: str, place: str) -> list[str]:
    return [one["name"] for one in FOUND["paths"][path][method]["parameters"] if one["in"] == place]


def test_queries_have_what_path_and_body_do_not_give() -> None:
    assert names_of("/v1/shelves/{name_1}/books/{name_2}", "get", "path") == ["name_1", "name_2"]
    assert names_of("/v1/shelves/{name_1}/books/{name_2}", "get", "query") == ["deep"]
    assert names_of("/v1/shelves/{parent}/books", "post", "query") == ["requestId"]
    assert names_of("/v1/shelves/{name_1}/books/{name_2}", "patch", "query") == []
    assert names_of("/v1/books", "get", "query") == [
        *("colors", "sinceId", "author.name", "author.prizes", "after", "pageSize", "tag", "topic", "fresh")
    ]


def test_streams_have_their_three_forms() -> None:
    watch = FOUND["paths"]["/v1/books:watch"]["get"]["responses"]["200"]["content"]
    assert watch["application/json"]["schema"]["type"] == "array"
    assert watch["application/x-ndjson"]["schema"] == {"$ref": "#/components/schemas/library.v1.Book"}
    upload = FOUND["paths"]["/v1/books:upload"]["post"]["requestBody"]["content"]
    assert sorted(upload) == ["application/json", "application/x-ndjson"]
    assert "*/*" in FOUND["paths"]["/v1/covers/{name}"]["put"]["requestBody"]["content"]


BOOK: dict[str, Any] = {
    "name": "n",
    "id": 7,
    "color": 1,
    "authors": [{"name": "a", "teacher": {}}],
    "ratings": {"x": 1},
    "cover": b"\0",
    "published_at": {"seconds": 1},
    "read_time": {"nanos": 5},
    "extra": {"fields": {"a": {"null_value": 0}}},
    "anything": {"list_value": {"values": [{"number_value": 1.5}]}},
    "copies": {"value": 3},
    "nothing": 0,
    "weight": 1.5,
    "colors": [1, 2],
    "is_new": {"value": True},
    "mask": {"paths": ["name"]},
}


@pytest.mark.parametrize(
    "options", [DEFAULTS, JsonOptions(prints_defaults=True), JsonOptions(prints_numbers=True, prints_proto_names=True)]
)
def test_what_is_answered_fits_its_schema(options: JsonOptions) -> None:
    found = told(options=options)
    schema = {**found, "$ref": "#/components/schemas/library.v1.Book"}
    descriptor = CATALOG.pool.FindMessageTypeByName("library.v1.Book")
    written = MessageShapes(CATALOG, options).of(descriptor).dump(CATALOG.message_class("library.v1.Book")(**BOOK))
    validator = jsonschema_rs.Draft202012Validator(schema)
    validator.validate(orjson.loads(orjson.dumps(written)))
    assert not validator.is_valid({"name": 3})
    properties = set(found["components"]["schemas"]["library.v1.Book"]["properties"])
    assert set(written) <= properties


@pytest.mark.parametrize(
    ("route", "has", "lacks"),
    [
        ("/v1/*", "/v1/books", "/library.v1.Library/Talk"),
        ("/library.v1.Library/*", "/library.v1.Library/Talk", "/v1/books"),
        ("/v1/books", "/v1/books", "/v1/books:watch"),
        ("/v1/shelves/7/*", "/v1/shelves/{parent}/books", "/v1/books"),
        ("/{any}/*", "/v1/books", "/nothing"),
    ],
)
def test_only_what_the_route_can_have_is_told(route: str, has: str, lacks: str) -> None:
    paths = told(route)["paths"]
    assert has in paths
    assert lacks not in paths
