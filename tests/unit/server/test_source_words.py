"""A source in one line."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.server.source_words import dependency_words, registry_words, source_words, span

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def source(**changes: Any) -> dict[str, Any]:
    """As ``/status`` has one that is well."""
    found: dict[str, Any] = {
        "kind": "etcd",
        "source": "etcd http://a",
        "state": "listed",
        "members": 3,
        "revision": "42",
    }
    found |= {"cause": None, "error": None, "since": "2027-01-15T07:00:00Z", "changed_at": "2027-01-15T07:55:00Z"}
    found |= {
        "listed_at": "2027-01-15T07:59:50Z",
        "skipped": 0,
        "skipped_entries": [],
        "damped": 0,
        "damped_members": [],
    }
    return found | {"recalled": False} | changes


SKIPPED = {"skipped": 2, "skipped_entries": [{"entry": "/s/x", "reason": "is none"}] * 2}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "etcd: 3 listed at 42, changed 5 min ago"),
        ({"revision": None, "changed_at": None, "members": 0}, "etcd: 0 listed"),
        (SKIPPED, "etcd: 3 listed at 42, changed 5 min ago; 2 skipped, such as /s/x"),
        (
            {"damped": 1, "damped_members": ["10.0.0.1:1"]},
            "etcd: 3 listed at 42, changed 5 min ago; left out as they come and go: 10.0.0.1:1",
        ),
        (
            {"state": "failing", "cause": "denied", "since": "2027-01-15T07:59:00Z"},
            "etcd: failing (denied) for 60 s; 3 in use, listed 10 s ago",
        ),
        (
            {"state": "failing", "cause": "refused", "recalled": True, "listed_at": "2027-01-15T05:00:00Z"},
            "etcd: failing (refused) for 60 min; 3 in use, listed 3 h ago; from before the start",
        ),
        ({"state": "pending", "members": None, "listed_at": None}, "etcd: pending for 60 min"),
    ],
)
def test_a_source_is_one_line(changes: dict[str, Any], line: str) -> None:
    assert source_words(source(**changes), NOW) == line


def test_spans() -> None:
    assert [span(one) for one in (-1.0, 119.0, 120.0, 7200.0, 90_000.0, 200_000.0)] == [
        "0 s",
        "119 s",
        "2 min",
        "2 h",
        "25 h",
        "2 d",
    ]


def test_where_the_gateway_is_registered() -> None:
    now = 1_800_000_000.0
    one = {
        "registry": "etcd http://a /services",
        "state": "registered",
        "members": ["edge/10.0.0.1:80"],
        "wanted": 1,
        "renewed_at": "2027-01-15T07:59:57Z",
        "since": None,
        "error": None,
    }
    assert registry_words(one, now) == "1 of 1 members in etcd http://a /services, renewed 3 s ago"
    new = one | {"state": "pending", "members": [], "renewed_at": None}
    assert registry_words(new, now) == "0 of 1 members in etcd http://a /services; pending"
    failing = new | {"state": "failing", "since": "2027-01-15T07:55:00Z", "error": "nobody is there"}
    assert registry_words(failing, now).endswith("/services; failing for 5 min: nobody is there")


def test_what_a_gateway_goes_on_by_is_told_with_its_age_where_it_is_not_of_now() -> None:
    told = {"state": "failing", "cause": "refused", "goes_on": "2 keys", "age": 7200.0}
    assert dependency_words(told) == "failing (refused): 2 keys, of 2 h ago"
    assert dependency_words(told | {"state": "connected", "cause": None}) == "connected: 2 keys"
    assert dependency_words({"state": "quiet", "cause": None, "goes_on": None, "age": 5.0}) == "quiet"
    assert dependency_words({"state": "pending", "cause": "pending", "goes_on": None, "age": None}) == "pending"
