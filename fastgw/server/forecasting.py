"""Forecasts of what services will be asked for: counted by the minute, kept in a small store, learned from by the hour.

Every ten seconds the requests and the exchanges under way of each service are read off the counters; at the end of a minute they go to
the store (``forecast_store``), and at the end of an hour what it had goes to two forecasters of each service (``policy.forecast``), one for
requests a second and one for exchanges under way.  After a start they are taught from the store.  All of that is in a thread, one thing
after another: a disk that stalls, or many services, hold up nothing else.

Time is that of the wall, as seasons are.  A clock that jumps makes hours that are counted in part, which are left out, or twice, of
which the mean counts; what was learned of hours that are yet to come is forgotten when it is set right.  Nothing is deleted before the
clock has gone on for an hour without a jump, and then as much as two hours in each.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters as layout
from fastgw.core.settings import AS_FORECAST
from fastgw.policy.forecast import LEAST, Forecast, Forecaster
from fastgw.server.forecast_store import ForecastStore, ForecastStoreError, Hour, Minute
from fastgw.server.standings import stamp
from fastgw.telemetry.totals import ForecastFacts, Totals

if TYPE_CHECKING:
    from fastgw.config.spec import ForecastSpec, ServiceSpec
    from fastgw.server.log import Log

SAMPLE: Final = 10.0  #: seconds between two looks at the counters
JUMP: Final = 60.0  #: seconds by which the wall clock and the steady one may differ between two looks
STEADY: Final = 3600.0  #: seconds without a jump before anything old is deleted
HORIZONS: Final = (1, 6, 24)  #: hours that metrics look ahead, of which they have the largest value


@dataclass(slots=True)
class _Series:
    """Of one service."""

    rate: Forecaster = field(default_factory=Forecaster)  #: requests a second
    active: Forecaster = field(default_factory=Forecaster)  #: exchanges under way
    ahead_rate: Sequence[Forecast] = ()
    ahead_active: Sequence[Forecast] = ()

    def learn(self, hour: Hour) -> None:
        self.rate.note(hour.at, hour.rate)
        self.active.note(hour.at, hour.active)

    def look_ahead(self) -> None:
        self.ahead_rate, self.ahead_active = self.rate.ahead(), self.active.ahead()


@dataclass(slots=True)
class _Counted:
    """Of one service, in the minute that is under way."""

    total: int = -1  #: requests that it had had at the last look; -1: there was none
    requests: int = 0
    active: list[int] = field(default_factory=list)


class Forecasting:
    """Of one gateway."""

    def __init__(
        self,
        totals: Callable[[], Totals],
        log: Log,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        store: Callable[[str], ForecastStore] = ForecastStore,
        tell: Callable[[Mapping[str, float], frozenset[str]], None] = lambda exchanges, new: None,
    ) -> None:
        """``totals``: the counters now, of services and endpoints; ``wall``: seconds since 1970; ``steady``: monotonic seconds;
        ``tell``: is told what services that something follows are expected to have under way, and of which of them nothing was said yet."""
        self._totals = totals
        self._log = log
        self._wall = wall
        self._steady = steady
        self._open = store
        self._tell = tell
        self._following: Mapping[str, Sequence[str]] = {}
        self._followed: set[str] = set()  #: of which something was said
        self.expected: Mapping[str, float] = {}  #: exchanges under way that are followed now, by service
        self._store: ForecastStore | None = None
        self._spec: ForecastSpec | None = None
        self._names: tuple[str, ...] = ()
        self.left_out = 0  #: services beyond ``max_services``
        self._series: dict[str, _Series] = {}
        self._counted: dict[str, _Counted] = {}
        self._looked: tuple[float, float] | None = None  #: by both clocks
        self._calm_since = steady()  #: when the wall clock last jumped
        self._minute = 0  #: that is under way
        self._working: asyncio.Task[None] | None = None
        self.problem = ""  #: why nothing is kept now; empty: it is
        self.losses = 0  #: minutes that could not be kept

    def keep(
        self, spec: ForecastSpec | None, services: Sequence[str], follow: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Forecast for ``services``, the first ones of them; None: for nobody.  ``follow``: what follows the forecast (``following``);
        services that have such come first."""
        is_moved = spec is None or self._spec is None or spec.store != self._spec.store
        self._spec = spec
        self._following = (follow or {}) if spec is not None else {}
        names = tuple(sorted(services, key=lambda name: name not in self._following)) if spec is not None else ()
        self._names = names[: spec.max_services] if spec is not None else ()
        self.left_out = len(names) - len(self._names)
        self._series = {} if is_moved else {name: one for name, one in self._series.items() if name in self._names}
        self._counted = {name: one for name, one in self._counted.items() if name in self._names}
        new = [name for name in self._names if name not in self._series]
        if self.expected or self._following:
            self._follow(is_moved=True)
        if is_moved or new:
            self._do(self._begin, spec.store if spec is not None else "", is_moved, new)

    def look(self) -> None:
        """Count, if it is time, and have kept what a minute had when it is over."""
        wall, steady = self._wall(), self._steady()
        if self._following:
            self._follow()
        if not self._names or (self._looked is not None and 0 <= steady - self._looked[1] < SAMPLE):
            return
        if self._looked is not None and abs((wall - self._looked[0]) - (steady - self._looked[1])) > JUMP:
            self._calm_since = steady
        self._looked = (wall, steady)
        minute = int(wall // 60)
        if minute != self._minute:
            self._end_minute(minute, steady)
        self._count()

    def _follow(self, *, is_moved: bool = False) -> None:
        """Tell what is expected of this hour and of the next, which begins soon, if that is news; ``is_moved``: in any case."""
        hour = int(self._wall() // 3600)
        found = {}
        for name in self._following:
            series = self._series.get(name)
            highs = (
                [one.high for one in series.ahead_active if hour <= one.hour <= hour + 1] if series is not None else []
            )
            if highs:
                found[name] = max(highs)
        if is_moved or found != self.expected:
            self.expected = found
            self._tell(found, frozenset(found.keys() - self._followed))
            self._followed |= found.keys()

    def close(self) -> None:
        """Go on no more; the minute under way is lost."""
        if self._working is not None:
            self._working.cancel()
        if self._store is not None:
            self._store.close()
            self._store = None

    # -- counting ------------------------------------------------------------------------------------------------------

    def _count(self) -> None:
        totals = self._totals()
        active: dict[str, int] = {}
        for (service, _), block in totals.endpoints.items():
            active[service] = active.get(service, 0) + block[layout.ENDPOINT_ACTIVE] + block[layout.ENDPOINT_WAITING]
        for name in self._names:
            if name not in totals.services:
                continue  # it shares its counters with others
            total = totals.services[name][layout.SERVICE_REQUESTS]
            one = self._counted.setdefault(name, _Counted())
            if one.total >= 0:
                one.requests += max(0, total - one.total)
            one.total = total
            one.active.append(active.get(name, 0))

    def _end_minute(self, minute: int, steady: float) -> None:
        before, self._minute = self._minute, minute
        rows = []
        for name, one in self._counted.items():
            if one.active:
                rows.append(Minute(name, one.requests, sum(one.active) / len(one.active), max(one.active)))
            one.requests, one.active = 0, []
        if before and rows:
            is_hour = minute // 60 != before // 60
            self._do(self._write, before, rows, is_hour, is_hour and steady - self._calm_since >= STEADY)

    # -- in a thread, one thing after another ----------------------------------------------------------------------------

    def _do(self, what: Callable[..., None], *arguments: Any) -> None:
        before = self._working

        async def work() -> None:
            if before is not None:
                await asyncio.gather(before, return_exceptions=True)
            try:
                await asyncio.to_thread(what, *arguments)
            except Exception as error:  # noqa: BLE001 - a bug here is told, and what comes next is done
                self._log.error("forecasting failed", error=repr(error))
            if self._following:
                self._follow()

        self._working = asyncio.get_running_loop().create_task(work())

    def _begin(self, path: str, is_moved: bool, names: Sequence[str]) -> None:
        if is_moved:
            if self._store is not None:
                self._store.close()
            self._store = None
            if path:
                self._try(partial(self._open_at, path))
        for name in names:
            series = _Series()
            self._teach(series, name, int(self._wall() // 3600))
            self._series = {**self._series, name: series}  # another one: it is read meanwhile

    def _open_at(self, path: str) -> None:
        self._store = self._open(path)
        if self._store.set_aside:
            self._log.error(
                "the store of forecasts was set aside, and a new one begun", path=path, now=self._store.set_aside
            )

    def _write(self, minute: int, rows: Sequence[Minute], is_hour: bool, is_old: bool) -> None:
        store, spec = self._store, self._spec
        is_late = store is None and spec is not None
        if store is None and spec is not None:  # it could not be opened, or written: it is tried again each minute
            self._try(partial(self._open_at, spec.store))
            store = self._store
        if store is None or not self._try(partial(store.add, minute, rows)):
            self.losses += 1
            if store is not None:
                store.close()  # if it is broken, who opens it next finds that
                self._store = None
            return
        if is_old:
            self._try(partial(store.prune, minute))
        if is_hour or is_late:
            for name, series in self._series.items():
                self._teach(series, name, minute // 60 + is_hour)

    def _teach(self, series: _Series, name: str, until: int) -> None:
        """What the store has of ``name`` before the hour ``until``, and was not taught yet."""
        store = self._store
        if store is not None:
            is_back = series.rate.last >= until  # the clock has gone back: what it was taught of then is forgotten
            found = self._try(partial(store.hours, name, 0 if is_back else series.rate.last + 1, until))
            if is_back and found:
                series.rate, series.active = Forecaster(), Forecaster()
            for hour in found or ():
                series.learn(hour)
        series.look_ahead()

    def _try(self, what: Callable[[], Any]) -> Any:
        """What it returns; None where the store fails, which is told once."""
        try:
            found = what()
        except ForecastStoreError as error:
            if not self.problem:
                self._log.error("forecasts are not kept", reason=str(error))
            self.problem = str(error)
            return None
        if self.problem:
            self._log.info("forecasts are kept again")
            self.problem = ""
        return found

    # -- what is known ---------------------------------------------------------------------------------------------------

    def facts(self) -> list[ForecastFacts]:
        """For the metrics."""
        return [
            ForecastFacts(name, signal, hours, *_largest(ahead[:hours]))
            for name, one in sorted(self._series.items())
            for signal, ahead in (("requests", one.ahead_rate), ("active", one.ahead_active))
            for hours in HORIZONS
            if ahead
        ]

    def document(self) -> dict[str, Any]:
        """For ``/status``."""
        return {
            "store": self._spec.store if self._spec is not None else None,
            "error": self.problem or None,
            "lost_minutes": self.losses,
            "left_out": self.left_out,
            "services": {name: self.of(name) for name in sorted(self._series)},
        }

    def of(self, service: str) -> dict[str, Any] | None:
        """What is expected of one service; None: it is none of those."""
        one = self._series.get(service)
        if one is None:
            return None
        return {
            "hours": one.rate.hours,
            "follow": list(self._following.get(service, ())),
            "followed": round(self.expected[service], 4) if service in self.expected else None,
            "needed_hours": max(0, LEAST - one.rate.hours),
            "requests_per_second": _plain(one.ahead_rate),
            "concurrency": _plain(one.ahead_active),
        }


def following(services: Sequence[ServiceSpec]) -> dict[str, list[str]]:
    """What follows the forecast, by service: ``warm`` connections, and the ``start`` of a limit."""
    found: dict[str, list[str]] = {}
    for one in services:
        if one.pool.warm == AS_FORECAST:
            found.setdefault(one.name, []).append("warm")
        if one.admission is not None and one.admission.settings.is_forecast:
            found.setdefault(one.name, []).append("start")
    return found


def _largest(ahead: Sequence[Forecast]) -> tuple[float, float]:
    """Of what is expected, and of the upper ends."""
    return max(one.expected for one in ahead), max(one.high for one in ahead)


def _plain(ahead: Sequence[Forecast]) -> list[Mapping[str, Any]]:
    return [
        {
            "at": stamp(one.hour * 3600),
            "expected": round(one.expected, 4),
            "low": round(one.low, 4),
            "high": round(one.high, 4),
        }
        for one in ahead
    ]
