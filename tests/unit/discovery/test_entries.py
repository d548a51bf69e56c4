"""Lists of members as text: what an entry may be, and that a bad one costs no other."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.discovery.entries import DEEPEST, ENTRIES_MOST, parse_json, parse_yaml
from fastgw.discovery.listing import ListedMember, SourceError

BOTH = """
- 10.0.0.5:9000
- {address: "[2001:db8::5]:9000", weight: 3, zone: eu-1, version: "1.10", metadata: {gpu: h100}}
"""
MEMBERS = [
    ListedMember(Address("10.0.0.5", 9000)),
    ListedMember(Address("2001:db8::5", 9000), 3, "eu-1", (("gpu", "h100"), ("version", "1.10"))),
]


def test_an_address_or_a_mapping() -> None:
    assert parse_yaml(BOTH) == (MEMBERS, [])
    text = json.dumps(
        [
            "10.0.0.5:9000",
            {
                "address": "[2001:db8::5]:9000",
                "weight": 3,
                "zone": "eu-1",
                "version": "1.10",
                "metadata": {"gpu": "h100"},
            },
        ]
    )
    assert parse_json(text) == (MEMBERS, [])
    assert parse_yaml(text) == (MEMBERS, [])


def test_texts_stay_as_they_are_written() -> None:
    (member,), _ = parse_yaml(
        "- {address: 1.1.1.1:1, version: 1.10, metadata: {a: yes, b: 2026-01-01, c: 0x10, d: 1e3}}"
    )
    assert dict(member.metadata) == {"version": "1.10", "a": "yes", "b": "2026-01-01", "c": "0x10", "d": "1e3"}
    (member,), _ = parse_json('[{"address": "1.1.1.1:1", "version": 1.10, "metadata": {"a": true, "b": 7}}]')
    assert dict(member.metadata) == {"version": "1.10", "a": "true", "b": "7"}


def test_nobody_is_a_list_too() -> None:
    assert parse_yaml("[]\n") == parse_json("[]") == ([], [])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("10.0.0.6", "has no port"),
        ("vision.test:80", "is no IP address"),
        ("", "is neither an address nor a mapping"),
        ("[1]", "a list is no part of an entry"),
        ("{weight: 1}", "has no address"),
        ("{address: 10.0.0.6:1, weigth: 2}", "has the key 'weigth'; there are address, weight"),
        ("{address: 10.0.0.6:1, weight: 0}", "the weight 0 is no whole number"),
        ("{address: 10.0.0.6:1, weight: '2'}", "the weight '2' is no whole number"),
        ("{address: 10.0.0.6:1, weight: 1.5}", "the weight '1.5' is no whole number"),
        ("{address: 10.0.0.6:1, weight: 99999999999999}", "is no whole number from 1"),
        ("{address: 10.0.0.6:1, zone: }", "the zone is no text"),
        ("{address: 10.0.0.6:1, zone: [a]}", "zone: a list is no part"),
        ("{address: 10.0.0.6:1, metadata: x}", "the metadata is no mapping"),
        ("{address: 10.0.0.6:1, metadata: {a: {b: c}}}", "a value of the metadata is no text"),
        ("{address: 10.0.0.6:1, metadata: {a: [b]}}", "metadata: a list is no part"),
        ("{address: 10.0.0.6:1, version: 1, metadata: {version: 2}}", "has a version and metadata"),
        ("{address: 10.0.0.6:1, version: 1, metadata: x}", "has a version and metadata that is no mapping"),
        ("{address: 10.0.0.6:1, address: 10.0.0.7:1}", "has the key 'address' twice"),
        ("{[a]: 10.0.0.6:1}", "a key is no text"),
        ("!!python/object:os.system x", "a tag is no part"),
        ("!x {address: 10.0.0.6:1}", "a tag is no part"),
        ("&a 10.0.0.6:80\n- *a", "an alias is no part"),
        ("{<<: {address: 10.0.0.6:1}}", "has the key '<<'"),
    ],
)
def test_a_bad_entry_costs_no_other(entry: str, reason: str) -> None:
    members, skipped = parse_yaml(f"- 10.0.0.5:9000\n- {entry}\n- 10.0.0.9:9000\n")
    assert [str(one.address) for one in members if one.address.host != "10.0.0.6"] == ["10.0.0.5:9000", "10.0.0.9:9000"]
    (only,) = skipped
    assert reason in only.reason
    assert only.entry == ("line 3" if "*a" in entry else "line 2") or "*a" in entry


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("7", "is neither an address nor a mapping"),
        ("null", "is neither an address nor a mapping"),
        ('["10.0.0.6:1"]', "is neither an address nor a mapping"),
        ('{"address": 7}', "7 is no address"),
        ('{"address": "10.0.0.6:1", "weight": true}', "the weight True is no whole number"),
        ('{"address": "10.0.0.6:1", "address": "10.0.0.7:1"}', "has a key twice"),
        ('{"address": "10.0.0.6:1", "metadata": {"a": 1, "a": 2}}', "metadata: has a key twice"),
        ('{"address": "10.0.0.6:1", "metadata": {"a": null}}', "a value of the metadata is no text"),
        ('{"address": "10.0.0.6:1", "metadata": {"a": {"b": 1, "b": 2}}}', "metadata: has a key twice"),
    ],
)
def test_a_bad_entry_of_json(entry: str, reason: str) -> None:
    members, ((place, said),) = parse_json(f'["10.0.0.5:9000", {entry}]')
    assert [str(one.address) for one in members] == ["10.0.0.5:9000"]
    assert place == "entry 2" and reason in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; a list with nobody in it is []"),
        ("# nobody\n", "is empty"),
        ("a: b\n", "line 1: has no list of members at its top"),
        ("10.0.0.5:9000", "line 1: has no list"),
        ("- 10.0.0.5:9000\n- {address: 10.", "line 2: is not valid YAML: while parsing a flow mapping"),
        ("- 1\n- 2\n---\n- 3\n", "line 3: is not valid YAML: expected a single document"),
        ("- 1\n- a\0\n", "line 2: is not valid YAML"),
        ("-" + " [" * (DEEPEST + 1), f"more than {DEEPEST} levels of nesting"),
        ("[" + "1," * (ENTRIES_MOST + 1) + "]", f"has more than {ENTRIES_MOST} entries"),
    ],
)
def test_what_is_no_list_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_yaml(text)
    assert caught.value.cause == "invalid" and said in caught.value.detail


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; a list with nobody in it is []"),
        ("{}", "has no list of members at its top"),
        ('["10.0.0.5:9000",\n "10.', "line 2: is not valid JSON"),
        ("[" * 100_000, "is nested too deeply"),
        ("[1" + "0" * 5000 + "]", "has a number that is too long"),
        ("[" + "1," * ENTRIES_MOST + "1]", f"has more than {ENTRIES_MOST} entries"),
    ],
)
def test_json_that_is_no_list_is_refused(text: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_json(text)
    assert caught.value.cause == "invalid" and said in caught.value.detail


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
ENTRIES = VALUES | st.fixed_dictionaries({"address": st.just("10.0.0.5:9000") | VALUES}, optional={"metadata": VALUES})


@given(st.lists(ENTRIES, max_size=5))
def test_whatever_entries_hold_each_is_a_member_or_skipped(entries: list[object]) -> None:
    members, skipped = parse_json(json.dumps(["10.0.0.9:1", *entries]))
    assert len(members) + len(skipped) == len(entries) + 1
    assert ListedMember(Address("10.0.0.9", 1)) in members


@given(st.text())
def test_whatever_a_text_is_it_is_a_list_or_refused(text: str) -> None:
    for parse in (parse_yaml, parse_json):
        with contextlib.suppress(SourceError):
            members, skipped = parse(text)
            assert len(members) + len(skipped) <= ENTRIES_MOST
