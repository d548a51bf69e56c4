"""The measurements, as the other harness defines them; what they come to is in plain functions of their windows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from bench.macro import procfs
from bench.macro.client import connect, exchange
from bench.macro.errors import BenchError
from bench.macro.process import Program
from bench.macro.stats import median
from bench.macro.subject import metered
from bench.outside.definitions import Definition
from bench.outside.loaders import Loader, Order, StreamWindow, Window, request
from bench.outside.published import Dialect, Published

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a run is; theirs, or shortened."""

    name: str
    seconds: int  #: of a window of requests
    windows: int
    most_clients: int
    step: int  #: factor from one step of the ladder to the next
    most_streams: int
    idle_s: float
    load_s: float  #: at most, of the window of memory
    recovery_s: float


def as_published(published: Published) -> Effort:
    """Windows of six seconds, as their engine's default has it, and ladders by twos; how high they go is our choice."""
    return Effort(
        "as published",
        6,
        published.windows,
        16384,
        2,
        4096,
        published.memory_idle_s,
        published.memory_cap_s,
        published.memory_recovery_s,
    )


#: A shorter run, of which the results say so.
QUICK = Effort("quick", 2, 1, 256, 4, 256, 2.0, 5.0, 3.0)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder."""

    clients: int
    window: Window
    cpu_us: float  #: of the gateway, for each answer; ours, not theirs


@dataclass(frozen=True, slots=True)
class Reading:
    """The highest rate of those windows that lost no request and stayed below a bound."""

    bound_us: int  #: 0: none
    rate: float
    clients: int
    p99_us: float
    is_floor: bool  #: no higher step was tried


@dataclass(frozen=True, slots=True)
class Cell:
    """One dialect of clients at one of the service."""

    ingress: str
    egress: str
    verdict: str  #: served, or why not
    is_served: bool


def order_of(port: int, dialect: Dialect, model: str, auth: str) -> Order:
    """What a client of the dialect asks."""
    return Order(port, dialect.target(model), dialect.request(model), dialect.head(auth), auth)


def streamed(order: Order) -> Order:
    """The same, asking for a stream: the body with one key more, in front."""
    return replace(order, body='{"stream":true,' + order.body.removeprefix("{"))


# what a whole answer of each dialect has, by the keys that lead to it
_ENVELOPES: Mapping[str, tuple[str | int, ...]] = {
    "openai": ("choices", 0, "message"),
    "openai-responses": ("output", 0),
    "anthropic": ("content", 0),
    "gemini": ("candidates", 0, "content"),
    "cohere": ("message", "content"),
    "bedrock": ("output", "message"),
}


def has_envelope(dialect: str, body: bytes) -> bool:
    """The answer is one of the dialect's."""
    try:
        value = orjson.loads(body)
        for step in _ENVELOPES[dialect]:
            value = value[step]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return False
    return bool(value)


def judge(ingress: Dialect, egress: str, status: int, body: bytes) -> Cell:
    """A cell by its answer: 200, of the client's dialect, and not what the service says to those who only pass it on."""
    if status != 200:
        verdict = f"{status} {body[:120].decode(errors='replace')}"
    elif not has_envelope(ingress.name, body):
        verdict = f"no answer of {ingress.name}: {body[:120].decode(errors='replace')}"
    elif ingress.name != egress and body == ingress.answer:
        verdict = "passed on untranslated"
    else:
        return Cell(ingress.name, egress, "served", True)
    return Cell(ingress.name, egress, verdict, False)


def ask(order: Order, timeout: float = 10.0) -> tuple[int, bytes]:
    """One request on a connection of its own.  BenchError and OSError when nothing answers."""
    with connect(order.port, timeout=timeout) as connection:
        answer = exchange(connection, request(order))
    return answer.status, answer.body


def probe(published: Published, port: int, definition: Definition) -> list[Cell]:
    """All cells of the grid, one request each."""
    cells = []
    for ingress in published.dialects.values():
        for egress in published.dialects:
            if not definition.leads(ingress.name, egress):
                cells.append(Cell(ingress.name, egress, "no model leads there", False))
                continue
            try:
                cells.append(
                    judge(ingress, egress, *ask(order_of(port, ingress, definition.model_for(egress), definition.auth)))
                )
            except (BenchError, OSError) as error:
                cells.append(Cell(ingress.name, egress, str(error), False))
    return cells


def climb(loader: Loader, order: Order, program: Program, effort: Effort) -> list[Rung]:
    """Windows from one client up, until all of a step lose requests."""
    rungs: list[Rung] = []
    clients = 1
    while clients <= effort.most_clients:
        step = [rung(loader, order, program, clients, effort.seconds) for _ in range(effort.windows)]
        rungs += step
        if not any(one.window.ok and not one.window.fail for one in step):
            break
        clients *= effort.step
    return rungs


