"""``json/template``: a document from a template, no larger than is allowed."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fastgw.transformers.json_body import MissingError, TooLargeError
from fastgw.transformers.json_template import JsonTemplate

DOCUMENT = {"model": "m", "data": [{"text": "a"}, None], "n": 1.5}


def made(template: Any, document: Any = DOCUMENT, **options: Any) -> Any:
    given = {
        "side": "input",
        "max_bytes": 1000,
        "inline_bytes": 1000,
        "queue": 1,
        "max_output": 1000,
        "template": orjson.dumps(template),
        **options,
    }
    return orjson.loads(orjson.dumps(JsonTemplate("json/template", given).make(document)))


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"a": 1, "b": [True, None, "x"]}, {"a": 1, "b": [True, None, "x"]}),
        ({"$": ""}, DOCUMENT),
        ({"$": "/data/0"}, {"text": "a"}),
        (
            {"a": {"$": "/model"}, "b": [{"$": "/n"}, {"$": "/data/1"}, {"$": "/model"}]},
            {"a": "m", "b": [1.5, None, "m"]},
        ),
        ({"a": {"$": "/nope", "default": {"$x": 1}}}, {"a": {"$x": 1}}),
        ({"a": {"$": "/nope", "default": None}}, {"a": None}),
        ({"a": {"$": "/model", "default": 1}}, {"a": "m"}),
        ([], []),
        (5, 5),
    ],
)
def test_references_are_filled_in(template: Any, expected: Any) -> None:
    assert made(template) == expected


def test_what_came_is_never_a_template() -> None:
    assert made({"a": {"$": "/x"}}, {"x": {"$": "/secret"}, "secret": 1}) == {"a": {"$": "/secret"}}


def test_what_is_missing_is_named() -> None:
    with pytest.raises(MissingError, match="has nothing at '/data/2'"):
        made({"a": {"$": "/data/2"}})


def test_what_would_be_too_large_is_not_made() -> None:
    template = {str(number): {"$": "/data"} for number in range(50)}
    assert made(template, {"data": "x" * 5}, max_output=2000) == {str(number): "x" * 5 for number in range(50)}
    with pytest.raises(TooLargeError, match="more than the 2000 bytes"):
        made(template, {"data": "x" * 50}, max_output=2000)
