"""The URL of a Redis, and where it may lead."""

from __future__ import annotations

import pytest

from fastgw.config.redis import leaves_unguarded, redis_url
from fastgw.core.settings import RedisSettings
from tests.support.shared_rate import redis_at


@pytest.mark.parametrize(
    ("said", "expected", "shown"),
    [
        ("redis://localhost", redis_at("localhost", 6379, "", 0, False, timeout=0.0), "redis://localhost:6379/0"),
        (
            "rediss://Redis.Example:7000/3",
            redis_at("redis.example", 7000, "", 3, True, timeout=0.0),
            "rediss://redis.example:7000/3",
        ),
        ("REDIS://[::1]:7000/", redis_at("::1", 7000, "", 0, False, timeout=0.0), "redis://[::1]:7000/0"),
        (
            "unix:///run/redis/r.sock",
            redis_at("", 0, "/run/redis/r.sock", 0, False, timeout=0.0),
            "unix:///run/redis/r.sock?db=0",
        ),
        ("unix:///r.sock?db=12", redis_at("", 0, "/r.sock", 12, False, timeout=0.0), "unix:///r.sock?db=12"),
    ],
)
def test_a_url(said: str, expected: RedisSettings, shown: str) -> None:
    assert redis_url(said) == expected
    assert str(expected) == shown


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("http://localhost", "got 'http://localhost'"),
        ("redis://", "host"),
        ("redis://user:secret@localhost", "without user, password and options, which have keys of their own"),
        ("redis://localhost/0?timeout=secret", "without user, password"),
        ("redis://localhost:0", "a port is a number from 1 to 65535"),
        ("redis://localhost:65536", "a port is a number from 1 to 65535"),
        ("redis://localhost/x", "got"),
        ("unix://run/redis.sock", "got"),
        ("redis://[::g]", "IPv6"),
    ],
)
def test_what_is_none(said: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        redis_url(said)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("redis://10.0.0.1", True),
        ("redis://redis.example", True),
        ("rediss://10.0.0.1", False),
        ("redis://127.0.0.1", False),
        ("redis://[::1]", False),
        ("redis://localhost", False),
        ("unix:///r.sock", False),
    ],
)
def test_where_others_are_in_between(said: str, expected: bool) -> None:
    assert leaves_unguarded(redis_url(said)) is expected
