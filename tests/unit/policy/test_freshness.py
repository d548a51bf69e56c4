"""What may be kept, and how long it is fresh."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.freshness import LONGEST, Life, directives, life, names, refusal, wish
from fastgw.wire.preconditions import read_date

WALL = 1_700_000_000.0


def reader(fields: dict[str, str]) -> Callable[[bytes], bytes | None]:
    return lambda name: fields[name.decode()].encode() if name.decode() in fields else None


def lives(status: int = 200, usual: float = 0.0, delay: float = 0.0, **fields: str) -> Life | None:
    found = reader({name.replace("_", "-"): value for name, value in fields.items()})
    said = directives(found(b"cache-control"))
    return life(status, found, said, read_date, wall=WALL, now=100.0, delay=delay, usual=usual)


def date(offset: float) -> str:
    return formatdate(WALL + offset, usegmt=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        (b"", {}),
        (b"max-age=60", {b"max-age": b"60"}),
        (b"Public, MAX-AGE = 60 ,no-cache", {b"public": b"", b"max-age": b"60", b"no-cache": b""}),
        (b'max-age="60"', {b"max-age": b"60"}),
        (b'private="a, max-age=9", max-age=1', {b"private": b"a, max-age=9", b"max-age": b"1"}),
        (b"max-age=60, max-age=5", {b"max-age": b"5"}),
        (b"max-age=5, max-age=60", {b"max-age": b"5"}),
        (b"max-age=60, max-age=x", {b"max-age": b"x"}),
        (b",, ,no-store", {b"no-store": b""}),
        (b"max-age=60;x, no-store", {b"max-age": b"60", b"no-store": b""}),
    ],
)
def test_directives(value: bytes | None, expected: dict[bytes, bytes]) -> None:
    assert directives(value) == expected


@pytest.mark.parametrize(
    ("status", "fields", "authorized", "expected"),
    [
        (200, {}, False, ""),
        (500, {}, False, ""),
        (206, {}, False, "status"),
        (304, {}, False, "status"),
        (200, {"cache-control": "no-store"}, False, "private"),
        (200, {"cache-control": "private"}, False, "private"),
        (200, {"cache-control": 'max-age=9, private="x"'}, False, "private"),
        (200, {"set-cookie": "a=b"}, False, "cookie"),
        (200, {"vary": "accept, *"}, False, "vary"),
        (200, {"cache-control": "max-age=9"}, True, "authorization"),
        *((200, {"cache-control": one}, True, "") for one in ("public", "s-maxage=9", "must-revalidate")),
    ],
)
def test_what_may_not_be_kept(status: int, fields: dict[str, str], authorized: bool, expected: str) -> None:
    read = reader(fields)
    assert refusal(status, read, directives(read(b"cache-control")), is_authorized=authorized) == expected


@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"cache_control": "max-age=60"}, 60),
        ({"cache_control": "max-age=60, s-maxage=5"}, 5),
        ({"cache_control": "max-age=60", "expires": date(900)}, 60),
        ({"expires": date(900), "date": date(-100)}, 1000),
        ({"expires": date(900)}, 900),
        ({"expires": "0", "etag": '"a"'}, 0),
        ({"cache_control": "max-age=x", "etag": '"a"'}, 0),
        ({"cache_control": "max-age=99999999999999999999"}, LONGEST),
        ({"cache_control": "no-cache", "etag": '"a"'}, 0),
    ],
)
def test_lifetimes(fields: dict[str, str], lifetime: float) -> None:
    found = lives(**fields)
    assert found is not None and found.lifetime == lifetime


def test_no_lifetime_is_guessed() -> None:
    assert lives() is None
    assert lives(last_modified=date(-10_000_000), etag='"a"') is None
    assert lives(cache_control="public") is None
    found = lives(usual=30.0)
    assert found is not None and found.lifetime == 30
    assert lives(status=404, usual=30.0) is None
    assert lives(status=404, usual=30.0, cache_control="max-age=5") is not None  # an error that says so itself


def test_what_is_stale_already_is_kept_only_to_be_asked_about() -> None:
    assert lives(cache_control="max-age=0") is None
    assert lives(cache_control="no-cache, max-age=60") is None
    found = lives(cache_control="max-age=0", etag='"a"')
    assert found is not None and not found.is_fresh(100.0)


def test_ages() -> None:
    for fields, delay, expected in (
        ({}, 0.0, 0.0),
        ({"age": "7"}, 2.0, 9.0),
        ({"age": "7, 9"}, 0.0, 7.0),
        ({"age": "x"}, 0.0, 0.0),
        ({"date": date(-20), "age": "7"}, 0.0, 20.0),
        ({"date": date(50)}, 0.0, 0.0),
    ):
        found = lives(cache_control="max-age=60", delay=delay, **fields)
        assert found is not None and found.age == expected
        assert found.age_at(110.0) == expected + 10


@pytest.mark.parametrize("said", ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"])
def test_what_may_not_be_used_when_it_is_stale(said: str) -> None:
    found = lives(cache_control=f"max-age=60, stale-if-error=900, stale-while-revalidate=900, {said}", etag='"a"')
    assert found is not None
    assert not found.is_good_while_asking(200.0)
    assert not found.is_good_in_need(200.0, 1e9)


def test_what_may() -> None:
    found = lives(cache_control="max-age=60, stale-while-revalidate=10")
    assert found is not None
    assert [found.is_good_while_asking(100.0 + age) for age in (59, 61, 69.9, 70)] == [True, True, True, False]
    assert [found.is_good_in_need(100.0 + age, 300.0) for age in (59, 61, 300, 301)] == [True, True, True, False]
    bounded = lives(cache_control="max-age=60, stale-if-error=10")
    assert bounded is not None
    assert [bounded.is_good_in_need(100.0 + age, 300.0) for age in (59, 61, 70)] == [True, True, False]


def test_wishes() -> None:
    found = lives(cache_control="max-age=60")
    assert found is not None
    for fields, age, expected in (
        ({}, 59, True),
        ({}, 60, False),
        ({"cache-control": "no-cache"}, 1, False),
        ({"pragma": "no-cache"}, 1, False),
        ({"pragma": "no-cache", "cache-control": "max-age=50"}, 1, True),
        ({"cache-control": "max-age=10"}, 10, True),
        ({"cache-control": "max-age=10"}, 11, False),
        ({"cache-control": "max-age=x"}, 1, False),
        ({"cache-control": "min-fresh=10"}, 50, True),
        ({"cache-control": "min-fresh=10"}, 51, False),
        ({"cache-control": "max-stale"}, 61, False),
    ):
        assert wish(reader(fields)).takes(found, 100.0 + age) is expected, fields
    assert not wish(reader({"cache-control": "no-store"})).may_be_kept
    assert wish(reader({"cache-control": "only-if-cached"})).only_kept


def test_names_of_vary() -> None:
    assert names(b" Accept-Encoding,origin ,, ORIGIN") == (b"accept-encoding", b"origin")
    assert names(None) == ()


@given(
    lifetime=st.integers(0, 1000),
    age=st.integers(0, 1000),
    delay=st.integers(0, 50),
    later=st.lists(st.floats(0, 2000), min_size=2, max_size=2),
    extra=st.sets(
        st.sampled_from(
            ["must-revalidate", "s-maxage=100", "no-cache", "stale-if-error=50", "stale-while-revalidate=20"]
        )
    ),
    most=st.floats(0, 3000),
)
def test_time_only_takes_away(
    lifetime: int, age: int, delay: int, later: list[float], extra: set[str], most: float
) -> None:
    """What may be used later may be used earlier; fresh is good for everything; and nothing is fresh longer than it says."""
    said = ", ".join([f"max-age={lifetime}", *sorted(extra)])
    found = lives(cache_control=said, etag='"a"', age=str(age), delay=delay)
    assert found is not None
    first, second = sorted(100.0 + one for one in later)
    assert found.age_at(second) >= found.age_at(first) >= age
    assert found.is_fresh(second) <= found.is_fresh(first)
    assert found.is_good_while_asking(second) <= found.is_good_while_asking(first)
    assert found.is_good_in_need(second, most) <= found.is_good_in_need(first, most)
    stated = 100 if "s-maxage=100" in extra else lifetime
    assert found.is_fresh(first) == ("no-cache" not in extra and age + delay + first - 100.0 < stated)
    if found.is_good_in_need(first, most):
        assert found.age_at(first) <= most


@given(st.binary(max_size=60))
def test_any_bytes_are_read(value: bytes) -> None:
    for name, said in directives(value).items():
        assert name == name.lower() and isinstance(said, bytes)
    wish(lambda _: value)
    names(value)
