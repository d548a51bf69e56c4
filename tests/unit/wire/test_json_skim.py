"""What a skim of JSON finds and refuses: both forms by the same table, against `orjson`, at every split."""

from __future__ import annotations

import runpy
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire import json_skim as chooser
from fastgw.wire.json_value import (
    AMBIGUOUS,
    ARRAY,
    DEPTH_MAX,
    FALSE,
    MALFORMED,
    NOT_AN_OBJECT,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TOO_DEEP,
    TRUE,
    JsonError,
    JsonValue,
)
from tests.support.examples import examples
from tests.unit.wire.documents import FORMS, KEYS, document, judge, outcome, whole

MANY = 100_000
both = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__.rpartition(".")[2])


def found(form: ModuleType, data: bytes, *keys: bytes, **options: Any) -> list[JsonValue | None]:
    skim = form.Skim(keys, **options)
    skim.feed(data)
    skim.finish()
    values: list[JsonValue | None] = skim.found
    return values


def refused(form: ModuleType, data: bytes, *keys: bytes) -> tuple[str, int]:
    with pytest.raises(JsonError) as caught:
        found(form, data, *keys or (b"model",))
    assert whole(form, data, keys or (b"model",))[:2] == (caught.value.reason, caught.value.offset)
    assert f"(byte {caught.value.offset})" in str(caught.value)
    return caught.value.reason, caught.value.offset


def test_chooser_has_one_of_them() -> None:
    assert chooser.Skim is FORMS[-1].Skim


@both
def test_values_of_every_kind_in_any_order(form: ModuleType) -> None:
    data = b'{"g":[1,{"a":2}],"f":{"a":[3]},"e":null,"d":false,"c":true,"b":-1.5e3,"a":"x"}'
    kinds = [STRING, NUMBER, TRUE, FALSE, NULL, OBJECT, ARRAY]
    raws = [b'"x"', b"-1.5e3", b"true", b"false", b"null", b'{"a":[3]}', b'[1,{"a":2}]']
    told = found(form, data, b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h")
    assert told[-1] is None
    for value, kind, raw in zip(told, kinds, raws, strict=False):
        assert value == JsonValue(kind, data.index(b":" + raw) + 1, data.index(b":" + raw) + 1 + len(raw), raw)


@both
def test_white_space_is_none_of_a_value(form: ModuleType) -> None:
    data = b' \t\r\n{ "model" \n:\t"x" , "n" : 1 } \n'
    assert found(form, data, b"model", b"n") == [JsonValue(STRING, 17, 20, b'"x"'), JsonValue(NUMBER, 29, 30, b"1")]
    assert found(form, b"{}", b"model") == [None]


@both
@pytest.mark.parametrize(
    "data", [b'{"messages":[{"model":"no"}],"model":"yes"}', b'{"model":"yes","x":{"model":"no"}}']
)
def test_only_keys_of_the_outermost_object_count(form: ModuleType, data: bytes) -> None:
    (value,) = found(form, data, b"model")
    assert value is not None and value.raw == b'"yes"'


@both
@pytest.mark.parametrize(
    "data",
    [
        b'{"\\u006dodel":"x"}',
        b'{"\\u006D\\u006F\\u0064\\u0065\\u006c":"x"}',
        b'{"x":"\\"model\\":\\"no\\"","model":"x"}',
        b'{"model\\u0000":1,"model\\ud83d\\ude00":2,"mode\\l":3,"model":"x"}'.replace(b"\\l", b"\\/"),
        b'{"\xc3\xa9model":1,"' + b"m" * 100 + b'":2,"model":"x"}',
    ],
)
def test_keys_are_compared_as_they_are_meant(form: ModuleType, data: bytes) -> None:
    (value,) = found(form, data, b"model")
    assert value is not None and value.raw == b'"x"'


@both
@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b'{"model":"a","model":"b"}', 13),
        (b'{"model":"a","x":1, "\\u006dodel":"b"}', 20),
        (b'{"model":"a","Model":"b"}', 13),
        (b'{"MODEL":"b"}', 1),
        (b'{"x":0,"\\u004dodel":"b"}', 7),
    ],
)
def test_a_key_that_readers_read_differently_is_refused(form: ModuleType, data: bytes, offset: int) -> None:
    assert refused(form, data) == (AMBIGUOUS, offset)


@both
@pytest.mark.parametrize(
    ("key", "written"),
    [
        (b"max_tokens", "max_to\u212aens"),
        (b"max_tokens", "MAX_TO\\u212AEN\\u017f"),
        (b"user", "u\u017fer"),
        (b"max_completion_tokens", "max_completion_to\u212aen\u017f"),
    ],
)
def test_letters_that_fold_to_others_are_those_for_a_reader_in_go(form: ModuleType, key: bytes, written: str) -> None:
    assert refused(form, f'{{"{written}":1}}'.encode(), key) == (AMBIGUOUS, 1)
    assert found(form, f'{{"x{written}":1}}'.encode(), key) == [None]


