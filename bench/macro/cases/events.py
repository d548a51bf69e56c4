"""Server-Sent Events: 64 streams of 200 events at a fixed pace; CPU per event and how old events are on arrival."""

from __future__ import annotations

from bench.macro.cases.base import Case, Round, Variant, load_metrics, memory_metrics
from bench.macro.loads import LoadResult, run_events
from bench.macro.scenario import Scenario, route_table
from bench.macro.subject import Sample

STREAMS, EVENTS = 64, 200
INTERVAL_US = 1250  #: 51,200 events per second in all, about half of what nginx can pass on here


def measure_events(this: Round) -> Sample:
    """The figures of a load, with events as requests."""
    results: list[LoadResult] = []

    def work() -> None:
        results.append(
            run_events(
                this.subject.port,
                route_table(1)[0].path,
                streams=STREAMS,
                events=EVENTS,
                interval_us=INTERVAL_US,
                seconds=this.seconds,
            )
        )

    meter = this.subject.metered(work)
    late = results[0].over_1ms
    sample = {**load_metrics(results[0], meter), **memory_metrics(this.subject), "over_1ms": float(late)}
    sample["late_share"] = late / max(results[0].requests, 1)
    return sample


EVENTS_CASE = Case(
    name="events",
    title=f"Server-Sent Events: {STREAMS} streams of {EVENTS} events, one each {INTERVAL_US / 1000:g} ms (CPU per event)",
    measure=measure_events,
    variants=(Variant("", Scenario(streaming=True)),),
    direct=True,
    notes="nginx: proxy_buffering off. Latency is the age of an event on arrival; 'direct' has no gateway between.",
)
