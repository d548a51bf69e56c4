"""What the pages tell of the processes of a gateway, and of what they were given: workers, certificates."""

from __future__ import annotations

from fastgw.core import counters as layout
from fastgw.server.gateway import Gateway
from fastgw.server.standings import stamp
from fastgw.server.workers import HEARTBEAT_SECONDS
from fastgw.telemetry.totals import CertificateFacts, WorkerFacts


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
            stalls=worker.stalls,
            quick_deaths=worker.quick_deaths,
            last_end=worker.last_end,
        )
        for worker in gateway.workers
    ]


def last_reload(gateway: Gateway) -> dict[str, object]:
    """How the last attempt to load the configuration went, for ``/status``."""
    report = gateway.report
    return {
        "ok": report.ok,
        "went_back": report.went_back,
        "when": stamp(report.when),
        "error": "\n".join(report.problems) or None,
    }


def certificate_facts(gateway: Gateway) -> list[CertificateFacts]:
    """Of each certificate that a listener shows, if it says when it ends."""
    if gateway.current is None:
        return []
    return [
        CertificateFacts(listener.name, certificate.cert, certificate.ends)
        for listener in gateway.current.spec.listeners
        if listener.tls is not None
        for certificate in listener.tls.certificates
        if certificate.ends
    ]
