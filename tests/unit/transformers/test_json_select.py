"""``json/select``: what is left of a document."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transformers.json_body import MissingError
from fastgw.transformers.json_select import JsonSelect

NOTHING: dict[str, Any] = {
    "require": (),
    "pick": None,
    "keep": (),
    "drop": (),
    "rename": (),
    "max_bytes": 1000,
    "inline_bytes": 1000,
    "queue": 1,
}
DOCUMENT = {
    "model": "m",
    "data": {"image": "abc", "size": {"w": 1, "h": 2}},
    "items": [{"name": "a", "score": 1, "raw": [1]}, {"name": "b", "raw": [2]}, 7],
}


def selected(document: Any, **options: Any) -> Any:
    made = JsonSelect("json/select", {**NOTHING, "side": "input", **options})
    return made.make(orjson.loads(orjson.dumps(document)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"pick": "/data"}, DOCUMENT["data"]),
        ({"pick": "/items/1/name"}, "b"),
        ({"keep": ("/model", "/data/size/h")}, {"model": "m", "data": {"size": {"h": 2}}}),
        ({"keep": ("/nope", "/data/nope")}, {"data": {}}),
        ({"keep": ("/data", "/data/image")}, {"data": DOCUMENT["data"]}),
        ({"keep": ("/data/image", "/data")}, {"data": DOCUMENT["data"]}),
        ({"keep": ("/items/*/name",)}, {"items": [{"name": "a"}, {"name": "b"}]}),
        ({"keep": ("/items/1", "/items/0/score")}, {"items": [{"score": 1}, DOCUMENT["items"][1]]}),
        ({"keep": ("/data/*",)}, {"data": DOCUMENT["data"]}),
        ({"keep": ("/*/size",)}, {"data": {"size": {"w": 1, "h": 2}}, "items": []}),
        ({"pick": "/data/size", "keep": ("/w",)}, {"w": 1}),
        ({"pick": "/data/size", "drop": ("/w", "/x")}, {"h": 2}),
        ({"pick": "/items", "drop": ("/0", "/2", "/9")}, [{"name": "b", "raw": [2]}]),
        ({"pick": "/items", "drop": ("/*/raw", "/*/score")}, [{"name": "a"}, {"name": "b"}, 7]),
        ({"pick": "/data/size", "drop": ("/*",)}, {}),
        ({"pick": "/data", "drop": ("/image/*", "/size")}, {"image": "abc"}),
        ({"pick": "/data/size", "rename": (("/w", "width"), ("/none", "x"))}, {"h": 2, "width": 1}),
        ({"pick": "/data/size", "rename": (("/w", "h"),)}, {"h": 1}),
        (
            {"keep": ("/items/*/name",), "rename": (("/items/*/name", "label"), ("/items", "found"))},
            {"found": [{"label": "a"}, {"label": "b"}]},
        ),
        ({"require": ("/model", "/items/0"), "keep": ("/model",)}, {"model": "m"}),
    ],
)
def test_what_is_left(options: dict[str, Any], expected: Any) -> None:
    assert selected(DOCUMENT, **options) == expected


@pytest.mark.parametrize(
    ("document", "options", "said"),
    [
        (DOCUMENT, {"require": ("/data/nope",)}, "has nothing at '/data/nope'"),
        (DOCUMENT, {"pick": "/items/7"}, "has nothing at '/items/7'"),
        (7, {"keep": ("/a",)}, "is no object or list"),
    ],
)
def test_what_is_missing_is_named(document: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(MissingError, match=said):
        selected(document, **options)


VALUES = st.recursive(
    st.none() | st.integers(-5, 5) | st.text("ab*01", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0", "1", "*"]), inner, max_size=3)
    ),
)
POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "*"]), min_size=1, max_size=3).map(
    lambda steps: "/" + "/".join(steps)
)


@given(VALUES, st.lists(POINTERS, max_size=4), st.lists(POINTERS, max_size=4), POINTERS)
def test_whatever_comes_it_makes_something_or_says_what_is_missing(
    document: Any, keep: list[str], drop: list[str], renamed: str
) -> None:
    try:
        made = selected(document, keep=tuple(keep), drop=tuple(drop), rename=((renamed, "c"),))
    except MissingError:
        return
    assert len(orjson.dumps(made)) <= len(orjson.dumps(document)) + 100
