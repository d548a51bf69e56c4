"""Windows of the calendar, in a time zone: the hour, the day, the week from Monday on, the month."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from fastgw.filters.token_rates import DAY, HOUR, WEEK

_HOUR: Final = 3600


class CalendarWindow(NamedTuple):
    """One of them; seconds since 1970."""

    begin: float
    end: float


class Calendar:
    """What day it is."""

    __slots__ = ("_zone", "wall")

    def __init__(self, zone: str, wall: Callable[[], float]) -> None:
        """``zone``: a name of the time zone database; ``wall``: seconds since 1970.

        Raises:
            ValueError: there is no such zone on this machine.
        """
        self._zone = zone_named(zone)
        self.wall = wall

    def window(self, kind: int, wall: float) -> CalendarWindow:
        """The one of this kind (``token_rates.WINDOWS``) that ``wall`` is in.  A day on which clocks change has 23 or 25 hours."""
        now = datetime.fromtimestamp(wall, self._zone)
        if kind == HOUR:
            begin = now.replace(minute=0, second=0, microsecond=0).timestamp()
            return CalendarWindow(begin, begin + _HOUR)
        first = now.date()
        if kind == DAY:
            following = first + timedelta(days=1)
        elif kind == WEEK:
            first -= timedelta(days=first.weekday())
            following = first + timedelta(days=7)
        else:
            first = first.replace(day=1)
            following = (first + timedelta(days=31)).replace(day=1)
        return CalendarWindow(self._midnight(first), self._midnight(following))

    def _midnight(self, day: date) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()


def zone_named(name: str) -> tzinfo:
    """The time zone.

    Raises:
        ValueError: there is none of this name on this machine.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # which few need

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r} on this machine (its database is the package tzdata)"
        ) from None
