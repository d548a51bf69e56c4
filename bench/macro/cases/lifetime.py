"""Cases about a process's life: start-up, idle connections, memory after many requests."""

from __future__ import annotations

import socket
import time

from bench.macro.cases.base import (
    MIB,
    Case,
    Load,
    Round,
    Variant,
    corpus_file,
    memory_metrics,
    some_requests,
    warm,
)
from bench.macro.client import connect, exchange
from bench.macro.errors import BenchError
from bench.macro.loads import run_wrk
from bench.macro.subject import Sample

IDLE = 10_000
PER_ADDRESS = 5_000  #: connections from one loopback address, well below the ports there are
FIRST_REQUESTS, ALL_REQUESTS = 100_000, 1_000_000


def measure_start(this: Round) -> Sample:
    """Milliseconds from starting the program to the first proxied answer."""
    begin = this.subject.prepare(core=None)  # nothing else runs: as a machine starts it, on all its cores
    started = time.monotonic()
    begin()
    try:
        return {"start_ms": (this.subject.first_answer(30.0) - started) * 1e3, **memory_metrics(this.subject)}
    finally:
        this.subject.stop()


def measure_idle(this: Round) -> Sample:
    """Memory of each of many kept connections after one request, and of the worker at rest."""
    subject = this.subject
    subject.start()
    idle: list[socket.socket] = []
    try:
        warm(subject)
        before = subject.memory()
        requests = some_requests(subject.scenario, 500)
        for n in range(IDLE):
            connection = connect(subject.port, source=f"127.0.0.{2 + n // PER_ADDRESS}")
            idle.append(connection)
            if exchange(connection, requests[n % len(requests)]).status != 200:
                raise BenchError(f"connection {n} was not answered with 200")
        after = subject.memory()
        return {
            "idle_kib": (after.pss - before.pss) / IDLE / 1024,
            "rest_rss_mib": before.rss / MIB,
            "rss_mib": after.rss / MIB,
            "pss_mib": after.pss / MIB,
        }
    finally:
        for connection in idle:
            connection.close()
        subject.stop()


def measure_growth(this: Round) -> Sample:
    """Growth of the resident memory between the first requests and the last."""
    subject, load = this.subject, this.variant.load
    subject.start()
    corpus = corpus_file(this.variant.scenario, load)
    done, early, errors = 0, 0, 0
    try:
        while done < ALL_REQUESTS:
            result = run_wrk(subject.port, corpus, connections=load.connections, seconds=2.0)
            if not result.requests:
                raise BenchError("no answers")
            done, errors = done + result.requests, errors + result.errors
            if not early and done >= FIRST_REQUESTS:
                early = subject.memory().rss
        late = subject.memory().rss
    finally:
        subject.stop()
    return {
        "growth_kib": (late - early) / 1024,
        "rss_mib": late / MIB,
        "requests": float(done),
        "errors": float(errors),
    }


START = Case(
    name="start",
    title="Start to first proxied answer",
    measure=measure_start,
    headline="start_ms",
    starts_itself=True,
    notes="Here alone a gateway may use both cores: no load runs beside it.",
)
IDLE_CASE = Case(
    name="idle",
    title=f"{IDLE:,} idle connections, each after one request",
    measure=measure_idle,
    headline="idle_kib",
    starts_itself=True,
    notes=(
        "Proportional memory of all the gateway's processes, after less before, per connection. nginx allots its table of "
        "connections at start, so that share is in its memory at rest."
    ),
    most_quick_rounds=1,
    most_rounds=3,  # memory hardly varies, and the kernel takes ever longer to find a free port among those that rest
)
GROWTH = Case(
    name="growth",
    title=f"Memory between request {FIRST_REQUESTS:,} and request {ALL_REQUESTS:,}",
    measure=measure_growth,
    headline="growth_kib",
    variants=(Variant("", load=Load()),),
    peers=("nginx", "fastgw", "fastgw-pure", "go-fasthttp"),
    starts_itself=True,
    in_quick=False,
    most_rounds=1,
)
