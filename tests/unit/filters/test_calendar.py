"""Windows of the calendar, also where clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from fastgw.filters.calendar import Calendar, zone_named
from fastgw.filters.token_rates import DAY, HOUR, MONTH, WEEK


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("kind", "zone", "now", "begin", "end"),
    [
        (HOUR, "UTC", "2026-11-28T23:59:59.9", "2026-11-28T23:00", "2026-11-29T00:00"),
        (HOUR, "Asia/Kolkata", "2026-11-28T23:59:59.9", "2026-11-28T23:00", "2026-11-29T00:00"),
        (DAY, "UTC", "2026-11-28T00:00", "2026-11-28T00:00", "2026-11-29T00:00"),
        (DAY, "Europe/Berlin", "2026-03-29T12:00", "2026-03-29T00:00", "2026-03-30T00:00"),
        (DAY, "America/New_York", "2026-11-01T23:00", "2026-11-01T00:00", "2026-11-02T00:00"),
        (WEEK, "UTC", "2026-11-29T12:00", "2026-11-23T00:00", "2026-11-30T00:00"),
        (WEEK, "UTC", "2026-11-30T00:00", "2026-11-30T00:00", "2026-12-07T00:00"),
        (MONTH, "UTC", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        (MONTH, "UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        (MONTH, "Pacific/Auckland", "2026-04-15T12:00", "2026-04-01T00:00", "2026-05-01T00:00"),
    ],
)
def test_where_one_begins_and_ends(kind: int, zone: str, now: str, begin: str, end: str) -> None:
    found = Calendar(zone, lambda: 0.0).window(kind, at(now, zone))
    assert found == (at(begin, zone), at(end, zone))


def test_days_on_which_clocks_change_are_longer_or_shorter() -> None:
    calendar = Calendar("Europe/Berlin", lambda: 0.0)
    short = calendar.window(DAY, at("2026-03-29T12:00", "Europe/Berlin"))
    long = calendar.window(DAY, at("2026-10-25T12:00", "Europe/Berlin"))
    assert (short.end - short.begin, long.end - long.begin) == (23 * 3600, 25 * 3600)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "/etc/passwd"])
def test_a_zone_that_there_is_not(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_named(name)
