"""What clients are told of limits: always finite, and rounded to their side."""

from __future__ import annotations

from fastgw.filters.rate_fields import Told, fields, policy, refused

MS = 10**6
FIRST = Told(1, "requests", 50, 500 * MS, 3, 471 * MS)
SECOND = Told(2, "requests", 9, 60_000 * MS, 2, 1)
BYTES = Told(3, "bytes", 1000, 10_000 * MS, 0, 90_000 * MS)
COST = Told(4, "cost", 70, 7_000 * MS, 70, 0)


def test_the_draft_tells_of_all() -> None:
    assert fields(("draft",), [FIRST, SECOND, BYTES]) == (
        ("ratelimit-policy", '"1";q=50;w=1, "2";q=9;w=60, "3";q=1000;qu="content-bytes";w=10'),
        ("ratelimit", '"1";r=3;t=1, "2";r=2;t=1, "3";r=0;t=90'),
    )
    assert policy(1, "requests", 5, 5) == '"1";q=5;w=1'


def test_openai_tells_of_the_least_of_each_unit() -> None:
    assert fields(("openai",), [FIRST, SECOND, COST]) == (
        ("x-ratelimit-limit-requests", "9"),
        ("x-ratelimit-remaining-requests", "2"),
        ("x-ratelimit-reset-requests", "1ms"),
        ("x-ratelimit-limit-tokens", "70"),
        ("x-ratelimit-remaining-tokens", "70"),
        ("x-ratelimit-reset-tokens", "0ms"),
    )


def test_who_is_refused_learns_when_to_come_back() -> None:
    assert refused((), [FIRST], 0) == (("retry-after", "1"),)
    assert refused((), [FIRST], 1001 * MS) == (("retry-after", "2"),)
    found = dict(refused(("draft", "openai"), [FIRST], 1001 * MS + 1))
    assert next(iter(found)) == "retry-after"
    assert (found["retry-after"], found["retry-after-ms"]) == ("2", "1002")
