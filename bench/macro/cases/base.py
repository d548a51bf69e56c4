"""What a case is: settings, a load, a headline figure, and how one round of it is measured."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.macro.client import connect, exchange
from bench.macro.corpus import build_chats, build_requests, read_corpus, write_corpus
from bench.macro.loads import LoadResult, run_wrk
from bench.macro.paths import BUILD
from bench.macro.peers import CORE
from bench.macro.scenario import Scenario, route_table
from bench.macro.subject import Meter, Sample, Subject

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Load:
    """Requests as wrk sends them."""

    connections: int = 64
    method: str = "GET"
    body: int = 0  #: bytes
    query: str = ""  #: read by the service
    close: bool = False  #: a new connection for each request
    count: int = 2000  #: different requests in the corpus
    chat: bool = False  #: OpenAI's chat requests
    lines: bool = False  #: of these: prompts have line breaks, and from a quarter of a megabyte on an image
    stream: bool = False  #: of these: a stream is asked for


CHATS = Load(method="POST", body=1024, chat=True)


@dataclass(frozen=True, slots=True)
class Variant:
    """One setting of a case."""

    label: str
    scenario: Scenario = field(default_factory=Scenario)
    load: Load = field(default_factory=Load)
    peers: tuple[str, ...] = ()  #: instead of the case's
    in_quick: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """All a measurement may use."""

    subject: Subject
    variant: Variant
    seconds: float
    rate: float = 0.0  #: requests per second, in cases with a fixed rate
    shared: dict[str, Sample] = field(
        default_factory=dict
    )  #: this round's samples by subject label, made before this one


@dataclass(frozen=True, slots=True)
class Case:
    """A question and how it is answered."""

    name: str
    title: str
    measure: Callable[[Round], Sample]
    headline: str = "cpu_us"
    variants: tuple[Variant, ...] = (Variant(""),)
    peers: tuple[str, ...] = CORE
    notes: str = ""
    in_quick: bool = True
    starts_itself: bool = False  #: the measurement starts and stops the gateway
    direct: bool = False  #: the service without a gateway is measured too
    rate_of_maximum: float = 0.0  #: fixed rate, as a share of the reference peer's maximum
    most_rounds: int = 99  #: for measurements that are slow, or do not vary
    most_quick_rounds: int = 99
    compare_first: bool = False  #: ratios are to the first subject of the case, not to the reference peer


def corpus_file(scenario: Scenario, load: Load) -> Path:
    """The requests of a load, written once."""
    if load.chat:
        name = f"chat-{load.body}-{load.count}{'-lines' * load.lines}{'-stream' * load.stream}"
        return _written(name, lambda: build_chats(load.count, load.body, lines=load.lines, stream=load.stream))
    name = f"{scenario.routes}-{load.method}-{load.body}-{load.query or 'none'}-{int(load.close)}-{load.count}"
    return _written(
        name.replace("=", "").replace("&", "-"),
        lambda: build_requests(
            route_table(scenario.routes),
            count=load.count,
            method=load.method,
            body_size=load.body,
            query=load.query,
            close=load.close,
        ),
    )


def _written(name: str, build: Callable[[], list[bytes]]) -> Path:
    path = BUILD / "corpus" / f"{name}.requests"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        write_corpus(partial, build())
        partial.rename(path)
    return path


def some_requests(scenario: Scenario, count: int) -> list[bytes]:
    """The first requests of the plain load, or of the chat load where there is one."""
    load = CHATS if scenario.chat else Load()
    return read_corpus(corpus_file(scenario, load).read_bytes())[:count]


def warm(subject: Subject) -> None:
    """A few hundred requests on one connection, enough for every endpoint: what is made late is made, code is specialised."""
    count = max(300, 2 * subject.scenario.endpoints)
    with connect(subject.port, tls=subject.scenario.tls) as connection:
        for request in some_requests(subject.scenario, count):
            exchange(connection, request)


def memory_metrics(subject: Subject) -> Sample:
    """Resident and proportional memory in MiB."""
    memory = subject.memory()
    return {"rss_mib": memory.rss / MIB, "pss_mib": memory.pss / MIB}


def load_metrics(load: LoadResult, meter: Meter) -> Sample:
    """The figures every load has: CPU per request, throughput, latency, and how quiet the core was."""
    requests = max(load.requests, 1)
    return {
        "cpu_us": meter.total / requests * 1e6,
        "user_us": meter.user / requests * 1e6,
        "sys_us": meter.system / requests * 1e6,
        "rps": load.rate,
        "p50_us": load.p50,
        "p99_us": load.p99,
        "p999_us": load.p999,
        "max_us": load.longest,
        "busy": meter.busy,
        "foreign": meter.foreign,
        "stolen": meter.stolen,
        "errors": float(load.errors),
    }


def measure_load(this: Round) -> Sample:
    """wrk as fast as it goes, and the gateway's bill."""
    subject, load = this.subject, this.variant.load
    corpus = corpus_file(this.variant.scenario, load)
    results: list[LoadResult] = []

    def work() -> None:
        results.append(
            run_wrk(subject.port, corpus, connections=load.connections, seconds=this.seconds, tls=subject.scenario.tls)
        )

    meter = subject.metered(work)
    return {**load_metrics(results[0], meter), **memory_metrics(subject)}
