"""Which method a request asks for, and how path, query and body become its message."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from fastgw.transcoding.catalog import Catalog, CatalogError
from fastgw.transcoding.methods import MethodMatch, Methods
from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.shapes import JsonOptions
from tests.support.protos import descriptor_set

METHODS = Methods(Catalog(descriptor_set()))
BOOK = "/v1/shelves/1/books/2"


def asked(method: str, path: str, methods: Methods = METHODS) -> MethodMatch:
    found = methods.find(method.encode(), path)
    assert isinstance(found, MethodMatch), found
    return found


def fields(method: str, path: str, query: str = "", body: Any = None, methods: Methods = METHODS) -> Any:
    found = asked(method, path, methods)
    made = found.binding.fields(body, found.captured, query.encode())
    found.binding.method.input.encode(made)
    return made


@pytest.mark.parametrize(
    ("method", "path", "name", "captured"),
    [
        ("GET", BOOK, "GetBook", {"name": "shelves/1/books/2"}),
        ("GET", "/v1/books/a%2Fb", "GetBook", {"name": "a/b"}),
        ("PATCH", BOOK, "UpdateBook", {"name": "shelves/1/books/2"}),
        ("POST", BOOK + ":archive", "ArchiveBook", {"name": "shelves/1/books/2"}),
        ("GET", "/v1/books:watch", "WatchBooks", {}),
        ("PURGE", "/v1/shelves/1", "Purge", {"name": "shelves/1"}),
        ("POST", "/library.v1.Library/Talk", "Talk", {}),
    ],
)
def test_what_is_asked_for(method: str, path: str, name: str, captured: dict[str, str]) -> None:
    found = asked(method, path)
    assert found.binding.method.name == name
    assert found.binding.method.path == f"/library.v1.Library/{name}".encode()
    assert dict(found.captured) == captured


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/nothing", set()),
        ("GET", "/library.v1.Library/Nothing", set()),
        ("GET", "/library.v1.Library/Talk", {b"POST"}),
        ("PUT", BOOK, {b"GET", b"PATCH", b"DELETE"}),
        ("HEAD", "/v1/books", {b"GET"}),
    ],
)
def test_what_asks_for_nothing(method: str, path: str, allowed: set[bytes]) -> None:
    assert METHODS.find(method.encode(), path) == allowed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("colors=RED", {"colors": [1]}),
        ("colors=RED&colors=2", {"colors": [1, 2]}),
        ("since_id=1234567890123456123", {"since_id": 1234567890123456123}),
        ("sinceId=-1", {"since_id": -1}),
        ("author.name=a+b%2Fc&author.prizes=x&author.prizes=y", {"author": {"name": "a b/c", "prizes": ["x", "y"]}}),
        ("author.teacher.teacher.name=z", {"author": {"teacher": {"teacher": {"name": "z"}}}}),
        ("pageSize=3&tag=t", {"page_size": 3, "tag": "t"}),
        ("fresh=true", {"fresh": {"value": True}}),
        ("tag=", {"tag": ""}),
        ("&&pageSize=3&", {"page_size": 3}),
    ],
)
def test_queries_are_bound_by_the_descriptor(query: str, expected: dict[str, Any]) -> None:
    assert fields("GET", "/v1/books", query) == expected


def test_a_time_may_be_in_a_query() -> None:
    made = fields("GET", "/v1/books", "after=2020-01-02T03:04:05Z")
    assert made["after"] == {"seconds": 1577934245}


@pytest.mark.parametrize(
    ("query", "place", "why"),
    [
        ("nope=1", "nope", "library.v1.ListBooksRequest has no such field"),
        ("author=1", "author", "is a message"),
        ("labels=1", "labels", "a map"),
        ("author.nope=1", "author.nope", "has no such field"),
        ("author.name.x=1", "author.name.x", "has no such field"),
        ("pageSize=1&page_size=1", "page_size", "given twice"),
        ("pageSize=x", "pageSize", "expected a whole number"),
        ("sinceId=9223372036854775808", "sinceId", "out of its range"),
        ("fresh=yes", "fresh", "expected true or false"),
        ("colors=BLUE", "colors", "expected one of"),
        ("tag=a&topic=b", "topic", "beside another field of the oneof by"),
        ("tag=%FF", "", "no UTF-8"),
        ("&" * 1001, "", "more than 1000 values"),
    ],
)
def test_queries_that_do_not_fit(query: str, place: str, why: str) -> None:
    with pytest.raises(MisfitError) as error:
        fields("GET", "/v1/books", query)
    assert error.value.place == place
    assert why in error.value.why


def test_unknown_names_are_passed_over_where_that_is_meant() -> None:
    lenient = Methods(Catalog(descriptor_set()), JsonOptions(ignores_unknown=True))
    assert fields("GET", "/v1/books", "nope=1&pageSize=2", methods=lenient) == {"page_size": 2}


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "expected"),
    [
        ("PATCH", BOOK, "", {"title": "t"}, {"name": "shelves/1/books/2", "title": "t"}),
        ("PATCH", BOOK, "", {"name": "other"}, {"name": "shelves/1/books/2"}),
        ("PATCH", BOOK, "", None, {"name": "shelves/1/books/2"}),
        (
            *("POST", "/v1/shelves/1/books", "requestId=r", {"title": "t"}),
            {"parent": "shelves/1", "book": {"title": "t"}, "request_id": "r"},
        ),
        ("POST", "/v1/shelves/1/books", "", None, {"parent": "shelves/1"}),
        ("POST", "/v1/rename/a/b", "", "t", {"name": "a/b", "title": "t"}),
        ("POST", "/library.v1.Library/GetBook", "", {"name": "x", "deep": True}, {"name": "x", "deep": True}),
    ],
)
def test_bodies(method: str, path: str, query: str, body: Any, expected: Any) -> None:
    assert fields(method, path, query, body) == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "place", "why"),
    [
        ("POST", "/v1/rename/a", "", {"title": "t"}, "title", "expected a string, got an object"),
        ("POST", "/v1/shelves/1/books", "book.title=x", {}, "book.title", "given by the body or the path"),
        ("POST", "/v1/shelves/1/books", "parent=x", {}, "parent", "given by the body or the path"),
        ("POST", "/v1/shelves/1/books", "", {"authors": [{"name": 1}]}, "book.authors[0].name", "expected a string"),
        ("PATCH", BOOK, "title=x", {}, "title", "the body is the whole message"),
    ],
)
def test_bodies_that_do_not_fit(method: str, path: str, query: str, body: Any, place: str, why: str) -> None:
    with pytest.raises(MisfitError) as error:
        fields(method, path, query, body)
    assert error.value.place == place
    assert why in error.value.why


def test_bodies_that_are_what_they_are() -> None:
    found = asked("PUT", "/v1/covers/x")
    assert found.binding.has_raw_body
    assert found.binding.has_raw_answer
    made = found.binding.raw_fields(b"\xff\xd8", "image/jpeg", found.captured, b"")
    message = found.binding.method.input.make(made)
    assert (message.name, message.cover.content_type, message.cover.data) == ("x", "image/jpeg", b"\xff\xd8")
    assert found.binding.raw(message.cover) == ("image/jpeg", b"\xff\xd8")
    assert found.binding.raw(type(message.cover)()) == ("application/octet-stream", b"")


def test_an_answer_may_be_one_field_of_it() -> None:
    binding = asked("GET", "/v1/books").binding
    message = binding.method.output.cls(books=[{"name": "x"}])
    assert binding.document(message) == [{"name": "x"}]
    assert binding.document(binding.method.output.cls()) == []
    assert asked("POST", "/library.v1.Library/ListBooks").binding.document(message) == {"books": [{"name": "x"}]}


def test_services_are_chosen_by_name() -> None:
    assert Methods(Catalog(descriptor_set()), services=["library.v1.Library"]).bindings
    with pytest.raises(CatalogError, match=r"has no service 'no.Such'; it has library.v1.Library"):
        Methods(Catalog(descriptor_set()), services=["no.Such"])
    with pytest.raises(CatalogError, match="has no services"):
        Methods(Catalog(b""))


@pytest.mark.parametrize(
    ("name", "rule", "why"),
    [
        ("Talk", {"get": "/v1/books"}, "GET /v1/books is /library.v1.Library/ListBooks already"),
        ("Talk", {"get": "/v1/{nope}"}, "captures 'nope', which is no field with one value"),
        ("Talk", {"get": "/v1/{authors}"}, "captures 'authors'"),
        ("Talk", {"get": "/v1/{extra}"}, "captures 'extra'"),
        ("Talk", {"get": "/v1/{name"}, "without its"),
        ("Talk", {"post": "/v1/x", "body": "nope"}, "has no field 'nope', which body names"),
        ("Talk", {"get": "/v1/x", "response_body": "nope"}, "has no field 'nope', which response_body names"),
    ],
)
def test_rules_that_cannot_be_used(name: str, rule: dict[str, str], why: str) -> None:
    from google.api import annotations_pb2, http_pb2

    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set())
    (service,) = next(one for one in files.file if one.name == "library.proto").service
    (method,) = [one for one in service.method if one.name == name]
    method.options.Extensions[annotations_pb2.http].CopyFrom(http_pb2.HttpRule(**rule))  # type: ignore[arg-type]
    with pytest.raises(CatalogError) as error:
        Methods(Catalog(files.SerializeToString()))
    assert why in str(error.value)
