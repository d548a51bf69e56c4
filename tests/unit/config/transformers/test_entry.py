"""An entry of the registry of transformers."""

from __future__ import annotations

from fastgw.config.transformers.entry import TransformerOptions
from fastgw.config.transformers.json_bbox_formatter import JsonBboxFormatter


def test_a_name_alone_is_short_for_one_with_defaults() -> None:
    assert TransformerOptions.long_form("x/y") == {"name": "x/y"}
    assert TransformerOptions.long_form(5) == 5
    assert JsonBboxFormatter.word() == "json/bbox-formatter"
    assert "name" not in JsonBboxFormatter.model_validate("json/bbox-formatter").given()
