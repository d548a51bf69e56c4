"""JSON of messages, beside ``google.protobuf.json_format``: the same messages, the same refusals, the same text."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.shapes import DEEPEST, JsonOptions, MessageShapes
from tests.support.protos import descriptor_set

CATALOG = Catalog(descriptor_set())
BOOK = CATALOG.pool.FindMessageTypeByName("library.v1.Book")
SHAPES = MessageShapes(CATALOG)
SHAPE = SHAPES.of(BOOK)

_COLORS = st.sampled_from(["RED", "GREEN", 1, 2, 77, "2"])
_NAMES = st.text(max_size=5)
_AUTHOR = st.recursive(
    st.fixed_dictionaries({}, optional={"name": _NAMES, "prizes": st.lists(_NAMES, max_size=3)}),
    lambda inner: st.fixed_dictionaries({"teacher": inner}, optional={"name": _NAMES}),
    max_leaves=3,
)
_WIDE = st.integers(-(2**63), 2**63 - 1)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(-1e9, 1e9) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=5,
)
_NUMBERS = st.floats(width=32) | st.integers(-(10**6), 10**6)
_KIND = st.sampled_from([{}, {"novel": "n"}, {"essay": {"name": "a"}}, {"nothing": None}])
_BOOKS = st.fixed_dictionaries(
    {},
    optional={
        "name": _NAMES,
        "id": _WIDE | _WIDE.map(str),
        "color": _COLORS,
        "colors": st.lists(_COLORS, max_size=3),
        "authors": st.lists(_AUTHOR, max_size=3),
        "ratings": st.dictionaries(_NAMES, st.integers(-(2**31), 2**31 - 1), max_size=3),
        "editions": st.dictionaries(_WIDE.map(str), _AUTHOR, max_size=3),
        "byFlag": st.dictionaries(st.sampled_from(["true", "false"]), _COLORS),
        "cover": st.sampled_from(["", "AAEC", "-_-_", "+/+/", "YQ==", "YQ"]),
        "publishedAt": st.datetimes().map(lambda when: when.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27)),
        "read_time": st.integers(-1000, 1000).map(lambda seconds: f"{seconds}.5s"),
        "extra": st.dictionaries(_NAMES, _JSON, max_size=3),
        "anything": _JSON,
        "values": st.lists(_JSON, max_size=3),
        "list": st.lists(_JSON, max_size=3),
        "copies": st.none() | _WIDE,
        "pages": st.none() | st.integers(-(2**31), 2**31 - 1),
        "weight": _NUMBERS | st.sampled_from(["NaN", "-Infinity", "1.5"]),
        "price": st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["Infinity", "0.1"]),
        "inPrint": st.booleans(),
        "views": st.integers(0, 2**64 - 1),
        "mask": st.sampled_from(["", "name,publishedAt"]),
        "stock": st.integers(0, 2**32 - 1),
        "delta": st.integers(-(2**31), 2**31 - 1),
        "hash": st.integers(0, 2**64 - 1).map(str),
        "scores": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        "isNew": st.booleans(),
        "ids": st.lists(_WIDE, max_size=3),
    },
)


OPTIONS: dict[JsonOptions, dict[str, bool]] = {
    JsonOptions(): {},
    JsonOptions(prints_proto_names=True): {"preserving_proto_field_name": True},
    JsonOptions(prints_numbers=True): {"use_integers_for_enums": True},
    JsonOptions(prints_defaults=True): {"always_print_fields_with_no_presence": True},
}
WRITERS = {options: MessageShapes(CATALOG, options).of(BOOK) for options in OPTIONS}


def parsed(document: Any) -> Any:
    return json_format.ParseDict(document, SHAPE.cls(), descriptor_pool=CATALOG.pool)


def is_json(value: Any) -> bool:
    """Does it have no number that JSON has not?"""
    if isinstance(value, dict):
        return all(map(is_json, value.values()))
    return all(map(is_json, value)) if isinstance(value, list) else not isinstance(value, float) or math.isfinite(value)


@given(_BOOKS.filter(is_json), _KIND)
def test_it_reads_and_writes_as_json_format_does(book: dict[str, Any], kind: dict[str, Any]) -> None:
    document = orjson.loads(orjson.dumps({**book, **kind}))
    expected = parsed(document)
    made = SHAPE.make(SHAPE.convert(document, DEEPEST))
    assert made.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    for options, theirs in OPTIONS.items():
        if options.prints_numbers and "nothing" in kind:
            continue  # it writes 0 there, which is no JSON of NullValue
        written = WRITERS[options].dump(made)
        told: Any = json_format.MessageToDict(expected, descriptor_pool=CATALOG.pool, **theirs)  # type: ignore[arg-type]
        assert orjson.loads(orjson.dumps(written)) == orjson.loads(orjson.dumps(told))


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from(["", "x", "1", "true", "RED", "1s", "1.5"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "1", "x"]), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(sorted(SHAPE.fields)), _ANYTHING, min_size=1, max_size=2))
def test_what_it_takes_json_format_takes_as_the_same(document: dict[str, Any]) -> None:
    try:
        made = SHAPE.make(SHAPE.convert(document, DEEPEST))
    except MisfitError:
        return  # it is stricter here and there
    if document.get("values", 0) is None:
        assert not made.values  # json_format fails in another way there
        return
    assert made.SerializeToString(deterministic=True) == parsed(document).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("document", "place", "why"),
    [
        ([], "", "expected an object, got a list"),
        ({"nope": 1}, "nope", "library.v1.Book has no such field"),
        ({"name": 3}, "name", "expected a string, got a number"),
        ({"name": {"name": "x"}}, "name", "expected a string, got an object"),
        ({"authors": [{}, {"prizes": ["a", 1]}]}, "authors[1].prizes[1]", "expected a string, got a number"),
        ({"authors": [None]}, "authors[0]", "expected a value, got null"),
        ({"ratings": {"a": None}}, "ratings.a", "expected a value, got null"),
        ({"ratings": {"a": 2**31}}, "ratings.a", "expected a whole number of 32 bits, got one out of its range"),
        ({"editions": {"x": {}}}, "editions.x", "expected a whole number of 64 bits, got other text"),
        ({"byFlag": {"True": 1}}, "byFlag.True", "expected true or false, got a string"),
        ({"id": 1.5}, "id", "expected a whole number of 64 bits, got a number"),
        ({"id": "1_0"}, "id", "expected a whole number of 64 bits, got other text"),
        ({"id": 2**63}, "id", "out of its range"),
        ({"id": True}, "id", "got true or false"),
        ({"views": -1}, "views", "expected an unsigned whole number of 64 bits, got one out of its range"),
        ({"inPrint": 1}, "inPrint", "expected true or false, got a number"),
        ({"color": "BLUE"}, "color", "expected one of COLOR_UNSPECIFIED, RED, GREEN, got other text"),
        ({"cover": "***"}, "cover", "expected a string of base64, got other text"),
        ({"cover": "A"}, "cover", "expected a string of base64"),
        ({"weight": 1e300}, "weight", "out of its range"),
        ({"price": "1e999"}, "price", "out of its range"),
        ({"publishedAt": "yesterday"}, "publishedAt", ""),
        ({"publishedAt": 7}, "publishedAt", "expected a string, got a number"),
        ({"copies": "x"}, "copies", "expected a whole number of 64 bits"),
        ({"extra": []}, "extra", ""),
        ({"blob": {"@type": "type.googleapis.com/no.Such"}}, "blob", ""),
        ({"novel": "a", "essay": {}}, "essay", "beside another field of the oneof kind"),
        ({"novel": "a", "nothing": None}, "nothing", "beside another field of the oneof kind"),
        (
            {"publishedAt": None, "published_at": "2020-01-01T00:00:00Z", "read_time": "1s", "readTime": "1s"},
            "readTime",
            "given twice",
        ),
    ],
)
def test_what_does_not_fit_is_named(document: Any, place: str, why: str) -> None:
    with pytest.raises(MisfitError) as error:
        SHAPE.convert(document, DEEPEST)
    assert error.value.place == place
    assert why in error.value.why


def test_null_is_the_lack_of_a_value_where_it_is_none() -> None:
    document = {
        "name": None,
        "authors": None,
        "ratings": None,
        "copies": None,
        "essay": None,
        "anything": None,
        "nothing": None,
    }
    assert SHAPE.convert(document, DEEPEST).keys() == {"anything", "nothing"}
    made = SHAPE.make(SHAPE.convert(document, DEEPEST))
    assert made.HasField("nothing")
    assert made.anything.WhichOneof("kind") == "null_value"


def test_depth_is_bounded() -> None:
    document: dict[str, Any] = {}
    for _ in range(DEEPEST + 1):
        document = {"teacher": document}
    with pytest.raises(MisfitError, match="more than 100 messages inside each other"):
        SHAPE.convert({"authors": [document]}, DEEPEST)
    value: Any = 1
    for _ in range(DEEPEST + 1):
        value = [value]
    with pytest.raises(MisfitError):
        SHAPE.convert({"anything": value}, DEEPEST)


def test_unknown_keys_are_passed_over_where_that_is_meant() -> None:
    shape = MessageShapes(CATALOG, JsonOptions(ignores_unknown=True)).of(BOOK)
    assert shape.convert({"nope": 1, "authors": [{"x": 1, "name": "a"}]}, DEEPEST) == {"authors": [{"name": "a"}]}


def test_any_has_its_type_and_what_it_is() -> None:
    document = {"blob": {"@type": "type.googleapis.com/library.v1.Author", "name": "a"}}
    made = SHAPE.make(SHAPE.convert(document, DEEPEST))
    assert SHAPE.dump(made) == document
    made.blob.type_url = "type.googleapis.com/no.Such"
    with pytest.raises(MisfitError):
        SHAPE.dump(made)


@pytest.mark.parametrize("fields", [{"published_at": {"nanos": -1}}, {"read_time": {"seconds": 1, "nanos": -1}}])
def test_what_json_has_nothing_for_is_told(fields: dict[str, Any]) -> None:
    with pytest.raises(MisfitError):
        SHAPE.dump(SHAPE.make(fields))


def test_one_field_alone() -> None:
    made = SHAPE.make({"authors": [{"name": "a"}], "id": 7})
    assert SHAPE.dump_field(made, SHAPE.fields["authors"]) == [{"name": "a"}]
    assert SHAPE.dump_field(made, SHAPE.fields["id"]) == "7"
    assert SHAPE.dump_field(made, SHAPE.fields["title"]) == ""
