"""The project's performance goals, held against a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.macro.results import CaseResult, RunResult

Figure = Callable[[CaseResult], float | None]


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of a case and the most it may be."""

    text: str
    case: str
    most: float
    figure: Figure
    unit: str = "x"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and what was measured; None when the case or a peer was not there."""

    goal: Goal
    value: float | None

    @property
    def is_held(self) -> bool | None:
        """None when nothing was measured."""
        return None if self.value is None else self.value <= self.goal.most


def against(peer: str, other: str, metric: str = "cpu_us") -> Figure:
    """Median of the ratios of two peers."""

    def figure(case: CaseResult) -> float | None:
        one = case.find(peer)
        ratio = one.ratio(case.find(other), metric) if one else None
        return ratio.median if ratio else None

    return figure


def grown(peer: str, metric: str = "cpu_us") -> Figure:
    """Median of the ratios of a peer's last setting to its first."""

    def figure(case: CaseResult) -> float | None:
        first, last = case.find(peer), case.last(peer)
        ratio = last.ratio(first, metric) if last and last is not first else None
        return ratio.median if ratio else None

    return figure


def median_of(peer: str, metric: str) -> Figure:
    """Median of a metric."""

    def figure(case: CaseResult) -> float | None:
        one = case.find(peer)
        return one.median(metric) if one else None

    return figure


GOALS = (
    Goal("small GET, CPU per request, to nginx", "small_get", 0.90, against("fastgw", "nginx")),
    Goal("small GET, CPU per request, to Go fasthttp", "small_get", 0.90, against("fastgw", "go-fasthttp")),
    Goal(
        "small GET, CPU per request, to http.server with threads",
        "small_get",
        0.10,
        against("fastgw", "stdlib-threaded"),
    ),
    Goal("POST 1 KB, CPU per request, to nginx", "post_1k", 0.95, against("fastgw", "nginx")),
    Goal("small GET in pure Python, CPU per request, to nginx", "small_get", 1.40, against("fastgw-pure", "nginx")),
    Goal("event streams, CPU per event, to nginx", "events", 1.00, against("fastgw", "nginx")),
    Goal("event streams, oldest event on arrival", "events", 1000.0, median_of("fastgw", "max_us"), "us"),
    Goal("1 MB up, CPU per MB, to nginx", "body_up", 1.20, against("fastgw", "nginx")),
    Goal("1 MB down, CPU per MB, to nginx", "body_down", 1.20, against("fastgw", "nginx")),
    Goal("added p99 at half load, to nginx", "half_load", 1.30, against("fastgw", "nginx", "added_p99_us")),
    Goal("10,000 routes to 10, CPU per request", "routes", 1.05, grown("fastgw")),
    Goal("1,000 endpoints to 1, CPU per request", "endpoints", 1.05, grown("fastgw")),
    Goal("memory of an idle connection", "idle", 2.0, median_of("fastgw", "idle_kib"), "KiB"),
    Goal("worker's memory at rest", "idle", 35.0, median_of("fastgw", "rest_rss_mib"), "MiB"),
    Goal("start to first proxied answer", "start", 200.0, median_of("fastgw", "start_ms"), "ms"),
    Goal("memory growth, request 100,000 to 1,000,000", "growth", 1024.0, median_of("fastgw", "growth_kib"), "KiB"),
)


def judge(run: RunResult) -> list[Verdict]:
    """Every goal against the run."""
    verdicts = []
    for goal in GOALS:
        case = run.case(goal.case)
        verdicts.append(Verdict(goal, goal.figure(case) if case else None))
    return verdicts
