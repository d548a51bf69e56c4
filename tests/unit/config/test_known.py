"""Names that must be known."""

from __future__ import annotations

from fastgw.config.known import said
from fastgw.config.source import Document


def test_a_name_is_shown_with_the_one_that_is_meant() -> None:
    document = Document("gw.yaml", {})
    document.tree = {"name": "serch"}
    assert said(document, ("name",), "serch", ["search", "other"]) == "'serch'; did you mean 'search'?"
    assert said(document, ("name",), "x", ["search", "other"]) == "'x'"
