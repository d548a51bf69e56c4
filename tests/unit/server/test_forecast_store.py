"""The store of what services were asked for: real files."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from pathlib import Path

import pytest

from fastgw.policy.forecast import Forecaster
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


def test_an_hour_that_a_clock_has_twice_is_the_mean_of_both(path: str) -> None:
    store = ForecastStore(path)
    filled(store, 28_000_020, 60, requests=60)
    filled(store, 28_000_020, 60, requests=180)
    assert store.hours("a", 0, 1 << 40) == [Hour(28_000_020 // 60, 2.0, 2.0)]
    store.close()


def test_of_two_gateways_at_one_store_the_mean_counts(path: str) -> None:
    one, other = ForecastStore(path), ForecastStore(path)
    for minute in range(28_000_020, 28_000_060):
        one.add(minute, [Minute("a", 60, 2.0, 5)])
        other.add(minute, [Minute("a", 180, 4.0, 5)])
    assert one.hours("a", 0, 1 << 40) == other.hours("a", 0, 1 << 40) == [Hour(28_000_020 // 60, 2.0, 3.0)]
    one.close()
    other.close()


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


def test_a_clock_that_is_a_year_ahead_for_an_hour_forgets_two_hours(path: str) -> None:
    store = ForecastStore(path)
    filled(store, 28_000_020, 300)
    store.prune(28_000_020 + 365 * 1440)
    assert (_count(store, "minutes"), _count(store, "hours")) == (2 * 180, 2 * 3)
    store.close()


def _count(store: ForecastStore, table: str) -> int:
    [found] = store._connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found)


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000])
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


def test_an_empty_file_as_a_full_disk_leaves_it_is_begun(path: str) -> None:
    Path(path).touch()
    store = ForecastStore(path)
    filled(store, MINUTE, 1)
    assert not store.set_aside and store.services() == ["a", "b"]
    store.close()


def test_one_without_its_tables_is_set_aside(path: str) -> None:
    store = ForecastStore(path)
    store._connection.execute("DROP TABLE hours")
    store.close()
    store = ForecastStore(path)
    assert store.set_aside
    filled(store, MINUTE, 1)
    store.close()


@pytest.mark.parametrize("column", ["at", "minutes", "requests", "active", "peak"])
@pytest.mark.parametrize("value", ["'x'", "x'00ff'", "-5", "9e999", "9223372036854775807"])
def test_an_hour_with_values_that_are_none_is_left_out(path: str, column: str, value: str) -> None:
    store = ForecastStore(path)
    with store._connection as connection:
        connection.execute("INSERT INTO services VALUES (1, 'a')")
        connection.executemany("INSERT INTO hours VALUES (1, ?, 60, 3600, 120.0, 5)", [(100,), (101,)])
        connection.execute(f"UPDATE hours SET {column} = {value} WHERE at = 101")
    forecaster = Forecaster()
    for one in store.hours("a", 0, 1000):
        forecaster.note(one.at, one.rate)
        forecaster.note(one.at + 1, one.active)
    assert store.hours("a", 0, 101) == [Hour(100, 1.0, 2.0)]
    store.close()


def test_no_page_and_no_end_is_more_than_a_store_that_is_set_aside(path: str) -> None:
    """Whatever is written over it: it is set aside, cannot be used, or what is left of it can be read and written."""
    store = ForecastStore(path)
    filled(store, 28_000_020, 60)
    store.close()
    whole = Path(path).read_bytes()
    chance = random.Random(17)
    hurt = [
        whole[:at] + fill + whole[at + len(fill) :]
        for at in range(0, len(whole), 4096)
        for fill in (bytes(4096), b"\xff" * 4096)
    ]
    hurt += [whole[:at] for at in range(1, len(whole), 1500)]
    for _ in range(60):
        one = bytearray(whole)
        for _ in range(chance.randrange(1, 8)):
            one[chance.randrange(len(whole))] = chance.randrange(256)
        hurt.append(bytes(one))
    hurt.append(whole.replace(b"CREATE TABLE minutes", b"CREA\x8bE TABLE minutes"[:20]))
    for content in hurt:
        for left in Path(path).parent.iterdir():
            left.unlink()
        Path(path).write_bytes(content)
        try:
            store = ForecastStore(path)
        except ForecastStoreError:
            continue
        with contextlib.suppress(ForecastStoreError):
            for name in store.services():
                store.hours(name, 0, 1 << 40)
            filled(store, MINUTE, 1)
            store.prune(MINUTE)
        store.close()


def test_a_full_disk_is_said_and_over_when_there_is_room(path: str) -> None:
    store = ForecastStore(path)
    filled(store, 28_000_020, 30)
    [pages] = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL, as of a disk
    many = [Minute(f"service {number}", 1, 1.0, 1) for number in range(1000)]
    with pytest.raises(ForecastStoreError, match="full"):
        store.add(28_000_050, many)
    assert store.services() == ["a", "b"] and len(store.hours("a", 0, 1 << 40)) == 1  # nothing of it is there
    store._connection.execute("PRAGMA max_page_count = 100000")
    assert store.add(28_000_050, many)
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
