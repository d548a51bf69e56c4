"""The process in which a rehearsal runs: ``python -m fastgw.server.rehearsal_child``.

It has little of everything, so that it disturbs nobody and ends by itself whatever a capture holds: memory, processor, time, and a low
rank among those who want the processor.  It is asked by the fields of a ``RehearsalOrder``, pickled, on its standard input, and answers by
JSON: the report, or ``failed`` and why.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import sys
import time
from typing import Any, Final, NamedTuple

from fastgw.config.spec import GatewaySpec
from fastgw.rehearsal.comparing import document, replayed
from fastgw.rehearsal.limits import LimitTrial
from fastgw.rehearsal.recent import RecentCapture
from fastgw.rehearsal.treatment import Treatments
from fastgw.rehearsal.verdicts import Trial
from fastgw.server.pieces import joined
from fastgw.steps import whole

MEMORY_MAX: Final = 1 << 30  #: bytes of addresses
LOWER: Final = (
    10  #: ranks, which leave a tenth where the workers want all: with less, nothing comes of it on a busy machine
)
OOM_SCORE: Final = "/proc/self/oom_score_adj"
PROCESSOR_MAX: Final = 30  #: seconds
CHANGES_MOST: Final = 20  #: that are told


class RehearsalOrder(NamedTuple):
    """What is rehearsed.  Of the two configurations what there is many of is in pieces, as for a worker."""

    old: GatewaySpec
    old_pieces: tuple[bytes, ...]
    new: GatewaySpec
    new_pieces: tuple[bytes, ...]
    paths: tuple[str, ...]  #: of captures
    since: float  #: seconds since 1970
    until: float
    most: int  #: requests
    seconds: float  #: that it may take


def rehearsed(order: RehearsalOrder, began: float) -> dict[str, Any]:
    """The report on ``order``; ``began``: ``time.monotonic`` when it was given."""
    old = whole(joined(order.old, order.old_pieces))[0]
    new = whole(joined(order.new, order.new_pieces))[0]

    def is_late() -> bool:
        return time.monotonic() - began > order.seconds

    capture = RecentCapture(order.paths, order.since, order.until, order.most, is_late)
    requests = capture.read()
    trials = Trial(old, new), LimitTrial(old, new)
    report = replayed(requests, Treatments(old), Treatments(new, old), is_late, *trials)
    report.is_cut = report.is_cut or capture.is_cut
    return document(report, capture.unread, capture.first_unread, CHANGES_MOST)


def _become_small() -> None:
    with contextlib.suppress(PermissionError):  # the unit of systemd forbids it, as all that has to do with ranks
        os.nice(LOWER)
    with contextlib.suppress(OSError), open(OOM_SCORE, "w") as file:
        file.write("1000")  # where memory runs out it is this process that goes, and not the gateway
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_MAX, PROCESSOR_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the configuration has secrets


def main() -> None:
    """Answer one order."""
    began = time.monotonic()
    try:
        _become_small()
        order = RehearsalOrder(*pickle.load(sys.stdin.buffer))  # nosec B301 - of our own supervisor, by a pipe
        found = rehearsed(order, began)
    except Exception as error:  # noqa: BLE001  a capture that breaks this must not be in the way of a reload
        found = {"failed": type(error).__name__}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
