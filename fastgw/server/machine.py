"""Whether this machine, as far as this process may use it, has what a configuration asks for: processors, and open files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec
    from fastgw.server.workers import WorkerProcess

OTHERS: Final = 64  #: descriptors of a worker that are no connection: loop, channel, logs, listening sockets
_SYSTEMD: Final = "under systemd the drop-in scheduling.conf allows it"


class OpenFiles(NamedTuple):
    """Descriptors that one worker may need, and has."""

    clients: int  #: connections of clients, by the limits of all listeners
    services: int  #: connections to services, by their pools; more where a name has several addresses
    limit: int  #: 0: none

    @property
    def needed(self) -> int:
        """All of them."""
        return self.clients + self.services + OTHERS

    @property
    def warning(self) -> str:
        """What is to be said of it; empty: it is enough."""
        if not self.limit or self.needed <= self.limit:
            return ""
        return (
            f"a worker may need {self.needed} open files ({self.clients} connections of clients, {self.services} to services, "
            f"{OTHERS} others), and may have {self.limit}: raise the limit (LimitNOFILE=, ulimit -Hn), or lower "
            "limits.connections of listeners or pool.max_connections of services"
        )


def open_files(spec: GatewaySpec, limit: int | None = None) -> OpenFiles:
    """What ``spec`` may need; ``limit``: instead of the hard limit of this process, to which a start raises the soft one; 0: none."""
    if limit is None:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = 0 if hard == resource.RLIM_INFINITY else hard
    clients = sum(one.settings.limits.connections for one in spec.listeners)
    services = sum(one.pool.max_connections * len(one.endpoints) for one in spec.services if one.inside is None)
    return OpenFiles(clients, services, limit)


def unpinnable(wanted: tuple[int, ...] | None, scheduler: Scheduler | None = None) -> str:
    """Why workers cannot be pinned to ``wanted``; empty: they can, or need not be."""
    if wanted is None:
        return ""
    scheduler = scheduler or Scheduler()
    allowed = scheduler.allowed()
    if missing := sorted(set(wanted) - allowed):
        return (
            f"cpu_affinity: processor{'s' if len(missing) > 1 else ''} {_listed(missing)} cannot be used by this process, which may use "
            f"{_listed(sorted(allowed))}"
        )
    try:
        scheduler.pin(0, allowed)  # as it is
    except OSError as error:
        return f"cpu_affinity: workers cannot be pinned ({error.strerror or error}); {_SYSTEMD}"
    return ""


def pin(worker: WorkerProcess, wanted: tuple[int, ...] | None, scheduler: Scheduler | None = None) -> None:
    """Have the process of ``worker`` run where ``wanted`` says: all its threads, and those that they start.

    None: wherever it may.  The order is that of the list, or of the processors that this process may use, and begins anew at its end, so
    that a process that takes the place of another runs where that one did.
    """
    if wanted is None and worker.processor is None:
        return
    scheduler = scheduler or Scheduler()
    allowed = scheduler.allowed()
    places = (wanted or tuple(sorted(allowed))) if wanted is not None else ()
    worker.processor = places[worker.index % len(places)] if places else None
    for thread in scheduler.threads(worker.pid):
        with contextlib.suppress(OSError):  # it has ended; or the processor is gone, which the next load tells
            scheduler.pin(thread, {worker.processor} if worker.processor is not None else allowed)


class Scheduler:
    """What is asked of the scheduler."""

    def allowed(self) -> set[int]:
        """The processors that this process may use."""
        return os.sched_getaffinity(0)

    def threads(self, pid: int) -> list[int]:
        """The threads of a process; none: it has ended."""
        try:
            return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
        except OSError:
            return []

    def pin(self, thread: int, places: Collection[int]) -> None:
        """Have a thread run on ``places`` alone; 0: this one.  Raise OSError."""
        os.sched_setaffinity(thread, places)


def _listed(numbers: list[int]) -> str:
    """
    >>> _listed([0, 1, 2, 5, 7, 8])
    '0-2, 5, 7-8'
    """
    runs: list[list[int]] = []
    for one in numbers:
        if runs and runs[-1][-1] == one - 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
