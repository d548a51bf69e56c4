"""Whether the workers are alive in fact: a process that is stopped, or stuck in a call, still has its process id.

A worker writes the time into its slab at every sweep of its loop (``counters.HEARTBEAT_MS``).  One that has not done so for
``STALLED_AFTER`` seconds is *stalled*: it is told in the log, on ``/readyz`` and ``/status`` and in the metrics, and killed after
``worker_timeout``, so that another takes over its sockets and who waits in their queues.  So is one that does not serve yet after that
time, and ``START_LIMIT`` at least.  Where it stands (``stacks``) is asked at one look and told at the next, and none is killed unasked.
"""

from __future__ import annotations

from fastgw.core import counters
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.workers import STALLED_AFTER, STARTING, WorkerProcess

EVERY = 1.0  #: seconds between two looks
LATE = 1.0  #: seconds by which a look may be late before we think that we were stopped ourselves
START_LIMIT = 30.0  #: seconds that a process has until it serves, however short ``worker_timeout`` is


class Watch:
    """Looks at the heartbeats of all workers."""

    def __init__(self, gateway: Gateway, log: Log) -> None:
        self._gateway = gateway
        self._log = log
        self._looked = float("-inf")
        self._killed: set[int] = set()
        self._asked: set[int] = set()  # who was asked where it stands, and was not told yet
        self._last: set[int] = set()  # who was asked so because it is killed next

    def look(self, now: float) -> None:
        """Tell what has changed since the last look, and kill who is silent for too long.  ``now``: ``time.monotonic``."""
        if now - self._looked > EVERY + LATE:  # the whole machine may have been asleep: everybody gets a new chance
            for worker in self._gateway.workers:
                worker.watched_since = now
        self._looked = now
        pids = {one.pid for one in self._gateway.workers}
        for known in (self._killed, self._asked, self._last):
            known.intersection_update(pids)
        timeout = self._gateway.plan_in_use.spec.worker_timeout
        for worker in self._gateway.workers:
            if worker.state == STARTING:
                silence = now - max(worker.started, worker.watched_since)
                limit = max(timeout, START_LIMIT) if self._gateway.is_started else START_LIMIT
            else:
                silence, limit = worker.silence(now), timeout
                self._tell(worker, silence, now)
            if not timeout or silence <= limit - EVERY:
                self._last.discard(worker.pid)
            elif worker.pid not in self._killed:
                self._end(worker, silence, limit)

    def _tell(self, worker: WorkerProcess, silence: float, now: float) -> None:
        fields = {"worker": worker.index, "stalled": worker.pid}
        if silence > STALLED_AFTER and not worker.stalled_since:
            worker.stalled_since = now - silence
            worker.stalls += 1
            self._log.error("a worker is stalled", **fields, **self._guilty(worker), seconds=round(silence, 3))
            self._asked.add(worker.pid)
            worker.ask_where()
        elif silence <= STALLED_AFTER and worker.stalled_since:
            stood = worker.where()  # if it has been asked and not told yet
            stood.pop("state", None)
            self._log.info("a stalled worker is back", **fields, seconds=round(now - worker.stalled_since, 3), **stood)
            worker.stalled_since = 0.0
            self._asked.discard(worker.pid)
        elif worker.stalled_since and worker.pid in self._asked:
            self._asked.discard(worker.pid)
            self._log.error("a stalled worker stands here", **fields, seconds=round(silence, 3), **worker.where())

    def _end(self, worker: WorkerProcess, silence: float, limit: float) -> None:
        """Have it say where it stands, all its threads; kill it at the next look."""
        if worker.pid not in self._last:
            self._last.add(worker.pid)
            worker.ask_where(is_last=True)
            return
        if silence <= limit:
            return
        self._killed.add(worker.pid)
        event = "a worker that does not start is killed" if worker.state == STARTING else "a stalled worker is killed"
        fields = {"worker": worker.index, "stalled": worker.pid, "seconds": round(silence, 3), "timeout": limit}
        self._log.error(event, **fields, **worker.where())
        worker.kill()

    def _guilty(self, worker: WorkerProcess) -> dict[str, str]:
        """The service whose code is on the loop of ``worker``, if there is one."""
        running = worker.slab.values[counters.RUNNING_SERVICE] - 1
        services = self._gateway.plan_in_use.slots.services
        names = [name for name, slot in services.items() if slot == running]
        return {"service": names[0]} if names else {}
