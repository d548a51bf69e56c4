"""What sends requests and reads event streams: wrk, h2load, and the two small generators in ``native/``.

Each function builds a command or reads what the command printed; the only ones that run something are ``run_*``.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.macro.build import native_program
from bench.macro.errors import BenchError
from bench.macro.paths import MACRO
from bench.macro.process import run_tool
from bench.macro.stats import quantile

REPLAY = MACRO / "lua" / "replay.lua"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a load saw; latencies in microseconds."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float
    p999: float
    longest: float
    over_1ms: int = 0

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds if self.seconds else 0.0


def parse_wrk(text: str) -> LoadResult:
    """The line ``lua/replay.lua`` prints last.  BenchError without it."""
    for line in reversed(text.splitlines()):
        if line.startswith("bench {"):
            seen = orjson.loads(line[6:])
            return LoadResult(
                requests=seen["requests"],
                seconds=seen["seconds"],
                errors=sum(seen["errors"].values()),
                p50=seen["p50_us"],
                p99=seen["p99_us"],
                p999=seen["p999_us"],
                longest=seen["max_us"],
            )
    raise BenchError(f"wrk printed no result:\n{text[-500:]}")


def parse_native(text: str) -> LoadResult:
    """The JSON line of ``native/steady.c`` and ``native/events.c``."""
    try:
        seen = orjson.loads(text.strip().splitlines()[-1])
    except (orjson.JSONDecodeError, IndexError):
        raise BenchError(f"the load generator printed no result:\n{text[-500:]}") from None
    return LoadResult(
        requests=seen["count"],
        seconds=seen["seconds"],
        errors=seen["errors"] + seen.get("unanswered", 0),
        p50=seen["p50_us"],
        p99=seen["p99_us"],
        p999=seen["p999_us"],
        longest=seen["max_us"],
        over_1ms=seen["over_1ms"],
    )


@dataclass(frozen=True, slots=True)
class StreamsResult:
    """What a load of streams saw; its latencies are those to the first event."""

    load: LoadResult
    events: int


_H2LOAD_FINISHED = re.compile(r"finished in ([0-9.]+)(ms|s|us), ([0-9.]+) req/s")
_H2LOAD_REQUESTS = re.compile(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


def parse_h2load(text: str, log: str) -> LoadResult:
    """h2load's summary, and its log file for the latencies: start, status and microseconds in three columns."""
    finished, requests = _H2LOAD_FINISHED.search(text), _H2LOAD_REQUESTS.search(text)
    latencies = [float(line.split("\t")[2]) for line in log.splitlines() if line.count("\t") >= 2]
    if not finished or not requests or not latencies:
        raise BenchError(f"h2load printed no result:\n{text[-500:]}")
    done, succeeded = int(requests[1]), int(requests[2])
    return LoadResult(
        requests=succeeded,
        seconds=float(finished[1]) * _SECONDS[finished[2]],
        errors=done - succeeded + int(requests[4]) + int(requests[5]),
        p50=quantile(latencies, 0.5),
        p99=quantile(latencies, 0.99),
        p999=quantile(latencies, 0.999),
        longest=max(latencies),
        over_1ms=sum(latency > 1000 for latency in latencies),
    )


def run_wrk(port: int, corpus: Path, *, connections: int, seconds: float, tls: bool = False) -> LoadResult:
    """As much as the gateway takes, one request after the other on each connection."""
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
    timed = ["-d", f"{max(1, round(seconds))}s", "--timeout", "10s"]
    argv = ["wrk", "-t", "1", "-c", str(connections), *timed, "-s", str(REPLAY), url, "--", str(corpus)]
    return parse_wrk(run_tool(argv, timeout=seconds + 60))


def run_steady(port: int, corpus: Path, *, connections: int, rate: float, seconds: float) -> LoadResult:
    """A fixed mean rate, open loop."""
    argv = [str(native_program("steady")), str(port), str(connections), f"{rate:.0f}", f"{seconds:.2f}", str(corpus)]
    return parse_native(run_tool(argv, timeout=seconds + 60))


def run_h2load(port: int, paths: Sequence[str], *, clients: int, rate: float, seconds: float) -> LoadResult:
    """h2load's fixed rate: each client sends its requests of 10 ms in one burst."""
    with tempfile.TemporaryDirectory(prefix="bench-h2load-") as name:
        urls, log = Path(name) / "urls", Path(name) / "log"
        urls.write_text("".join(f"http://127.0.0.1:{port}{path}\n" for path in paths))
        per_client = ["--rps", f"{rate / clients:.1f}", "-c", str(clients), "-D", str(max(1, round(seconds)))]
        argv = ["h2load", "--h1", *per_client, "-i", str(urls), f"--log-file={log}"]
        return parse_h2load(run_tool(argv, timeout=seconds + 60), log.read_text())


def run_events(port: int, path: str, *, streams: int, events: int, interval_us: int, seconds: float) -> LoadResult:
    """Many event streams at a fixed pace; latency is the age of an event when it arrives."""
    numbers = [str(port), str(streams), str(events), str(interval_us), f"{seconds:.2f}"]
    return parse_native(run_tool([str(native_program("events")), *numbers, path], timeout=seconds + 60))


def run_streams(port: int, corpus: Path, *, connections: int, rate: float, seconds: float) -> StreamsResult:
    """Streams that are asked for at a fixed mean rate."""
    argv = [str(native_program("streams")), str(port), str(connections), f"{rate:.0f}", f"{seconds:.2f}", str(corpus)]
    text = run_tool(argv, timeout=seconds + 60)
    return StreamsResult(parse_native(text), orjson.loads(text.strip().splitlines()[-1])["events"])
