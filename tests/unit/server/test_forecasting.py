"""Forecasts of a gateway: counted, kept, learned and told; clocks and counters are the test's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace as NS
from typing import Any

import orjson
import pytest

from fastgw.config.spec import ForecastSpec
from fastgw.core import counters as layout
from fastgw.core.settings import AS_FORECAST
from fastgw.policy.forecast import LEAST
from fastgw.server.forecast_store import ForecastStore, ForecastStoreError, Minute
from fastgw.server.forecasting import HORIZONS, STEADY, Forecasting, following
from fastgw.server.log import Log
from fastgw.telemetry.totals import Totals

HOUR = 480_000  #: since 1970
BEGIN = HOUR * 3600.0


class Rig:
    """What a forecasting is told."""

    def __init__(self, folder: Path) -> None:
        self.store = str(folder / "f.db")
        self.wall = BEGIN
        self.steady = 1000.0
        self.requests = 0
        self.active = 0
        self.log = folder / "log"
        self.opened: Callable[[str], ForecastStore] = ForecastStore

    def totals(self) -> Totals:
        service, endpoint = [0] * layout.SERVICE.size, [0] * layout.ENDPOINT.size
        service[layout.SERVICE_REQUESTS] = self.requests
        endpoint[layout.ENDPOINT_ACTIVE], endpoint[layout.ENDPOINT_WAITING] = self.active, 1
        return Totals([], services={"a": service, "b": service}, endpoints={("a", "x"): endpoint, ("b", "x"): endpoint})

    def make(self, tell: Any = lambda exchanges, new: None) -> Forecasting:
        log = Log("supervisor", fd=os.open(self.log, os.O_WRONLY | os.O_CREAT, 0o600))
        return Forecasting(
            self.totals, log, lambda: self.wall, lambda: self.steady, lambda path: self.opened(path), tell
        )

    def spec(self, most: int = 64) -> ForecastSpec:
        return ForecastSpec(self.store, most)

    def events(self) -> list[str]:
        return [orjson.loads(line)["event"] for line in self.log.read_bytes().splitlines()]

    def pass_by(self, forecasting: Forecasting, seconds: float, rate: int = 3) -> None:
        """Let time go by; ``rate``: requests a second."""
        for _ in range(int(seconds / 10)):
            self.wall += 10
            self.steady += 10
            self.requests += rate * 10
            forecasting.look()


async def settled(forecasting: Forecasting) -> None:
    working = forecasting._working
    if working is not None:
        await working


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def filled(path: str, hours: int) -> None:
    """A store that has counted for so long until ``BEGIN``."""
    store = ForecastStore(path)
    with store._connection as connection:
        connection.execute("INSERT INTO services VALUES (1, 'a')")
        rows = [(HOUR - hours + one, 3600 * (1 + one % 24)) for one in range(hours)]
        connection.executemany("INSERT INTO hours VALUES (1, ?, 60, ?, 120.0, 5)", rows)
    store.close()


def test_what_was_counted_in_a_minute_is_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        rig.active = 4
        forecasting.look()
        rig.pass_by(forecasting, 70)
        await settled(forecasting)
        forecasting.close()

    run(story())
    store = ForecastStore(rig.store)
    [row] = store._connection.execute("SELECT at, requests, active, peak FROM minutes").fetchall()
    assert row == (int(BEGIN // 60), 150, 5.0, 5)  # five looks of ten seconds behind the first
    store.close()


def test_a_start_learns_from_the_store_and_an_hour_goes_on(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a", "b"])
        await settled(forecasting)
        found = forecasting.of("a")
        assert found is not None and found["hours"] == 60 and len(found["requests_per_second"]) == 24
        assert found["requests_per_second"][0]["at"] == "2024-10-04T00:00:00.000Z"
        other = forecasting.of("b")
        assert other is not None and (other["needed_hours"], other["concurrency"]) == (LEAST, [])
        assert forecasting.of("nobody") is None
        facts = forecasting.facts()
        assert [(one.service, one.signal, one.hours) for one in facts] == [
            ("a", signal, hours) for signal in ("requests", "active") for hours in HORIZONS
        ]
        assert facts[0].expected <= facts[2].expected <= facts[2].high
        forecasting.look()
        rig.pass_by(forecasting, 3700)
        await settled(forecasting)
        found = forecasting.of("a")
        assert found is not None and found["hours"] == 61
        assert found["requests_per_second"][0]["at"] == "2024-10-04T01:00:00.000Z"
        forecasting.close()

    run(story())


def test_services_beyond_the_bound_are_left_out_and_others_stay_through_a_reload(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(1), ["a", "b"])
        await settled(forecasting)
        assert forecasting.left_out == 1 and list(forecasting.document()["services"]) == ["a"]
        before = forecasting._series["a"]
        forecasting.keep(rig.spec(2), ["a", "b"])
        await settled(forecasting)
        assert forecasting._series["a"] is before and list(forecasting.document()["services"]) == ["a", "b"]
        forecasting.keep(None, ["a", "b"])
        await settled(forecasting)
        assert forecasting.document()["services"] == {} and forecasting.facts() == []
        forecasting.look()  # nothing is counted any more
        forecasting.close()

    run(story())


def test_a_store_that_fails_is_told_once_and_tried_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def refuse(path: str) -> ForecastStore:
        raise ForecastStoreError(f"{path} cannot be used: it is read-only")

    async def story() -> None:
        rig.opened = refuse
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        assert forecasting.document()["error"] == f"{rig.store} cannot be used: it is read-only"
        forecasting.look()
        rig.pass_by(forecasting, 130)
        await settled(forecasting)
        assert forecasting.losses == 2 and rig.events() == ["forecasts are not kept"]
        rig.opened = ForecastStore
        rig.pass_by(forecasting, 60)
        await settled(forecasting)
        assert forecasting.problem == "" and rig.events() == ["forecasts are not kept", "forecasts are kept again"]
        forecasting.close()

    run(story())


def test_one_that_was_set_aside_is_said(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    Path(rig.store).write_bytes(b"broken" * 100)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        forecasting.close()

    run(story())
    assert rig.events() == ["the store of forecasts was set aside, and a new one begun"]


def test_a_clock_that_jumps_deletes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path)
    pruned: list[int] = []
    monkeypatch.setattr(ForecastStore, "prune", lambda self, minute: pruned.append(minute))
    monkeypatch.setattr(ForecastStore, "add", lambda self, minute, rows: True)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        forecasting.look()
        rig.pass_by(forecasting, STEADY - 600)
        rig.wall += 400 * 86400  # somebody sets the clock
        rig.pass_by(forecasting, STEADY - 20)
        await settled(forecasting)
        assert pruned == []
        rig.pass_by(forecasting, 3700)
        await settled(forecasting)
        assert len(pruned) == 1
        rig.wall -= 400 * 86400
        rig.pass_by(forecasting, 1800)
        await settled(forecasting)
        assert len(pruned) == 1
        forecasting.close()

    run(story())


def test_rows_have_all_services_of_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(tmp_path)
    rows: list[Minute] = []
    monkeypatch.setattr(ForecastStore, "add", lambda self, minute, found: rows.extend(found) or True)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a", "b", "unknown"])
        forecasting.look()
        rig.pass_by(forecasting, 60)
        await settled(forecasting)
        forecasting.close()

    run(story())
    assert [one.service for one in rows] == ["a", "b"]


def test_what_follows_is_told_when_it_is_news(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)
    told: list[tuple[dict[str, float], set[str]]] = []

    async def story() -> None:
        forecasting = rig.make(lambda exchanges, new: told.append((dict(exchanges), set(new))))
        forecasting.keep(rig.spec(1), ["b", "a"], {"a": ["warm"]})
        assert told.pop() == ({}, set())  # a reload may have other workers
        await settled(forecasting)
        assert list(forecasting.document()["services"]) == [
            "a"
        ]  # it comes before the others, of which there is room for one
        [(first, new)] = told
        assert first["a"] >= 2.0 and new == {"a"}
        found = forecasting.of("a")
        assert found is not None and (found["follow"], found["followed"]) == (["warm"], round(first["a"], 4))
        assert forecasting.expected == first
        rig.pass_by(forecasting, 300)
        assert len(told) == 1
        rig.wall += 365 * 86_400  # a clock that jumps: of then nothing is known
        forecasting.look()
        assert told[1:] == [({}, set())] and forecasting.expected == {}
        rig.wall -= 365 * 86_400
        forecasting.look()
        assert told[2:] == [(first, set())]
        forecasting.keep(rig.spec(1), ["b", "a"])
        assert told[3:] == [({}, set())]
        forecasting.close()

    run(story())


def test_what_follows_is_found_in_the_services() -> None:
    learned = NS(settings=NS(is_forecast=True))
    services: list[Any] = [
        NS(name="plain", pool=NS(warm=3), admission=NS(settings=NS(is_forecast=False))),
        NS(name="w", pool=NS(warm=AS_FORECAST), admission=None),
        NS(name="both", pool=NS(warm=AS_FORECAST), admission=learned),
    ]
    assert following(services) == {"w": ["warm"], "both": ["warm", "start"]}


@pytest.mark.parametrize("jump", [365 * 86_400, 7 * 86_400])
def test_a_clock_that_jumped_ahead_and_is_set_right_does_not_end_learning(tmp_path: Path, jump: int) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        rig.wall += jump
        for _ in range(3):
            rig.pass_by(forecasting, 3600)
            await settled(forecasting)
        rig.wall -= jump
        rig.pass_by(forecasting, 3 * 3600)
        await settled(forecasting)
        found = forecasting.of("a")
        assert found is not None and found["hours"] >= 56  # two hours are pruned in each of a wrong clock
        assert found["concurrency"][0]["at"] > "2024-10-04T04"  # of the hours that come, by the clock as it is
        assert found["concurrency"][0]["at"] < "2024-10-04T08"
        forecasting.close()

    run(story())


def test_a_store_that_breaks_while_it_is_in_use_is_set_aside(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)

    async def story() -> None:
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        rig.pass_by(forecasting, 60)
        await settled(forecasting)
        with open(rig.store, "r+b") as file:
            file.write(b"\xff" * os.path.getsize(rig.store))
        rig.pass_by(forecasting, 60)
        await settled(forecasting)
        assert "malformed" in forecasting.problem or "not a database" in forecasting.problem
        rig.pass_by(forecasting, 60)
        await settled(forecasting)
        assert not forecasting.problem and forecasting.losses == 1
        found = forecasting.of("a")
        assert found is not None and found["hours"] == 60  # what was learned is known
        forecasting.close()

    run(story())
    assert Path(rig.store + ".broken").exists()
    assert rig.events() == [
        "forecasts are not kept",
        "the store of forecasts was set aside, and a new one begun",
        "forecasts are kept again",
    ]


def test_a_store_that_can_be_opened_later_is_learned_from_then(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    filled(rig.store, 60)

    def fails(path: str) -> ForecastStore:
        raise ForecastStoreError("it is locked")

    async def story() -> None:
        rig.opened = fails
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        rig.opened = ForecastStore
        rig.pass_by(forecasting, 130)
        await settled(forecasting)
        found = forecasting.of("a")
        assert found is not None and found["hours"] == 60
        forecasting.close()

    run(story())


def test_what_nobody_has_foreseen_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def fails(path: str) -> ForecastStore:
        raise RuntimeError("a bug")

    async def story() -> None:
        rig.opened = fails
        forecasting = rig.make()
        forecasting.keep(rig.spec(), ["a"])
        await settled(forecasting)
        forecasting.close()

    run(story())
    assert rig.events() == ["forecasting failed"]
