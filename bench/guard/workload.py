"""What is counted: exchanges on transports that cost nothing.  ``python -m bench.guard.workload get=200 post=100``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence

from bench.macro.corpus import build_requests
from bench.macro.scenario import route_table
from bench.micro.stage import ANSWER, EVENT, STREAM_END, STREAM_HEAD, Stage


def workloads(stage: Stage) -> dict[str, Callable[[int], None]]:
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


def main(argv: Sequence[str]) -> None:
    """Run each ``name=count``."""
    stage = Stage()
    known = workloads(stage)
    gc.collect()
    gc.disable()
    for word in argv:
        name, count = word.split("=")
        known[name](int(count))


if __name__ == "__main__":
    main(sys.argv[1:])
