"""``google.api.http``, read without its own files."""

from __future__ import annotations

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.http_rules import HttpRule, http_rules
from tests.support.protos import descriptor_set

(LIBRARY,) = Catalog(descriptor_set()).services


def rules(name: str) -> list[HttpRule]:
    return list(http_rules(LIBRARY.methods_by_name[name]))


def test_every_kind_of_rule() -> None:
    assert rules("GetBook") == [
        HttpRule(b"GET", "/v1/{name=shelves/*/books/*}", "", ""),
        HttpRule(b"GET", "/v1/books/{name}", "", ""),
    ]
    assert rules("CreateBook") == [HttpRule(b"POST", "/v1/{parent=shelves/*}/books", "book", "")]
    assert rules("UpdateBook") == [HttpRule(b"PATCH", "/v1/{name=shelves/*/books/*}", "*", "")]
    assert rules("DeleteBook")[0].method == b"DELETE"
    assert rules("PutCover")[0].method == b"PUT"
    assert rules("ListBooks") == [HttpRule(b"GET", "/v1/books", "", "books")]
    assert rules("Purge") == [HttpRule(b"PURGE", "/v1/{name=shelves/*}", "", "")]
    assert rules("Talk") == []
