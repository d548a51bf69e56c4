"""What the pages tell of the processes of a gateway, and of what they were given: workers, certificates."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Final

from fastgw.core import counters as layout
from fastgw.core.counters import ROUTE
from fastgw.core.exemplars import Exemplar, kept
from fastgw.server.gateway import Gateway
from fastgw.server.standings import stamp
from fastgw.server.workers import HEARTBEAT_SECONDS
from fastgw.telemetry.totals import CertificateFacts, ProcessFacts, WorkerFacts

ADMIN: Final = "admin address"  #: is told in place of a listener; none has such a name
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def worker_facts(gateway: Gateway, now: float) -> list[WorkerFacts]:
    """Of each worker; ``now``: ``time.monotonic``."""
    return [
        WorkerFacts(
            index=worker.index,
            pid=worker.pid,
            state=worker.told_state(now),
            restarts=worker.restarts,
            rss=worker.rss,
            generation=worker.generation,
            lag=max(worker.slab.values[layout.LOOP_LAG_US] / 1e6, worker.silence(now) - HEARTBEAT_SECONDS),
            silence=worker.silence(now),
            processor=worker.processor,
            stalls=worker.stalls,
            quick_deaths=worker.quick_deaths,
            last_end=worker.last_end,
            counts=worker.slab.values[: layout.GLOBAL.size].tolist(),
        )
        for worker in gateway.workers
    ]


def last_reload(gateway: Gateway) -> dict[str, object]:
    """How the last attempt to load the configuration went, for ``/status``."""
    report = gateway.report
    return {
        "ok": report.ok,
        "went_back": report.went_back,
        "by": report.by,
        "when": stamp(report.when),
        "error": "\n".join(report.problems) or None,
        "rehearsal": report.rehearsal,
    }


def certificate_facts(gateway: Gateway) -> list[CertificateFacts]:
    """Of each certificate that a listener shows, or the admin address, if it says when it ends."""
    if gateway.current is None:
        return []
    spec = gateway.current.spec
    shown = [(listener.name, listener.tls) for listener in spec.listeners]
    if spec.admin is not None:
        shown.append((ADMIN, spec.admin.tls))
    return [
        CertificateFacts(name, certificate.cert, certificate.ends)
        for name, tls in shown
        if tls is not None
        for certificate in tls.certificates
        if certificate.ends
    ]


def exemplars_of(gateway: Gateway) -> dict[str, list[Exemplar]]:
    """What all workers have kept, by the name of its route."""
    if gateway.current is None:
        return {}
    found: dict[int, list[Exemplar]] = {}
    for slab in gateway.slabs:
        for one in kept(slab):
            found.setdefault(one.slot, []).append(one)
    slots = gateway.current.slots.routes
    return {name: found[slot] for name, slot in slots.items() if slot in found and slot != ROUTE.count - 1}


def process_facts(workers: Iterable[WorkerFacts]) -> list[ProcessFacts]:
    """Of the supervisor, which this is, and of each worker that is alive, as /proc has it.  It may take its time where there are many
    descriptors, so it is not for an event loop."""
    names = {"supervisor": os.getpid(), **{str(one.index): one.pid for one in workers if one.pid}}
    found = (_process(name, pid) for name, pid in names.items())
    return [one for one in found if one is not None]


def _process(name: str, pid: int) -> ProcessFacts | None:
    """None: it has just ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()  # behind pid and name: the third of proc(5) is the first
        with open("/proc/stat", encoding="ascii") as file:
            booted = next(float(line.split()[1]) for line in file if line.startswith("btime "))
    except (OSError, StopIteration):
        return None
    user, system, started, virtual, resident = (int(fields[place - 3]) for place in (14, 15, 22, 23, 24))
    return ProcessFacts(
        name,
        cpu=(user + system) / _TICKS,
        resident=resident * _PAGE,
        virtual=virtual,
        started=booted + started / _TICKS,
        open_files=_open_files(pid),
        max_files=_max_files(pid),
    )


def _open_files(pid: int) -> int | None:
    folder = f"/proc/{pid}/fd"
    try:
        return os.stat(folder).st_size or len(os.listdir(folder))  # Linux 6.2 and newer count themselves
    except OSError:  # of another user, or one that may not be traced
        return None


def _max_files(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = [line.split() for line in file if line.startswith("Max open files")]
    except OSError:
        return None
    soft = limits[0][3] if limits else ""
    return int(soft) if soft.isdigit() else None


def worker_document(worker: WorkerFacts) -> dict[str, Any]:
    """What ``/status`` says of it."""
    return {
        "worker": worker.index,
        "pid": worker.pid or None,
        "state": worker.state,
        "processor": worker.processor,
        "generation": worker.generation,
        "restarts": worker.restarts,
        "rss": worker.rss,
        "loop_lag": round(worker.lag, 6),
        "heartbeat_age": round(worker.silence, 3),
        "stalls": worker.stalls,
        "quick_deaths": worker.quick_deaths,
        "last_end": worker.last_end or None,
    }
