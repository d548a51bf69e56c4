"""The metrics of what services are expected to be asked for (``server.forecasting``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fastgw.core.blocks import GAUGE, Metric
from fastgw.telemetry.totals import Facts, ForecastFacts

_LABELS: Final = ("service", "hours", "value")


def _signal(name: str) -> Callable[[Facts], Iterable[tuple[tuple[str, ...], float]]]:
    def samples(facts: Facts) -> Iterable[tuple[tuple[str, ...], float]]:
        for one in facts.forecasts:
            if one.signal == name:
                yield from _values(one)

    return samples


def _values(one: ForecastFacts) -> Iterable[tuple[tuple[str, ...], float]]:
    yield (one.service, str(one.hours), "expected"), one.expected
    yield (one.service, str(one.hours), "high"), one.high


FORECAST_FACTS: Final = (
    (
        Metric(
            "fastgw_forecast_requests_per_second",
            GAUGE,
            "The most requests a second, as the mean of an hour, that the next hours are expected to have.",
            _LABELS,
            "`value` is `expected` or `high`, which one hour of twenty exceeds. See [Forecast](forecast.md).",
        ),
        _signal("requests"),
    ),
    (
        Metric(
            "fastgw_forecast_active",
            GAUGE,
            "The same of exchanges under way and waiting, as the mean of an hour.",
            _LABELS,
        ),
        _signal("active"),
    ),
    (
        Metric(
            "fastgw_forecast_followed",
            GAUGE,
            "Exchanges under way that warm connections and the beginning of a limit follow now.",
            ("service",),
            "Only of services whose [configuration](forecast.md#what-follows-it) says so, and only while there is a forecast.",
        ),
        lambda facts: (((name,), count) for name, count in sorted(facts.expected.items())),
    ),
)
