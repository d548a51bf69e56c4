"""What a scalar may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config import values
from tests.unit.config.values_stage import Parse, anything, beginnings, is_hidden, parsers, said_of

GOOD: list[tuple[Parse, object, object]] = [
    (values.duration(), "30s", 30.0),
    (values.duration(least=5), "5s", 5.0),
    (values.duration(least=5), "0", 0.0),
    (values.duration(), "800ms", 0.8),
    (values.duration(), "1h30m", 5400.0),
    (values.duration(), "1.5", 1.5),
    (values.duration(), 2, 2.0),
    (values.duration(), "0", 0.0),
    (values.size(), "32KiB", 32768),
    (values.size(), "10MB", 10_000_000),
    (values.size(), "1.5KiB", 1536),
    (values.size(), "10 mb", 10_000_000),
    (values.size(), "17", 17),
    (values.size(), 17, 17),
    (values.whole(1, 9), "7", 7),
    (values.boolean, "true", True),
    (values.boolean, "False", False),
    (values.boolean, True, True),
    (values.workers, "auto", 0),
    (values.workers, "8", 8),
    (values.name, "a.b-c_9", "a.b-c_9"),
]

BAD: list[tuple[Parse, object, str]] = [
    (values.duration(least=5), "4999ms", "expected 0, which switches it off, or at least 5s, got '4999ms'"),
    (values.duration(), "10 parsecs", "expected a duration such as 800ms, 30s, 5m or 1h30m"),
    (values.duration(), "-1s", "expected a duration"),
    (values.duration(), "nan", "expected a duration"),
    (values.duration(), "\u0663s", "expected a duration"),  # a digit, but not one of ours
    (values.duration(), "9999d", "expected a duration of a year at most, got '9999d'"),
    (values.duration(), ["1s"], "expected a duration such as 30s or 800ms, got a list"),
    (values.duration(positive=True), "0", "expected a duration of at least 1ms, got '0'"),
    (values.size(), "32K", "expected a size such as 32KiB or 10MB (units B, KB, MB, GB, TB of 1000 and KiB"),
    (values.size(), "0.3B", "expected a whole number of bytes, got '0.3B'"),
    (values.size(1024, 1 << 20), "1", "expected a size from 1KiB to 1MiB, got '1'"),
    (values.size(), {}, "expected a size such as 32KiB, got a mapping"),
    (values.whole(1, 9), "10", "expected a whole number from 1 to 9, got '10'"),
    (values.whole(1, 9), "1.0", "expected a whole number, got '1.0'"),
    (values.whole(1, 9), "9" * 5000, "expected a whole number, got '9999"),
    (values.boolean, "yes", "expected true or false, got 'yes'; did you mean 'true'?"),
    (values.boolean, "nope", "expected true or false, got 'nope'"),
    (values.workers, "0", "expected auto or a whole number from 1 to 1024, got '0'"),
    (values.name, "a b", "expected a name of letters, digits, '_', '.' and '-', got 'a b'"),
    (values.name, None, "expected a name, got nothing"),
    (values.one_of("one", "two"), "too", "expected one or two, got 'too'; did you mean 'two'?"),
    (values.text("a path"), "a\nb", "expected a path without control characters, got 'a\\nb'"),
]


@pytest.mark.parametrize(("parse", "given_value", "expected"), GOOD)
def test_good_values(parse: Parse, given_value: object, expected: object) -> None:
    found = parse(given_value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("parse", "given_value", "message"), BAD)
def test_bad_values_say_what_is_wrong(parse: Parse, given_value: object, message: str) -> None:
    assert message in said_of(parse, given_value)


@given(parsers(*GOOD, *BAD), anything)
def test_any_value_is_read_or_refused(parse: Parse, value: object) -> None:
    assert said_of(parse, value).isprintable()


@given(parsers(*GOOD, *BAD), beginnings, st.text(max_size=20))
def test_what_came_from_the_environment_is_not_shown(parse: Parse, start: str, end: str) -> None:
    assert is_hidden(parse, start, end)


def test_long_values_are_cut() -> None:
    assert values.shown("x" * 500) == repr("x" * 57 + "...")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ("9" * 30, int("9" * 30)),
    ],
)
def test_what_json_takes_for_a_value(text: str, value: object) -> None:
    assert values.Plain.of(text) == value and type(values.Plain.of(text)) is type(value)


@pytest.mark.parametrize("text", ["", "007", "+1", ".5", "1.", "1_000", "0x10", "True", "yes", "nan", "9" * 2000])
def test_what_json_takes_for_no_value(text: str) -> None:
    assert values.Plain.of(text) is None


def test_names_of_files() -> None:
    assert values.file_name("index.html") == "index.html" and values.file_name("") == ""
    for wrong in ("a/b", ".hidden", "..", "a\0b", "x" * 256):
        with pytest.raises(ValueError):
            values.file_name(wrong)