def rung(loader: Loader, order: Order, program: Program, clients: int, seconds: int) -> Rung:
    """One window, and what it cost the gateway."""
    seen: list[Window] = []
    meter = metered(program, lambda: seen.append(loader.window(order, clients, seconds)))
    return Rung(clients, seen[0], meter.total / max(seen[0].ok, 1) * 1e6)


def frontier(rungs: Sequence[Rung], bounds_us: Sequence[int]) -> list[Reading]:
    """A reading at each bound and one at none; of equal rates the one with fewer clients.  Bounds that nothing kept are left out."""
    top = max((one.clients for one in rungs), default=0)
    found = []
    for bound in (*bounds_us, 0):
        kept = [
            one for one in rungs if one.window.ok and not one.window.fail and (not bound or one.window.p99_us < bound)
        ]
        if kept:
            best = max(kept, key=lambda one: (one.window.rate, -one.clients))
            found.append(Reading(bound, best.window.rate, best.clients, best.window.p99_us, best.clients == top))
    return found


def added(through: Sequence[Window], direct: Sequence[Window]) -> dict[str, float]:
    """What the gateway adds at one client: medians of windows, less those of the service alone.  BenchError when requests were lost."""
    if any(one.fail or not one.ok for one in (*through, *direct)):
        raise BenchError("requests were lost with a single client")
    values = {}
    for name in ("p50_us", "p99_us"):
        values[f"added_{name}"] = median([getattr(one, name) for one in through]) - median(
            [getattr(one, name) for one in direct]
        )
    return values


def holds(window: StreamWindow, published: Published) -> bool:
    """Every frame came, no stream stood still, and next to none failed."""
    return (
        window.streams > 0
        and window.delivered >= published.delivery_ratio
        and window.stalled == 0
        and window.fail <= published.error_ratio * window.streams
    )


def climb_streams(
    loader: Loader, order: Order, published: Published, effort: Effort
) -> tuple[list[tuple[int, StreamWindow]], int]:
    """Windows of so many streams at a time until one does not hold, and the last number that did (0: none)."""
    stall = published.stall_multiplier * published.interval_ms * 1000
    seen: list[tuple[int, StreamWindow]] = []
    last, clients = 0, 16
    while clients <= effort.most_streams:
        seen.append((clients, loader.streams(order, clients, effort.seconds, published.frames, stall)))
        if not holds(seen[-1][1], published):
            break
        last, clients = clients, clients * effort.step
    return seen, last


Series = list[tuple[float, float]]  #: seconds, MiB


def is_steady(series: Series, window_s: float, trend_pct: float, range_pct: float) -> bool:
    """The last stretch goes neither up nor down, and does not swing: means of its halves, and its span, in percent of its mean."""
    if not series or series[-1][0] - series[0][0] < window_s:
        return False
    last = [(at, value) for at, value in series if at >= series[-1][0] - window_s]
    middle = last[0][0] + window_s / 2
    first, second = [v for at, v in last if at < middle], [v for at, v in last if at >= middle]
    if len(first) < 2 or len(second) < 2:
        return False
    values = [value for _, value in last]
    mean = sum(values) / len(values)
    trend = abs(sum(second) / len(second) - sum(first) / len(first)) / mean * 100
    return trend < trend_pct and (max(values) - min(values)) / mean * 100 < range_pct


def resident(program: Program) -> float:
    """MiB of the whole tree of processes; pages that several have count for each, as theirs do."""
    sizes = []
    for pid in program.pids():
        try:
            sizes.append(procfs.parse_smaps_rollup((procfs.PROC / str(pid) / "smaps_rollup").read_text())[0])
        except OSError:
            continue
    return sum(sizes) / MIB


def watch(program: Program, seconds: float, began: float) -> Series:
    """Ten readings a second."""
    series: Series = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        series.append((time.monotonic() - began, resident(program)))
        time.sleep(0.1)
    return series


def memory(loader: Loader, order: Order, program: Program, published: Published, effort: Effort) -> dict[str, float]:
    """MiB of a gateway that has just begun: idle, under load until it stands still or the time is up, and afterwards."""
    began = time.monotonic()
    idle = median([value for _, value in watch(program, effort.idle_s, began)])
    series: Series = []
    began, steady = time.monotonic(), 0.0
    while not steady and time.monotonic() - began < effort.load_s:
        loader.window(order, published.memory_concurrency, effort.seconds)
        series.append((time.monotonic() - began, resident(program)))
        if is_steady(series, published.memory_window_s, published.memory_trend_pct, published.memory_range_pct):
            steady = series[-1][0]
    after = watch(program, effort.recovery_s, time.monotonic())
    return {
        "idle_mib": idle,
        "peak_mib": max(value for _, value in series),
        "recovered_mib": median([value for _, value in after[len(after) // 2 :]]),
        "steady_s": steady,
    }
