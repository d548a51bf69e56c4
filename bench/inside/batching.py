"""Calls that are gathered, beside the same calls one by one."""

from __future__ import annotations

from dataclasses import dataclass

from bench.inside.servers import APPS, configuration, fastgw_command
from bench.macro.corpus import write_corpus
from bench.macro.loads import LoadResult, run_wrk
from bench.macro.paths import ROOT
from bench.macro.process import GATEWAY_CORE, Program, free_port
from bench.macro.subject import fresh_directory

CALLS = 256  #: at one time
TIMES = 8.0  #: so many times the throughput
P99_MS = 250.0  #: three times what eight batches of 32 take, one behind the other
SERVICES = {
    "one-by-one": 'python: "model:OneByOne", workers: 1, queue: 1000',
    "gathered": 'python: "model:Gathered", queue: 1000, batch: {max: 32, wait: 5ms}',
}


@dataclass(frozen=True, slots=True)
class Batching:
    """What both took."""

    one_by_one: LoadResult
    gathered: LoadResult

    @property
    def times(self) -> float:
        """The throughput of one in that of the other."""
        return self.gathered.rate / self.one_by_one.rate if self.one_by_one.rate else 0.0

    @property
    def is_met(self) -> bool:
        """Whether both goals are."""
        is_clean = not self.gathered.errors and not self.one_by_one.errors
        return is_clean and self.times >= TIMES and self.gathered.p99 <= P99_MS * 1e3


def measure(seconds: float) -> Batching:
    """So many calls at one time for some seconds, at one service and then at the other.

    Raises:
        BenchError: they do not serve.
    """
    port, directory = free_port(), fresh_directory("batching")
    command = fastgw_command(directory, configuration(port, SERVICES))
    with Program(command, core=GATEWAY_CORE, directory=directory, env={"PYTHONPATH": f"{ROOT}:{APPS}"}) as program:
        program.wait_port(port)
        found = {}
        for name in SERVICES:
            corpus = directory / f"{name}.requests"
            body = b'{"text":"a picture of a cat"}'
            head = f"POST /{name} HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n"
            write_corpus(corpus, [head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)])
            found[name] = run_wrk(port, corpus, connections=CALLS, seconds=seconds)
    return Batching(found["one-by-one"], found["gathered"])