@both
def test_an_error_names_the_key(form: ModuleType) -> None:
    for data in (b'{"model":1,"model":2}', b'{"Model":1}'):
        with pytest.raises(JsonError, match="'model'") as caught:
            found(form, data, b"stream", b"model")
        assert caught.value.key == b"model"


@both
@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b'{"a":tru }', 8),
        (b'{"a":nulL}', 8),
        (b'{"a":01}', 6),
        (b'{"a":-}', 6),
        (b'{"a":1.}', 7),
        (b'{"a":1e}', 7),
        (b'{"a":1e+}', 8),
        (b'{"a":.5}', 5),
        (b'{"a":NaN}', 5),
        (b'{"a":"\n"}', 6),
        (b'{"a":"\\x"}', 7),
        (b'{"a":"\\u00g0"}', 10),
        (b'{"a":"\\u00:0"}', 10),
        (b'{"a":"\\ud800"}', 12),
        (b'{"a":"\\ud800\\n"}', 13),
        (b'{"a":"\\ud800\\ud800"}', 17),
        (b'{"a":"\\udc00"}', 11),
        (b'{"a":"\x80"}', 6),
        (b'{"a":"\xc0\xaf"}', 6),
        (b'{"a":"\xe0\x80\x80"}', 7),
        (b'{"a":"\xed\xa0\x80"}', 7),
        (b'{"a":"\xf0\x80\x80\x80"}', 7),
        (b'{"a":"\xf4\x90\x80\x80"}', 7),
        (b'{"a":"\xf5\x80\x80\x80"}', 6),
        (b'{"a":"\xe2\x82"}', 8),
        (b'{"a":1,}', 7),
        (b'{"a" 1}', 5),
        (b'{"a":1 "b":2}', 7),
        (b'{"a":[1}', 7),
        (b'{"a":[1,]}', 8),
        (b'{"a":{]}', 6),
        (b"{a:1}", 1),
        (b"{,}", 1),
        (b"{} {}", 3),
        (b"{}\x00", 2),
        (b"{", 1),
        (b'{"a":"', 6),
        (b'{"a":1', 6),
        (b'{"a":1}x', 7),
    ],
)
def test_what_is_no_json(form: ModuleType, data: bytes, offset: int) -> None:
    assert refused(form, data) == (MALFORMED, offset)


@both
@pytest.mark.parametrize(
    "data", [b"", b" ", b"[]", b"1", b'"model"', b"null", b"\xef\xbb\xbf{}", b"<html>", b"\xff\xfe{\x00}\x00"]
)
def test_what_is_no_object(form: ModuleType, data: bytes) -> None:
    assert refused(form, data)[0] == NOT_AN_OBJECT


@both
def test_depth_has_a_bound(form: ModuleType) -> None:
    deep = DEPTH_MAX - 1
    assert found(form, b'{"model":' + b"[" * deep + b"]" * deep + b"}", b"model")[0] is not None
    assert refused(form, b'{"a":' + b"[" * deep + b"[") == (TOO_DEEP, 5 + deep)
    assert refused(form, b'{"a":' + b'{"a":' * DEPTH_MAX) == (TOO_DEEP, 5 * DEPTH_MAX)


@both
def test_only_so_much_of_a_value_is_kept(form: ModuleType) -> None:
    data = b'{"model":"' + b"x" * 50 + b'","n":"12"}'
    assert found(form, data, b"model", b"n", value_max=51) == [
        JsonValue(STRING, 9, 61, None),
        JsonValue(STRING, 66, 70, b'"12"'),
    ]
    skim = form.Skim((b"model", b"n"), value_max=51)
    for place in range(len(data)):
        skim.feed(data[place : place + 1])
    assert skim.found == [JsonValue(STRING, 9, 61, None), JsonValue(STRING, 66, 70, b'"12"')]
    assert found(form, data, b"model", value_max=52)[0] == JsonValue(STRING, 9, 61, data[9:61])


@both
def test_enough_is_enough(form: ModuleType) -> None:
    skim = form.Skim((b"model", b"n"), 1)
    assert not skim.feed(b'{"n":1,"model"') and not skim.is_over
    assert skim.feed(b':"x", this is not JSON') and skim.is_over
    assert skim.feed(b"nor this")
    skim.finish()
    assert skim.found == [JsonValue(STRING, 15, 18, b'"x"'), JsonValue(NUMBER, 5, 6, b"1")]


