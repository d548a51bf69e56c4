"""What is told of requests that a gate turns away: to clients, in counters, and once in the log when it begins and when it is over."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fastgw.core import counters, labels
from fastgw.errors import DownstreamError, GatewayError, InternalError

if TYPE_CHECKING:
    from fastgw.core.plane import Plane
    from fastgw.core.settings import AdmissionSettings

CALM_SECONDS: Final = 5.0  #: without anybody turned away, after which it is over

#: Causes; each is the code of its error too, unless that is to be 429.
OVER_LIMIT, QUEUE_FULL, QUEUE_TIMEOUT, WORKER_BUSY = range(len(labels.SHED_CAUSES))
_DETAILS: Final = (
    "the service has as many requests as it can take",
    "the service has as many requests as it can take, and too many wait",
    "the service had no room for the request in time",
    "the gateway has more to do than it can",
)


class Shedding:
    """What one gate of one worker has turned away."""

    __slots__ = ("_at", "_count", "_name", "_plane")

    def __init__(self, name: str, plane: Plane) -> None:
        """``name``: of the service."""
        self._name = name
        self._plane = plane
        self._count = 0  # since the log has told that it begins; 0: it has told that it is over
        self._at = 0.0  # the last time, loop time

    def error(self, base: int, settings: AdmissionSettings, limit: int, rank: int, cause: int) -> GatewayError:
        """Count one of ``rank`` that is turned away, and say what its client is told; ``base``: of the service's counters."""
        plane = self._plane
        plane.values[base + counters.SERVICE_SHED + cause] += 1
        plane.values[base + counters.SERVICE_SHED_CLASSES + rank] += 1
        self._at = plane.loop.time()
        if not self._count:
            why = labels.SHED_CAUSES[cause]
            plane.report("warning", "requests are turned away", service=self._name, cause=why, limit=limit)
        self._count += 1
        reason = f"by the admission of the service {self._name!r}, whose limit is {limit}"
        return _error(cause, settings.status, settings.retry_after, reason)

    def uncounted(self) -> GatewayError:
        """The error of one for which the board has no room."""
        self._plane.values[counters.BOARD_FULL] += 1
        event = "the board has no room for a key, so its request is refused"
        self._plane.report("warning", event, service=self._name)
        return InternalError(503, "board_full", "too many limits are being counted")

    def sweep(self, now: float) -> None:
        """Tell the log when nobody was turned away for a while; ``now``: loop time."""
        if self._count and now - self._at >= CALM_SECONDS:
            count, self._count = self._count, 0
            self._plane.report("info", "requests are no longer turned away", service=self._name, count=count)


def _error(cause: int, status: str, seconds: float, reason: str) -> GatewayError:
    headers = (("retry-after", str(max(1, math.ceil(seconds)))),)
    detail = _DETAILS[cause]
    reason = f"{detail}, {reason}"
    if status == "429":
        return DownstreamError(429, "too_many_requests", detail, reason=reason, headers=headers)
    if cause == QUEUE_FULL:
        return InternalError(503, "queue_full", detail, reason=reason, headers=headers)
    if cause == QUEUE_TIMEOUT:
        return InternalError(503, "queue_timeout", detail, reason=reason, headers=headers)
    if cause == WORKER_BUSY:
        return InternalError(503, "worker_busy", detail, reason=reason, headers=headers)
    return InternalError(503, "over_limit", detail, reason=reason, headers=headers)


def over_limit() -> GatewayError:
    """The error of a copy that found no place."""
    return InternalError(503, "over_limit", _DETAILS[OVER_LIMIT])
