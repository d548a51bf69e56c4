"""What is counted: exchanges on transports that cost nothing.  Run by ``count`` under callgrind.

    python -m bench.guard.workload MARKS COUNT

MARKS is the compiled ``marks.c``.  Imports, configuration and warm-up happen before the first mark: they are not counted, and
they are where chance is (directory names, the first request id).
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Sequence

from bench.macro.corpus import build_requests
from bench.macro.scenario import route_table
from bench.micro.stage import ANSWER, EVENT, STREAM_END, STREAM_HEAD, Stage

Work = Callable[[int], None]


def workloads(stage: Stage) -> dict[str, Work]:
    """By name: run it so many times."""
    posts = build_requests(route_table(20), count=50, method="POST", body_size=1024)

    def post(count: int) -> None:
        for turn in range(count):
            stage.ask(posts[turn % len(posts)], ANSWER)

    def event(count: int) -> None:
        stage.ask(stage.requests[0], STREAM_HEAD)
        receive = stage.service.protocol.data_received
        for _ in range(count):
            receive(EVENT)
        receive(STREAM_END)

    return {"get": stage.run, "post": post, "event": event}


def run(stage: Stage, count: int, begin: Callable[[], object], end: Callable[[bytes], object]) -> None:
    """Each workload between its marks, once without them before."""
    for name, work in workloads(stage).items():
        work(count)
        gc.collect()
        begin()
        work(count)
        end(name.encode())


def main(argv: Sequence[str]) -> None:
    """Load the marks and run."""
    marks = ctypes.CDLL(argv[0])
    marks.end.argtypes = [ctypes.c_char_p]
    gc.disable()
    run(Stage(), int(argv[1]), marks.begin, marks.end)


if __name__ == "__main__":
    main(sys.argv[1:])
