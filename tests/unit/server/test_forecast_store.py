"""The store of what services were asked for: real files."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from fastgw.server.forecast_store import HOURS_KEPT, MINUTES_KEPT, ForecastStore, ForecastStoreError, Hour, Minute

MINUTE = 28_000_000  #: since 1970; the first of an hour is 28_000_020


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "f.db")


def filled(store: ForecastStore, first: int, minutes: int, requests: int = 60) -> None:
    for minute in range(first, first + minutes):
        store.add(minute, [Minute("a", requests, 2.0, 5), Minute("b", 0, 0.0, 0)])


def test_minutes_become_hours_also_over_a_restart(path: str) -> None:
    store = ForecastStore(path)
    filled(store, 28_000_020, 20)
    store.close()
    store = ForecastStore(path)
    filled(store, 28_000_040, 10)
    hour = 28_000_020 // 60
    assert store.hours("a", 0, hour + 1) == [Hour(hour, 1.0, 2.0)]
    assert store.hours("a", 0, hour) == store.hours("a", hour + 1, hour + 2) == store.hours("nobody", 0, 1 << 40) == []
    assert store.services() == ["a", "b"]
    assert os.stat(path).st_mode & 0o777 == 0o600
    store.close()


def test_an_hour_that_was_counted_for_less_than_half_is_none(path: str) -> None:
    store = ForecastStore(path)
    filled(store, 28_000_020, 29)
    assert store.hours("a", 0, 1 << 40) == []
    filled(store, 28_000_049, 1)
    assert [one.rate for one in store.hours("a", 0, 1 << 40)] == [1.0]  # as the mean of what was counted
    store.close()


def test_a_minute_that_comes_twice_is_added_up(path: str) -> None:
    store = ForecastStore(path)
    for _ in range(2):
        filled(store, 28_000_020, 15)
    assert store.hours("a", 0, 1 << 40) == [Hour(28_000_020 // 60, 1.0, 2.0)]
    store.close()


def test_what_is_old_is_forgotten(path: str) -> None:
    store = ForecastStore(path)
    filled(store, MINUTE, 1)
    store.prune(MINUTE + MINUTES_KEPT)
    assert _count(store, "minutes") == 2
    store.prune(MINUTE + MINUTES_KEPT + 1)
    assert (_count(store, "minutes"), _count(store, "hours")) == (0, 2)
    store.prune(MINUTE + (HOURS_KEPT + 1) * 60)
    assert _count(store, "hours") == 0
    store.close()


def _count(store: ForecastStore, table: str) -> int:
    [found] = store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000, b""])
def test_a_file_that_is_none_is_set_aside(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    store = ForecastStore(path)
    assert store.set_aside == path + ".broken" and Path(store.set_aside).read_bytes() == content
    filled(store, MINUTE, 1)
    store.close()
    Path(path).write_bytes(content)
    store = ForecastStore(path)
    assert store.set_aside == path + ".broken.2"
    store.close()


def test_a_database_of_others_is_set_aside_whole(path: str) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    store = ForecastStore(path)
    assert store.set_aside
    store.close()
    kept = sqlite3.connect(store.set_aside)
    assert kept.execute("SELECT count(*) FROM mine").fetchone() == (0,)
    kept.close()


def test_a_page_that_was_overwritten_is_noticed(path: str) -> None:
    store = ForecastStore(path)
    store.add(MINUTE, [Minute(f"service {number}", 1, 1.0, 1) for number in range(1000)])
    store.close()
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    store = ForecastStore(path)
    assert store.set_aside
    store.close()


def test_one_that_is_locked_or_has_no_place_is_an_error_and_stays(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ForecastStoreError, match="cannot be used"):
        ForecastStore(path + "/none/f.db")
    ForecastStore(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda at, **more: connect(at, **more | {"timeout": 0.0}))
    with pytest.raises(ForecastStoreError, match="locked"):
        ForecastStore(path)
    other.execute("ROLLBACK")
    other.close()
    store = ForecastStore(path)
    assert not store.set_aside
    store.close()
    with pytest.raises(ForecastStoreError):
        store.add(MINUTE, [Minute("a", 1, 1.0, 1)])


def test_a_service_takes_a_bounded_part_of_the_disk(path: str) -> None:
    store = ForecastStore(path)
    with store._connection as connection:
        connection.execute("INSERT INTO services VALUES (1, 'a')")
        connection.executemany(
            "INSERT INTO minutes VALUES (1, ?, 123456, 1234.5, 2345)", ((MINUTE + one,) for one in range(MINUTES_KEPT))
        )
        connection.executemany(
            "INSERT INTO hours VALUES (1, ?, 60, 7654321, 74074.5, 2345)",
            ((MINUTE // 60 + one,) for one in range(HOURS_KEPT)),
        )
    store.close()
    assert os.stat(path).st_size * 50 < 20_000_000  # fifty services