@both
def test_long_strings_are_passed_whole_or_in_pieces(form: ModuleType) -> None:
    text = ("plain text of a prompt, " * 40 + "\u00e9\u20ac\U0001f600" + '\\n\\"') * 20
    data = b'{"messages":"' + text.encode() + b'","model":"x"}'
    for size in (1, 31, 32, 33, 1000, len(data)):
        told = outcome(form, [data[at : at + size] for at in range(0, len(data), size)])
        assert told[0] == JsonValue(STRING, len(data) - 4, len(data) - 1, b'"x"')


@both
def test_keys_are_bytes(form: ModuleType) -> None:
    if form is FORMS[-1] and len(FORMS) > 1:
        with pytest.raises(TypeError):
            form.Skim(("model",))
        with pytest.raises(ValueError, match="more keys"):
            form.Skim(tuple(b"k%d" % number for number in range(17)))
    assert form.Skim(KEYS).keys == KEYS


@both
def test_values_by_their_place(form: ModuleType) -> None:
    skim = form.Skim((b"a", b"b"))
    skim.feed(b'{"b":1}')
    assert (skim.value(0), skim.value(1)) == (None, JsonValue(NUMBER, 5, 6, b"1")) == tuple(skim.found)
    for ask in (skim.value, skim.kind, skim.raw, skim.number):
        for place in (-1, 2):
            with pytest.raises(IndexError):
                ask(place)


@both
@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0", 0),
        ("256", 256),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, -1),
        ("-1", -1),
        ("1.0", -1),
        ("1e3", -1),
        ('"1"', -1),
        ("true", -1),
    ],
)
def test_whole_numbers(form: ModuleType, written: str, number: int) -> None:
    skim = form.Skim((b"a", b"b"), 0, 20)
    skim.read(b'{"b":%b}' % written.encode())
    assert (skim.number(0), skim.number(1)) == (-1, number)


@both
def test_what_is_read_at_once_is_what_was_not_fed(form: ModuleType) -> None:
    skim = form.Skim((b"a", b"b"))
    skim.feed(b'{"b":2,"a":')
    skim.read(b"1}")
    assert skim.found == [JsonValue(NUMBER, 11, 12, b"1"), JsonValue(NUMBER, 5, 6, b"2")]
    skim = form.Skim((b"a", b"b"), 1)
    skim.read(b'{"a":1, this is not read')
    assert skim.is_over and skim.found == [JsonValue(NUMBER, 5, 6, b"1"), None]
    skim = form.Skim((b"a",), 0, 3)
    skim.read(b'{"a":"four"}')
    assert skim.found == [JsonValue(STRING, 5, 11, None)]


@pytest.mark.no_cover
@settings(max_examples=examples(400), deadline=None)
@given(st.randoms(use_true_random=False))
def test_orjson_reads_the_same_at_every_split(random: Random) -> None:
    data = document(random)
    told = outcome(FORMS[0], [data])
    judge(data, told)
    for form in FORMS:
        assert outcome(form, [data]) == told == whole(form, data), data
        assert outcome(form, [data[at : at + 1] for at in range(len(data))]) == told, data
        for cut in range(len(data)):
            assert outcome(form, [data[:cut], data[cut:]]) == told, (data, cut)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_orjson_reads_the_same_of_very_many(request: pytest.FixtureRequest) -> None:
    """The compiled form at every split, the plain one whole and at some; every second document is a large one."""
    random = Random(request.config.option.hypothesis_seed)
    for number in range(MANY):
        data = document(random, is_large=number % 2 == 1)
        told = outcome(FORMS[0], [data])
        judge(data, told)
        for cut in random.choices(range(len(data) + 1), k=2):
            assert outcome(FORMS[0], [data[:cut], data[cut:]]) == told, (data, cut)
        for cut in range(len(data) if FORMS[1:] else 0):
            assert outcome(FORMS[-1], [data[:cut], data[cut:]]) == told, (data, cut)


@pytest.mark.no_cover
@settings(max_examples=examples(60), deadline=None)
@given(st.randoms(use_true_random=False))
def test_orjson_reads_the_same_of_large_documents(random: Random) -> None:
    data = document(random, is_large=True)
    told = outcome(FORMS[0], [data])
    judge(data, told)
    for cut in random.choices(range(len(data) + 1), k=3):
        for form in FORMS:
            assert outcome(form, [data[:cut], data[cut:]]) == told, (data, cut)


@pytest.mark.no_cover
@settings(max_examples=examples(400), deadline=None)
@given(st.binary(max_size=40), st.integers(0, 40))
def test_bytes_that_are_no_json_have_one_reading_too(data: bytes, cut: int) -> None:
    data = b'{"model":"' + data
    told = outcome(FORMS[0], [data])
    judge(data, told)
    for form in FORMS:
        assert outcome(form, [data[:cut], data[cut:]]) == told == whole(form, data)


def test_without_the_extension_the_twin_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert runpy.run_path(str(Path(chooser.__file__)))["Skim"] is FORMS[0].Skim
