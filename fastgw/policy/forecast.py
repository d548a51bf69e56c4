"""How much will be asked for in the next hours, learned from the hours that were.

Values come one an hour.  What is expected is a mean of thirteen opinions: twelve models of exponential smoothing, and the median of the
same hour in the last three weeks.  Each model has a level, a season of 24 hours and one of 168, and an error that fades, all of the
logarithm, for traffic grows and falls by parts and not by sums (Taylor, "Short-term electricity demand forecasting using double seasonal
exponential smoothing", 2003, whose method is that of Holt and Winters with two seasons).  They differ in how fast they learn: which is
right for a service is not asked beforehand, but seen.  An opinion counts by how wrong it was lately, as far ahead as is asked for (Bates
and Granger, "The combination of forecasts", 1969); with the high power that is taken here, the best one or two do.

Around it is an interval that shall hold the true value nine times of ten.  Its ends follow the errors: each that falls outside moves the
end that it passed outwards, each that does not moves it a little inwards, in times of how large errors are now (quantile tracking:
Angelopoulos, Candès and Tibshirani, "Conformal PID control for time series prediction", 2023).  No distribution is assumed: in the long run
it holds as often as it says, whatever comes.

Nothing is fitted and nothing is random: an hour costs some hundred multiplications, and the same values give the same forecast.
``bench/forecast.py`` measures it on series of others.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import product
from typing import Final, NamedTuple

DAY: Final = 24  #: hours
WEEK: Final = 168
LONGEST: Final = 24  #: hours ahead
LEAST: Final = 2 * DAY  #: hours of history before anything is said
BUCKETS: Final = (
    1,
    2,
    3,
    4,
    6,
    8,
    12,
    16,
    20,
    24,
)  #: hours ahead at which errors are kept; others have those of the next longer one
_BUCKET: Final = tuple(
    next(place for place, one in enumerate(BUCKETS) if one >= ahead) for ahead in range(1, LONGEST + 1)
)

LEVELS: Final = (0.005, 0.03, 0.1)  #: how fast a level learns
WEEKLY: Final = (0.1, 0.3)  #: how fast the season of a week does
DAILY: Final = 0.03
FADING: Final = (0.0, 0.7)  #: of the last error, what is left an hour later
OUTSIDE: Final = (
    0.04  #: of the values, below the interval, and as many above: of 0.05 it holds too little while things change
)
_FORGETTING: Final = 0.99  #: of the error of an opinion, an hour
_POWER: Final = 16.0  #: of it, in the weights
_STEP: Final = 0.1  #: of the ends of the interval
_QUICK, _SLOW = 0.05, 0.005  #: how fast the size of errors is learned; the larger counts
_SPREAD: Final = 0.75  #: errors grow with this power of what is expected
_LARGEST: Final = 36.0  #: of a logarithm: more than 4e15 is not told apart


class Forecast(NamedTuple):
    """Of one hour."""

    hour: int  #: since 1970
    expected: float
    low: float
    high: float  #: nine of ten values lie between both


class Smoothing:
    """One model: exponential smoothing with two seasons, of logarithms."""

    __slots__ = ("_daily", "_day", "_error", "_fading", "_learning", "_level", "_seen", "_week", "_weekly")

    def __init__(self, learning: float, weekly: float, fading: float) -> None:
        """How fast its level and its season of a week learn, and what is left of an error an hour later; each 0 to 1."""
        self._learning = learning
        self._weekly = weekly
        self._fading = fading
        self._daily = DAILY
        self._level: float | None = None
        self._error = 0.0
        self._day = [0.0] * DAY
        self._week = [0.0] * WEEK
        self._seen = [0] * WEEK  #: how often each hour of the week was

    def learn(self, hour: int, value: float) -> None:
        """``value``: the logarithm of what ``hour`` had."""
        day, week = hour % DAY, hour % WEEK
        if self._level is None:
            self._level = value
        rest = value - (self._level + self._day[day] + self._week[week])
        error = rest - self._fading * self._error
        self._level += self._learning * error
        self._day[day] += self._daily * error
        self._seen[week] += 1
        seen = self._seen[week]
        self._week[week] += (max(self._weekly, 1 / (seen + 1)) if seen < 6 else self._weekly) * error
        self._error = rest

    def ahead(self, hour: int, ahead: int) -> float:
        """What it expects of the hour that is ``ahead`` of ``hour``, the last one that was; no logarithm any more."""
        assert self._level is not None
        of = hour + ahead
        found = self._level + self._day[of % DAY] + self._week[of % WEEK] + self._error * self._fading**ahead
        return max(0.0, math.expm1(min(found, _LARGEST)))


class _Interval:
    """Where values lie around what was expected so far ahead: the ends, in times of the size of errors."""

    __slots__ = ("_high", "_low", "_quick", "_slow")

    def __init__(self) -> None:
        self._low, self._high = -1.5, 1.5
        self._quick = self._slow = -1.0  #: size of errors; -1: none was seen

    @property
    def size(self) -> float:
        """Of errors, now; 0: none was seen."""
        return max(self._quick, self._slow, 0.0)

    def around(self, expected: float) -> tuple[float, float]:
        unit = _unit(expected) * self.size
        return max(0.0, expected + self._low * unit), max(0.0, expected + self._high * unit)

    def learn(self, expected: float, size: float, value: float) -> None:
        """``size``: what it was when ``expected`` was said of what has become ``value``."""
        error = (value - expected) / _unit(expected)
        if self._quick < 0:
            self._quick = self._slow = abs(error)
        self._quick += _QUICK * (abs(error) - self._quick)
        self._slow += _SLOW * (abs(error) - self._slow)
        if size:
            self._low += _STEP * (OUTSIDE - (error / size < self._low))
            self._high += _STEP * (1 - OUTSIDE - (error / size < self._high))


def _unit(expected: float) -> float:
    return math.pow(expected + 1.0, _SPREAD)


class _Said(NamedTuple):
    """What was said of an hour that has not been yet."""

    bucket: int
    opinions: list[float]
    expected: float
    size: float  #: of errors, then


class Forecaster:
    """Of one series: what is counted in an hour, or the mean of it; never negative."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._models = [Smoothing(*one) for one in product(LEVELS, WEEKLY, FADING)]
        self._past: deque[float | None] = deque(maxlen=3 * WEEK)  #: the last one last
        self.last = 0  #: the hour that it is of, since 1970
        self.hours = 0  #: that had a value
        self._wrong: list[list[float]] = [[] for _ in BUCKETS]  #: how wrong each opinion was lately
        self._intervals = [_Interval() for _ in BUCKETS]
        self._said: dict[int, list[_Said]] = {}

    @property
    def is_ready(self) -> bool:
        """Is there enough to say something by?"""
        return self.hours >= LEAST

    def note(self, hour: int, value: float | None) -> None:
        """``hour`` (since 1970) had ``value``; None, as of hours that are left out: nobody counted.  Older ones are not taken."""
        if self._past and hour <= self.last:
            return
        if self._past and hour - self.last > 3 * WEEK:
            self._forget()  # nothing of what it knows is of use any more
        while self._past and self.last < hour - 1:
            self._end_of(self.last + 1, None)
        self._end_of(hour, value)

    def ahead(self, hours: int = LONGEST) -> list[Forecast]:
        """Of the next ``hours``, at most ``LONGEST``; none while it is not ``is_ready``."""
        found = []
        for ahead in range(1, hours + 1) if self.is_ready else ():
            bucket = _BUCKET[ahead - 1]
            expected = self._mean(bucket, self._opinions(ahead))
            found.append(Forecast(self.last + ahead, expected, *self._intervals[bucket].around(expected)))
        return found

    def _end_of(self, hour: int, value: float | None) -> None:
        said = self._said.pop(hour, ())
        self._past.append(value)
        self.last = hour
        if value is not None:
            value = min(value, math.exp(_LARGEST))
            for one in said:
                self._judge(one, value)
            self.hours += 1
            logarithm = math.log1p(value)
            for model in self._models:
                model.learn(hour, logarithm)
        if self.is_ready:
            for bucket, ahead in enumerate(BUCKETS):
                opinions = self._opinions(ahead)
                one = _Said(bucket, opinions, self._mean(bucket, opinions), self._intervals[bucket].size)
                self._said.setdefault(hour + ahead, []).append(one)

    def _judge(self, said: _Said, value: float) -> None:
        errors = [abs(one - value) for one in said.opinions]
        wrong = self._wrong[said.bucket]
        if wrong:
            for place, error in enumerate(errors):
                wrong[place] = wrong[place] * _FORGETTING + error * (1 - _FORGETTING)
        else:
            wrong.extend(errors)
        self._intervals[said.bucket].learn(said.expected, said.size, value)

    def _opinions(self, ahead: int) -> list[float]:
        found = [one.ahead(self.last, ahead) for one in self._models]
        weeks = [self._past[ahead - 1 - back] for back in (WEEK, 2 * WEEK, 3 * WEEK) if len(self._past) > back - ahead]
        same = sorted(one for one in weeks if one is not None)
        found.append(same[len(same) // 2] if same else found[0])
        return found

    def _mean(self, bucket: int, opinions: list[float]) -> float:
        wrong = self._wrong[bucket]
        if not wrong:
            return sum(opinions) / len(opinions)
        least = min(wrong) + 1e-9
        weights = [math.pow((one + 1e-9) / least, -_POWER) for one in wrong]
        return sum(weight * one for weight, one in zip(weights, opinions, strict=True)) / sum(weights)
