"""What ``/status`` tells of the blocks of counters: of routes, services, endpoints and filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgw.core import counters as layout
from fastgw.core import labels
from fastgw.core import websocket_counters as sockets
from fastgw.server.cache_status import cache_document
from fastgw.telemetry.answers import answers_of

ENDPOINT = {
    "active": layout.ENDPOINT_ACTIVE,
    "idle": layout.ENDPOINT_IDLE,
    "waiting": layout.ENDPOINT_WAITING,
    "uploads": layout.ENDPOINT_UPLOADS,
    "requests": layout.ENDPOINT_REQUESTS,
    "failures": layout.ENDPOINT_FAILURES,
    "connects": layout.ENDPOINT_CONNECTS,
    "connect_failures": layout.ENDPOINT_CONNECT_FAILURES,
    "reused": layout.ENDPOINT_REUSED,
}
_SERVICE = {
    "requests": layout.SERVICE_REQUESTS,
    "unanswered": layout.SERVICE_UNANSWERED,
}
_ROUTE = {
    "started": layout.ROUTE_STARTED,
    "finished": layout.ROUTE_FINISHED,
    "aborted": layout.ROUTE_ABORTED,
    "over_limit": layout.ROUTE_OVER_LIMIT,
    "rate_limited": layout.ROUTE_RATE_LIMITED,
    "limit_places": layout.ROUTE_PLACES,
    "bytes_in": layout.ROUTE_BYTES_IN,
    "bytes_out": layout.ROUTE_BYTES_OUT,
}


def pick(block: list[int], places: dict[str, int]) -> dict[str, Any]:
    """The counters of ``places``, by their names."""
    return {name: block[index] for name, index in places.items()}


def failures(block: list[int]) -> dict[str, int]:
    """Of a filter, by cause; only those that happened."""
    return _by_cause(block, layout.FILTER_FAILURES, labels.FILTER_CAUSES)


def causes(block: list[int]) -> dict[str, int]:
    """Failures by cause; only those that happened."""
    return _by_cause(block, layout.ENDPOINT_CAUSES, labels.CAUSES)


def _by_cause(block: list[int], first: int, causes: Sequence[str]) -> dict[str, int]:
    counts = block[first : first + len(causes)]
    return {cause: count for cause, count in zip(causes, counts, strict=True) if count}


def of_route(block: list[int]) -> dict[str, Any]:
    """Of a route."""
    return {
        **pick(block, _ROUTE),
        "status": dict(zip(labels.CLASSES, block[layout.ROUTE_STATUS :], strict=False)),
        "faults": {
            "downstream": block[layout.ROUTE_FAULT_DOWNSTREAM],
            "upstream": block[layout.ROUTE_FAULT_UPSTREAM],
            "internal": block[layout.ROUTE_FAULT_INTERNAL],
        },
        "grpc": _by_cause(block, layout.ROUTE_GRPC_CODES, labels.GRPC_CODES),
        "websocket": {
            "open": block[sockets.OPEN],
            "messages": dict(zip(sockets.SIDES, block[sockets.MESSAGES :], strict=False)),
            "closes": _by_cause(block, sockets.CLOSES, sockets.ENDS),
            "codes": _by_cause(block, sockets.CODES, sockets.CLOSE_CODES),
        },
        "cache": cache_document(block),
        "mean_seconds": _mean(
            block[layout.ROUTE_DURATION_US],
            sum(block[layout.ROUTE_BUCKETS : layout.ROUTE_DURATION_US + layout.HISTOGRAM_SIZE]),
        ),
    }


def of_service(block: list[int] | None) -> dict[str, Any]:
    """Of a service; ``block``: None where it has no counters of its own, but shares those of all further names."""
    if block is None:
        return {}
    answers = answers_of(block)
    waited = sum(block[layout.SERVICE_ANSWERS_US : layout.SERVICE_UNANSWERED : layout.HISTOGRAM_SIZE])
    return {
        **pick(block, _SERVICE),
        "fallbacks": _by_cause(block, layout.SERVICE_FALLBACKS, labels.FALLBACK_CAUSES),
        "retries": sum(block[layout.SERVICE_RETRIES + place] for place in range(len(labels.RETRY_CAUSES))),
        "hedges": {
            "sent": block[layout.SERVICE_HEDGES],
            "won": block[layout.SERVICE_HEDGES_WON],
            "refused": block[layout.SERVICE_HEDGES_REFUSED],
        },
        "status": dict(zip((*labels.CLASSES, labels.OTHER_CAUSE), answers, strict=True)),
        "mean_first_byte_seconds": _mean(waited, sum(answers)),
    }


def _mean(micros: int, count: int) -> float | None:
    """Seconds; None: nothing was counted."""
    return round(micros / count / 1e6, 6) if count else None
