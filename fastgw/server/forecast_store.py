"""What services were asked for, minute by minute and hour by hour, on the disk: an SQLite file, written once a minute.

Minutes are kept for seven days, hours for ninety.  A row is some thirty bytes, so a service takes 0.4 MB at most, and the number of
services is bounded.  The file is ours by its ``application_id``; another one, one of another version, and one that SQLite calls broken are
set aside, under a name that says so, and a new one is begun.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

APPLICATION: Final = 0x66617367  #: "fasg"
VERSION: Final = 1
MINUTES_KEPT: Final = 7 * 1440
HOURS_KEPT: Final = 90 * 24
WHOLE: Final = 30  #: minutes of an hour that somebody was there to count; an hour of less is none

_TABLES: Final = """
CREATE TABLE services (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE minutes (service INTEGER, at INTEGER, requests INTEGER NOT NULL, active REAL NOT NULL, peak INTEGER NOT NULL,
    PRIMARY KEY (service, at)) WITHOUT ROWID;
CREATE TABLE hours (service INTEGER, at INTEGER, minutes INTEGER NOT NULL, requests INTEGER NOT NULL, active REAL NOT NULL,
    peak INTEGER NOT NULL, PRIMARY KEY (service, at)) WITHOUT ROWID;
"""
_ADD_MINUTE: Final = """
INSERT INTO minutes VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    requests = requests + excluded.requests, active = max(active, excluded.active), peak = max(peak, excluded.peak)
"""
_ADD_HOUR: Final = """
INSERT INTO hours VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO UPDATE SET minutes = minutes + 1,
    requests = requests + excluded.requests, active = active + excluded.active, peak = max(peak, excluded.peak)
"""


#: Rows as this module writes them: SQLite keeps any value in any column, and a page that was overwritten may have any.
_HOURS: Final = """
SELECT at, minutes, requests, active FROM hours WHERE at >= ? AND at < ? AND minutes >= ? AND requests >= 0 AND active >= 0
    AND typeof(minutes) = 'integer' AND typeof(requests) = 'integer' AND typeof(active) IN ('real', 'integer')
    AND service = (SELECT id FROM services WHERE name = ?) ORDER BY at
"""
#: What SQLite raises; its words quote what it cannot read, which may be no text.
_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)


class ForecastStoreError(Exception):
    """It cannot be used; the text is for the operator."""


class Minute(NamedTuple):
    """Of one service."""

    service: str
    requests: int  #: that began
    active: float  #: under way, on average
    peak: int  #: at most, where it was looked


class Hour(NamedTuple):
    """Of one service, if it was counted for long enough."""

    at: int  #: hours since 1970
    rate: float  #: requests a second
    active: float  #: under way, on average


class ForecastStore:
    """The file at one path.  Of one thread at a time."""

    def __init__(self, path: str) -> None:
        """Open it, or begin it.

        Raises:
            ForecastStoreError: it cannot be opened or begun.
        """
        self.path = path
        self.set_aside = ""  #: what was there and could not be used is here now; empty: nothing was
        self._ids: dict[str, int] = {}
        try:
            self._connection = self._opened()
        except (*_ERRORS, OSError) as error:
            raise ForecastStoreError(f"{path} cannot be used: {error}") from None

    def add(self, minute: int, rows: Iterable[Minute]) -> bool:
        """Add what was counted in ``minute`` (since 1970); of one that is known already, as after a clock that went back, both are.

        Raises:
            ForecastStoreError: nothing of it was kept.
        """
        try:
            with self._connection as connection:
                for one in rows:
                    service = self._id(one.service)
                    connection.execute(_ADD_MINUTE, (service, minute, one.requests, one.active, one.peak))
                    connection.execute(_ADD_HOUR, (service, minute // 60, one.requests, one.active, one.peak))
            return True
        except _ERRORS as error:
            self._ids.clear()
            raise ForecastStoreError(f"{self.path} cannot be written: {error}") from None

    def prune(self, minute: int) -> None:
        """Forget what is older than is kept, of ``minute`` being now: of the oldest as much as two hours, so that a clock that is wrong for
        a while, asked once an hour, takes no more with it.  Raises ForecastStoreError."""
        try:
            with self._connection as connection:
                for table, least, most in (
                    ("minutes", minute - MINUTES_KEPT, 120),
                    ("hours", minute // 60 - HOURS_KEPT, 2),
                ):
                    connection.execute(
                        f"DELETE FROM {table} WHERE at < min(?, (SELECT min(at) FROM {table}) + ?)",  # nosec B608: of two names
                        (least, most),
                    )
        except _ERRORS as error:
            raise ForecastStoreError(f"{self.path} cannot be written: {error}") from None

    def hours(self, service: str, since: int, until: int) -> list[Hour]:
        """What is known of ``service`` from the hour ``since`` (1970's first is 0) until before ``until``.  Raises ForecastStoreError."""
        try:
            rows = self._connection.execute(_HOURS, (since, until, WHOLE, service)).fetchall()
        except _ERRORS as error:
            raise ForecastStoreError(f"{self.path} cannot be read: {error}") from None
        return [Hour(at, requests / minutes / 60, active / minutes) for at, minutes, requests, active in rows]

    def services(self) -> list[str]:
        """Names of those that something is known of, sorted.  Raises ForecastStoreError."""
        try:
            return [name for (name,) in self._connection.execute("SELECT name FROM services ORDER BY name")]
        except _ERRORS as error:
            raise ForecastStoreError(f"{self.path} cannot be read: {error}") from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _id(self, name: str) -> int:
        found = self._ids.get(name)
        if found is None:
            self._connection.execute("INSERT INTO services (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            [found] = self._connection.execute("SELECT id FROM services WHERE name = ?", (name,)).fetchone()
            self._ids[name] = found
        return found

    def _opened(self) -> sqlite3.Connection:
        is_new = not os.path.exists(self.path) or os.path.getsize(self.path) == 0  # as one is left that had no room
        if not is_new and (reason := _unusable(self.path)):
            if not reason.is_broken:
                raise OSError(reason.said)
            self.set_aside = _free_name(f"{self.path}.broken")
            os.rename(self.path, self.set_aside)
            is_new = True
        if is_new:
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = sqlite3.connect(self.path, timeout=2.0, check_same_thread=False)
        if is_new:
            connection.executescript(
                f"PRAGMA auto_vacuum = INCREMENTAL; BEGIN; {_TABLES}"
                f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
            )
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class _Reason(NamedTuple):
    said: str
    is_broken: bool  #: it is no store that could be used, now or later


def _unusable(path: str) -> _Reason | None:
    """Why the file that is there cannot be used; None: it can."""
    try:
        connection = sqlite3.connect(path, timeout=2.0)
        try:
            [application] = connection.execute("PRAGMA application_id").fetchone()
            [version] = connection.execute("PRAGMA user_version").fetchone()
            [health] = connection.execute("PRAGMA quick_check(1)").fetchone()
            [tables] = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name IN ('services', 'minutes', 'hours')"
            ).fetchone()
            if (application, version, tables) != (APPLICATION, VERSION, 3):
                return _Reason("it is no store of forecasts of this version", True)
            if health != "ok":
                return _Reason(health, True)
            connection.execute("BEGIN IMMEDIATE")  # may it be written?
            connection.rollback()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:  # it is locked, or read-only
        return _Reason(str(error), False)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return _Reason(str(error), True)
    return None


def _free_name(path: str) -> str:
    """``path``, or with a number where there is one already; at most ten are kept, and the last is replaced."""
    return next(
        (one for one in (path, *(f"{path}.{number}" for number in range(2, 11))) if not os.path.exists(one)), path
    )
