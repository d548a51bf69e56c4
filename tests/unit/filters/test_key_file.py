"""The file of keys: what is read of it, what is written, and what is told of mistakes."""

from __future__ import annotations

import contextlib
import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.key_file import (
    MOST_KEYS,
    ApiKey,
    FormerKey,
    KeyLimit,
    digest_of,
    dump_keys,
    is_secret,
    label_of,
    limit_of,
    moment,
    new_secret,
    parse_keys,
    refuse_name,
    told_moment,
)

HASH = "ab" * 32


def file(*keys: Any) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


def key(**more: Any) -> dict[str, Any]:
    return {"name": "ann", "sha256": HASH} | more


def test_what_a_key_says() -> None:
    data = file(
        key(
            created="2026-11-27T19:00:00Z",
            expires="2027-11-27T20:00:00+01:00",
            limits=[
                {"rate": "100/s", "burst": 200},
                {"rate": "12.50/30d", "unit": "cost"},
                {"rate": "10000/d"},
                {"max": 20},
            ],
            routes=["chat", "chat", "api"],
            models=["gpt-*", "gpt-*", "org/small:1b"],
            labels={"team": "search"},
            disabled=True,
            former={"sha256": "ef" * 32, "until": "2026-11-28"},
        ),
        key(name="bob@b.example", sha256="cd" * 32),
    )
    assert parse_keys(data) == (
        ApiKey(
            "ann",
            b"\xab" * 32,
            moment("2026-11-27T19:00:00Z"),
            moment("2027-11-27T19:00:00Z"),
            (KeyLimit("100/s", 200), KeyLimit("10000/d", 10000)),
            ("chat", "api"),
            ("gpt-*", "org/small:1b"),
            {"team": "search"},
            True,
            FormerKey(b"\xef" * 32, moment("2026-11-28")),
            (("cost", "12.50/30d"), ("max", "20")),
        ),
        ApiKey("bob@b.example", b"\xcd" * 32),
    )
    assert parse_keys(dump_keys(parse_keys(data))) == parse_keys(data)
    assert parse_keys(dump_keys(())) == ()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is no JSON: Expecting value in line 1"),
        (b'{"keys": [\n}', "is no JSON: Expecting value in line 2"),
        (b"[" * 100_000, "is no JSON: maximum recursion depth exceeded"),
        (b"[]", 'is no object with a list of "keys"'),
        (b'{"keys": {}}', 'is no object with a list of "keys"'),
        (b'{"keys": [], "key": []}', 'is no object with a list of "keys"'),
        (b'{"keys": [], "keys": []}', "two of the members are the same: 'keys'"),
        (file("x"), "keys[0] is no object"),
        (file({"name": "ann"}), "keys[0] has no 'sha256'"),
        (file({"sha256": HASH}), "keys[0] has no 'name'"),
        (
            file(key(colour="red")),
            "keys[0] has 'colour', and knows name, sha256, created, expires, limits, routes, models, labels, guardrails, disabled, former",
        ),
        (file(key(name="a b")), "keys[0].name: 'a b' is no name of letters, digits, '_', '.', '@' and '-'"),
        (file(key(name=7)), "keys[0].name: is no text"),
        (
            file(key(sha256=HASH.upper())),
            "keys[0].sha256: is no SHA-256 in 64 hexadecimal digits, in lower case",
        ),
        (file(key(sha256="fgw_x")), "keys[0].sha256: is no SHA-256 in 64 hexadecimal digits, in lower case"),
        (
            file(key(expires="soon")),
            "keys[0].expires: 'soon' is no time such as 2027-11-27 or 2027-11-27T12:00:00Z",
        ),
        (
            file(key(expires="2027-11-27T12:00:00")),
            "keys[0].expires: '2027-11-27T12:00:00' has no zone; write a Z behind it for UTC",
        ),
        (file(key(expires=7)), "keys[0].expires: is no text"),
        (file(key(limits="100/s")), "keys[0].limits: is no list of 8 limits at most"),
        (file(key(limits=[{"rate": "1/s"}] * 9)), "keys[0].limits: is no list of 8 limits at most"),
        (file(key(limits=[{"rate": "1/s"}] * 2)), "keys[0].limits: two of the rates are the same: '1/s'"),
        (
            file(key(limits=[{"rate": "100"}])),
            "keys[0].limits: '100' is no rate such as 100/s, 60/m, 1000/h or 5000/d",
        ),
        (file(key(limits=["100/s"])), 'keys[0].limits: has something else than objects of "rate" and "burst"'),
        (
            file(key(limits=[{"rate": "1/s", "burst": True}])),
            "keys[0].limits: has a rate that is no text, or a burst that is no number",
        ),
        (file(key(limits=[{"rate": "1/s", "burst": 0}])), "keys[0].limits: a burst of 0 is not 1 to 1000000"),
        (
            file(key(limits=[{"rate": "1/d", "burst": 400}])),
            "keys[0].limits: a burst of 400 takes more than a year to come back at 1/d",
        ),
        (
            file(key(limits=[{"rate": "1/s", "unit": "requests"}])),
            "keys[0].limits: 'requests' is no unit of tokens, prompt_tokens, completion_tokens, cost; for requests leave",
        ),
        (
            file(key(limits=[{"rate": "1/s", "unit": "cost", "burst": 1}])),
            "keys[0].limits: has something else than obj",
        ),
        (file(key(limits=[{"max": "7"}])), "keys[0].limits: has something else than objects of"),
        (file(key(limits=[{"max": 0}])), "keys[0].limits: expected more than 0"),
        (file(key(limits=[{"rate": "1.5/m", "unit": "tokens"}])), "keys[0].limits: tokens are whole numbers"),
        (file(key(limits=[{"rate": "x", "unit": "tokens"}])), "keys[0].limits: expected a rate such as"),
        (file(key(limits=[{"max": 7}] * 2)), "keys[0].limits: two of the limits of models are the same: 'max 7'"),
        (file(key(routes=[])), "keys[0].routes: is no list of names of routes; leave it out for all of them"),
        (file(key(models=[])), "keys[0].models: is no list of 1 to 64 names of models; leave it out for all of them"),
        (file(key(models=["a"] * 65)), "keys[0].models: is no list of 1 to 64 names of models"),
        (file(key(models=[7])), "keys[0].models: has something else than names of models"),
        (file(key(models=[""])), "keys[0].models: '' is no name of a model of 1 to 256 bytes"),
        (file(key(models=["a" * 257])), "keys[0].models: 'aaa"),
        (file(key(models=["\ud800"])), "keys[0].models: '\\ud800' is no name of a model"),
        (file(key(models=["*a*"])), "keys[0].models: '*a*' has more than one '*'"),
        (file(key(labels=[])), "keys[0].labels: is no object of 16 labels at most"),
        (file(key(labels={str(n): "x" for n in range(17)})), "keys[0].labels: is no object of 16 labels at most"),
        (file(key(labels={"a.b": "x"})), "keys[0].labels: 'a.b' is no name of a label"),
        (file(key(labels={"team": 7})), "keys[0].labels: 'team' is no text"),
        (file(key(labels={"team": ""})), "keys[0].labels: team is not 1 to 100 characters that can be printed"),
        (file(key(labels={"team": "a\nb"})), "keys[0].labels: team is not 1 to 100 characters that can be printed"),
        (file(key(disabled="yes")), "keys[0].disabled: is neither true nor false"),
        (file(key(former="x")), 'keys[0].former: is no object of "sha256" and "until"'),
        (file(key(former={"sha256": "x", "until": "2027-01-01"})), "keys[0].former: is no SHA-256"),
        (file(key(former={"sha256": HASH, "until": "2027-01-01"})), "two of the hashes are the same"),
        (file(key(), key(sha256="cd" * 32)), "two of the names are the same: 'ann'"),
        (file(key(), key(name="bob")), "two of the hashes are the same"),
        (
            file(*[{}] * (MOST_KEYS + 1)),
            f"has {MOST_KEYS + 1} keys, and {MOST_KEYS} are the most",
        ),
    ],
)
def test_what_is_no_such_file_is_told_and_no_hash_with_it(data: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_keys(data)
    assert str(caught.value).startswith(expected)
    assert HASH not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(
    ["name", "sha256", "created", "expires", "limits", "routes", "models", "labels", "disabled", "former"]
)


@given(st.dictionaries(members, json_values))
def test_whatever_it_says_it_is_read_or_refused_in_words(more: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        (found,) = parse_keys(file({"name": "ann", "sha256": HASH} | more))
        assert parse_keys(dump_keys([found])) == (found._replace(**whole_seconds(found)),)


def whole_seconds(key: ApiKey) -> dict[str, Any]:
    """Its times as they are written."""
    times = (("created", key.created), ("expires", key.expires))
    former = key.former and key.former._replace(until=float(key.former.until // 1))
    return {name: value and float(value // 1) for name, value in times} | {"former": former}


def test_a_new_key_is_nobody_elses() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"fgw_[0-9A-Za-z]{49}", one) for one in made)
    assert len(digest_of(made.pop().encode())) == 32


def test_a_scanner_can_tell_a_key_from_what_looks_like_one() -> None:
    secret = new_secret()
    assert is_secret(secret)
    # As others compute it: CRC-32 of all but the last six digits, in base 62 with digits, capitals and small letters.
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for digit in secret[-6:]:
        number = number * 62 + digits.index(digit)
    assert number == zlib.crc32(secret[:-6].encode())
    for place in range(4, len(secret)):
        other = "a" if secret[place] != "a" else "b"
        assert not is_secret(secret[:place] + other + secret[place + 1 :])
    assert not any(map(is_secret, ("", "fgw_", secret[1:], secret + "0", "x" + secret, secret[:-1] + "ä")))


def test_a_label_of_a_command_line() -> None:
    assert label_of("team=a=b") == ("team", "a=b")
    for text in ("", "team", "team=", "=x", "a.b=x", "team=" + "x" * 101):
        with pytest.raises(ValueError, match=r"is no label|is no name of a label|is not 1 to 100"):
            label_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100/s", KeyLimit("100/s", 100)),
        ("60/m:5", KeyLimit("60/m", 5)),
        ("1/d:7", KeyLimit("1/d", 7)),
        ("tokens=100000/m", ("tokens", "100000/m")),
        ("max=20", ("max", "20")),
    ],
)
def test_a_limit_of_a_command_line(text: str, expected: Any) -> None:
    assert limit_of(text) == expected


@pytest.mark.parametrize(
    "text", ["", "100", "0/s", "100/s:x", "100/s:0", "x:5", "1/d:400", "100/s:٣", "x=1/d", "tokens=1", "max=x"]
)
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        limit_of(text)


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert told_moment(moment("2027-11-27")) == "2027-11-27T00:00:00Z"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 101, "a\n", "ä"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        refuse_name(name)
