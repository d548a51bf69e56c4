"""Services that are asked again, and what was counted of that."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.labels import RETRY_CAUSES, RETRY_REFUSALS
from fastgw.core.settings import BudgetSettings
from fastgw.testing.edge import Edge

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"
CHUNKED_PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
PLENTY = BudgetSettings(1.0, 1000)


def made(endpoints: int = 2, route: dict[str, Any] | None = None, **retry: Any) -> Edge:
    options = {"on": ("connect", "reset", "503"), "attempts": 2, "budget": PLENTY, **retry}
    return Edge(endpoints=endpoints, service=options, route=route)


def retried(edge: Edge) -> dict[str, int]:
    """Retries by cause, those there were."""
    found = {name: edge.of_service(counters.SERVICE_RETRIES + place) for place, name in enumerate(RETRY_CAUSES)}
    assert sum(found.values()) == edge.count(counters.RETRIES)
    return {name: number for name, number in found.items() if number}


def refused(edge: Edge) -> dict[str, int]:
    found = {
        name: edge.of_service(counters.SERVICE_RETRIES_REFUSED + place) for place, name in enumerate(RETRY_REFUSALS)
    }
    return {name: number for name, number in found.items() if number}
