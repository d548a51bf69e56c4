"""Whether the workers are alive in fact: a process that is stopped, or stuck in a call, still has its process id.

A worker writes the time into its slab at every sweep of its loop (``counters.HEARTBEAT_MS``).  One that has not done so for
``STALLED_AFTER`` seconds is *stalled*: it is told in the log, on ``/readyz`` and ``/status`` and in the metrics, and killed after
``worker_timeout``, so that another takes over its sockets and who waits in their queues.
"""

from __future__ import annotations

from fastgw.core import counters
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.workers import STALLED_AFTER, WorkerProcess

EVERY = 1.0  #: seconds between two looks
LATE = 1.0  #: seconds by which a look may be late before we think that we were stopped ourselves


class Watch:
    """Looks at the heartbeats of all workers."""

    def __init__(self, gateway: Gateway, log: Log) -> None:
        self._gateway = gateway
        self._log = log
        self._looked = float("-inf")
        self._killed: set[int] = set()

    def look(self, now: float) -> None:
        """Tell what has changed since the last look, and kill who is silent for too long.  ``now``: ``time.monotonic``."""
        if now - self._looked > EVERY + LATE:  # the whole machine may have been asleep: everybody gets a new chance
            for worker in self._gateway.workers:
                worker.watched_since = now
        self._looked = now
        timeout = self._gateway.plan_in_use.spec.worker_timeout
        for worker in self._gateway.workers:
            silence = worker.silence(now)
            fields = {"worker": worker.index, "stalled": worker.pid}
            if silence > STALLED_AFTER and not worker.stalled_since:
                worker.stalled_since = now - silence
                worker.stalls += 1
                self._log.error("a worker is stalled", **fields, **self._guilty(worker), seconds=round(silence, 3))
            elif silence <= STALLED_AFTER and worker.stalled_since:
                self._log.info("a stalled worker is back", **fields, seconds=round(now - worker.stalled_since, 3))
                worker.stalled_since = 0.0
            if timeout and silence > timeout and worker.pid not in self._killed:
                self._killed = {one.pid for one in self._gateway.workers} & self._killed | {worker.pid}
                self._log.error("a stalled worker is killed", **fields, seconds=round(silence, 3), timeout=timeout)
                worker.kill()

    def _guilty(self, worker: WorkerProcess) -> dict[str, str]:
        """The service whose code is on the loop of ``worker``, if there is one."""
        running = worker.slab.values[counters.RUNNING_SERVICE] - 1
        services = self._gateway.plan_in_use.slots.services
        names = [name for name, slot in services.items() if slot == running]
        return {"service": names[0]} if names else {}
