"""Topics and filters of MQTT: against regular expressions, and against every topic that there is of a few levels."""

from __future__ import annotations

import re
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.mqtt_topics import (
    LEVELS_MOST,
    TOPIC_MOST,
    TopicError,
    TopicFilter,
    check_topic,
    fill_topic,
    text_problem,
    topic_part,
)
from tests.support.examples import examples

#: Every topic of one to four levels; "z" is named by no filter here.
TOPICS = ["/".join(levels) for count in range(1, 5) for levels in product(["a", "$s", "", "z"], repeat=count)]
TOPICS.remove("")
LEVELS = st.lists(st.sampled_from(["a", "$s", "", "+"]), min_size=0, max_size=3)
FILTERS = st.tuples(LEVELS, st.sampled_from([[], ["#"]])).map(lambda two: "/".join(two[0] + two[1])).filter(bool)


@cache
def matched(text: str) -> frozenset[str]:
    """By a regular expression, as another would write it."""
    found = re.escape(text).replace(r"\+", "[^/]*").replace("/\\#", "(/.*)?").replace("\\#", ".*")
    first = "(?!\\$)" if text[0] in "+#" else ""
    return frozenset(filter(re.compile(first + found).fullmatch, TOPICS))


@settings(max_examples=examples(400))
@given(FILTERS)
def test_a_filter_matches_what_its_expression_does(text: str) -> None:
    one = TopicFilter(text)
    assert {topic for topic in TOPICS if one.matches(topic)} == matched(text)


@settings(max_examples=examples(1200))
@given(FILTERS, FILTERS)
def test_a_filter_contains_another_if_it_matches_all_that_the_other_does(wide: str, narrow: str) -> None:
    assert TopicFilter(wide).contains(TopicFilter(narrow)) == (matched(wide) >= matched(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow", "is_in"),
    [
        ("a/#", "a", True),
        ("a/#", "a/+/#", True),
        ("a/+", "a/#", False),
        ("+/#", "#", True),
        ("a/+/#", "a/#", False),
        ("#", "$SYS/a", False),
        ("$SYS/#", "$SYS/a/+", True),
        ("devices/7/#", "devices/+/up", False),
        ("devices/+/up", "devices/7/up", True),
        ("a/b", "$share/one/a/b", True),
        ("#", "$share/one/$SYS/a", False),
    ],
)
def test_wildcards_do_not_widen_what_is_allowed(wide: str, narrow: str, is_in: bool) -> None:
    assert TopicFilter(wide).contains(TopicFilter(narrow)) == is_in


def test_a_shared_subscription_is_its_filter_with_a_name() -> None:
    shared = TopicFilter("$share/pool/devices/+")
    assert (shared.share, shared.levels, shared.text) == ("pool", ("devices", "+"), "$share/pool/devices/+")
    assert shared.matches("devices/7") and not shared.matches("$share/pool/devices/7")
    assert TopicFilter("$share/pool//a").levels == ("", "a")
    assert TopicFilter("$shared/x").share == "" and repr(shared) == "TopicFilter('$share/pool/devices/+')"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a#", "shares a level"),
        ("a/b+/c", "shares a level"),
        ("a/#/c", "not its last level"),
        ("##", "shares a level"),
        ("$share/", "without a name"),
        ("$share/a", "without a name"),
        ("$share/a/", "without a name"),
        ("$share//a", "without a name"),
        ("$share/+/a", "wildcard in its name"),
        ("a\0b", r"control character U\+0000"),
        ("a\x9fb", r"control character U\+009F"),
        ("a\ud800b", r"U\+D800, which is no character"),
        ("a\ufffeb", r"U\+FFFE"),
        ("\U0001ffff", r"U\+1FFFF"),
        ("\ufdd0", r"U\+FDD0"),
        ("a" * (TOPIC_MOST + 1), "more than 65535 bytes"),
        ("\u20ac" * (TOPIC_MOST // 3 + 1), "more than 65535 bytes"),
        ("/" * LEVELS_MOST, "more than 128 levels"),
    ],
)
def test_what_is_no_filter(text: str, words: str) -> None:
    with pytest.raises(TopicError, match=words):
        TopicFilter(text)


def test_what_is_a_topic() -> None:
    for text in ("a", "/", "a//b", "$SYS/x", "\u20ac \U0001f600", "a" * TOPIC_MOST, "/" * (LEVELS_MOST - 1)):
        check_topic(text)
        assert not text_problem(text)
    for text in ("", "a/+", "#", "a+b", "a\0"):
        with pytest.raises(TopicError):
            check_topic(text)


def test_a_topic_is_filled_with_parts_of_one_level() -> None:
    parts = (b"devices/", "id", b"/up")
    assert fill_topic(parts, {"id": b"7-\xe2\x82\xac"}.__getitem__) == "devices/7-\u20ac/up"
    assert fill_topic((b"a/#",), str.encode) == "a/#"
    with pytest.raises(TopicError, match=r'^\$\{id\} has a "/", and cannot be a part of a topic$'):
        fill_topic(parts, {"id": b"7/down"}.__getitem__)


@pytest.mark.parametrize("value", [b"", b"a/b", b"+", b"x#", b"$SYS", b"a$", b"a\0", b"\xff", b"a\nb"])
def test_no_part_of_a_topic_is_more_than_one(value: bytes) -> None:
    with pytest.raises(TopicError, match=r"^the name .* cannot be a part of a topic$"):
        topic_part(value, "the name")


@given(st.binary(max_size=6))
def test_whatever_the_part_is_the_topic_has_its_levels(value: bytes) -> None:
    try:
        topic = fill_topic((b"a/", "x", b"/b"), lambda _: value)
    except TopicError:
        return
    check_topic(topic)
    assert topic.count("/") == 2 and TopicFilter(topic).matches(topic) and TopicFilter("a/+/b").matches(topic)
