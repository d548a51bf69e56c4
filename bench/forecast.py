"""How good are the forecasts of ``fastgw.policy.forecast``, on series of others?

    python -m bench.forecast FOLDER [--weeks 4]

Each CSV file of the folder is a series: lines of a time stamp and a value, under a head (those of the Numenta Anomaly Benchmark), or of
year, month, day, weekday, hour and value (six columns).  Values of one hour are added; hours without any are not there.  At each midnight
of the last weeks the next 24 hours are forecast, by what was before, and compared with what came, beside "the same hour a week ago".
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from fastgw.policy.forecast import DAY, WEEK, Forecaster

MOST = 17 * WEEK  #: hours of a series that are taken, the last ones


class Result(NamedTuple):
    """Of one series."""

    name: str
    hours: int  #: that were forecast
    error: float  #: mean absolute error
    last_week: float  #: that of the same hour a week ago
    covered: float  #: share of the values that were in the interval
    seconds: float  #: that an hour of it took, on average

    def __str__(self) -> str:
        return (
            f"{self.name:40} {self.hours:6} {self.error:12.1f} {self.last_week:12.1f} {self.error / self.last_week:8.3f}"
            f" {self.covered:8.1%} {self.seconds * 1e6:8.0f}"
        )


def read(path: Path) -> dict[int, float]:
    """Values by the hour since 1970."""
    found: dict[int, float] = defaultdict(float)
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            if len(row) == 6:
                year, month, day, _, hour, value = row
                at = datetime.datetime(int(year), int(month), int(day), int(hour), tzinfo=datetime.UTC)
            else:
                at, value = datetime.datetime.fromisoformat(row[0]).replace(tzinfo=datetime.UTC), row[1]
            found[int(at.timestamp() // 3600)] += float(value)
    hours = sorted(found)[1:-1]  # the first and the last may be parts
    return {hour: found[hour] for hour in hours[-MOST:]}


def backtest(name: str, values: dict[int, float], weeks: int) -> Result:
    """Go through the series once, as a gateway would, and look at what is said at each midnight of the last ``weeks``."""
    forecaster, first, last = Forecaster(), min(values), max(values)
    begin = last - weeks * WEEK
    error = before = 0.0
    hours = covered = 0
    began = time.perf_counter()
    for hour in range(first, last + 1):
        forecaster.note(hour, values.get(hour))
        if hour < begin or (hour + 1) % DAY:
            continue
        for one in forecaster.ahead():
            came, week = values.get(one.hour), values.get(one.hour - WEEK)
            if came is not None and week is not None:
                hours += 1
                error += abs(one.expected - came)
                before += abs(week - came)
                covered += one.low <= came <= one.high
    seconds = (time.perf_counter() - began) / (last + 1 - first)
    return Result(name, hours, error / hours, before / hours, covered / hours, seconds)


def main() -> None:
    """Print a line for each series, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weeks", type=int, default=4, help="of the end of each series that are forecast")
    options = parser.parse_args()
    print(f"{'series':40} {'hours':>6} {'error':>12} {'last week':>12} {'ratio':>8} {'covered':>8} {'us/hour':>8}")
    results = [backtest(one.stem, read(one), options.weeks) for one in sorted(options.folder.glob("*.csv"))]
    for one in results:
        print(one)
    print(f"mean ratio {sum(one.error / one.last_week for one in results) / len(results):.3f}")


if __name__ == "__main__":
    main()
