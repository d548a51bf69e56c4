"""Names, units and precision of the metrics, for tables and charts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """How a figure is shown: a column title, decimals, and a factor for its unit."""

    title: str
    decimals: int = 1
    factor: float = 1.0


METRICS: dict[str, Metric] = {
    "cpu_us": Metric("CPU us", 2),
    "user_us": Metric("user", 2),
    "sys_us": Metric("sys", 2),
    "start_ms": Metric("start ms", 0),
    "idle_kib": Metric("KiB / connection", 2),
    "rest_rss_mib": Metric("worker at rest MiB"),
    "growth_kib": Metric("growth KiB", 0),
    "requests": Metric("requests", 0),
    "rps": Metric("per second", 0),
    "p50_us": Metric("p50 us", 0),
    "p99_us": Metric("p99 us", 0),
    "p999_us": Metric("p99.9 us", 0),
    "max_us": Metric("longest us", 0),
    "added_p50_us": Metric("added p50 us", 0),
    "added_p99_us": Metric("added p99 us", 0),
    "added_p999_us": Metric("added p99.9 us", 0),
    "over_1ms": Metric("over 1 ms", 0),
    "rss_mib": Metric("RSS MiB"),
    "pss_mib": Metric("PSS MiB"),
    "busy": Metric("core used %", 0, 100.0),
    "foreign": Metric("by others %", 1, 100.0),
    "errors": Metric("errors", 0),
}


def show(name: str, value: float | None) -> str:
    """The figure as text, a dash when there is none."""
    if value is None:
        return "-"
    metric = METRICS.get(name, Metric(name))
    return f"{value * metric.factor:,.{metric.decimals}f}"
