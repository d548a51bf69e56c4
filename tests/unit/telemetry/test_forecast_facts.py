"""The metrics of what services are expected to be asked for."""

from __future__ import annotations

from typing import Any

from fastgw.telemetry.forecast_facts import FORECAST_FACTS
from fastgw.telemetry.totals import Facts, ForecastFacts


def test_each_signal_has_a_metric_of_its_own() -> None:
    told = (ForecastFacts("llm", "requests", 1, 2.5, 4.0), ForecastFacts("llm", "active", 24, 8.0, 16.0))
    facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, forecasts=told, expected={"llm": 7.5})
    assert {metric.name: dict(samples(facts)) for metric, samples in FORECAST_FACTS} == {
        "fastgw_forecast_requests_per_second": {("llm", "1", "expected"): 2.5, ("llm", "1", "high"): 4.0},
        "fastgw_forecast_active": {("llm", "24", "expected"): 8.0, ("llm", "24", "high"): 16.0},
        "fastgw_forecast_followed": {("llm",): 7.5},
    }
