"""What a gateway adds to the latency when it has time: a fixed rate, half of the reference peer's maximum."""

from __future__ import annotations

from bench.macro.cases.base import Case, Round, corpus_file, load_metrics, memory_metrics
from bench.macro.loads import LoadResult, run_h2load, run_steady
from bench.macro.scenario import route_table
from bench.macro.subject import Sample

CONNECTIONS = 64
H2LOAD_CLIENTS = 64
DIRECT = "direct"


def _measure(this: Round, bursts: bool) -> Sample:
    results: list[LoadResult] = []
    paths = [
        route.path if route.exact else f"{route.path}items/7" for route in route_table(this.variant.scenario.routes)
    ]

    def work() -> None:
        port, rate, seconds = this.subject.port, this.rate, this.seconds
        if bursts:
            results.append(run_h2load(port, paths, clients=H2LOAD_CLIENTS, rate=rate, seconds=seconds))
        else:
            corpus = corpus_file(this.variant.scenario, this.variant.load)
            results.append(run_steady(port, corpus, connections=CONNECTIONS, rate=rate, seconds=seconds))

    meter = this.subject.metered(work)
    sample = {**load_metrics(results[0], meter), **memory_metrics(this.subject), "over_1ms": float(results[0].over_1ms)}
    direct = this.shared.get(DIRECT)
    if direct is not None:
        for name in ("p50_us", "p99_us", "p999_us"):
            sample[f"added_{name}"] = sample[name] - direct[name]
    return sample


def measure_steady(this: Round) -> Sample:
    """Poisson arrivals from ``native/steady.c``; latency counts from the instant a request was due."""
    return _measure(this, bursts=False)


def measure_bursts(this: Round) -> Sample:
    """h2load's fixed rate, which comes in bursts of 10 ms."""
    return _measure(this, bursts=True)


HALF_LOAD = Case(
    name="half_load",
    title="Latency at a fixed rate: half of nginx's maximum, Poisson arrivals",
    measure=measure_steady,
    headline="added_p99_us",
    direct=True,
    rate_of_maximum=0.5,
    notes="Added latency is the gateway's percentile less that of the service without a gateway in the same round.",
)
HALF_LOAD_BURSTS = Case(
    name="half_load_bursts",
    title="The same rate from h2load, which sends each client's requests of 10 ms at once",
    measure=measure_bursts,
    headline="added_p99_us",
    direct=True,
    rate_of_maximum=0.5,
    in_quick=False,
)
