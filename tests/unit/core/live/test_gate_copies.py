"""The gate of a service, and what is no exchange of a client: copies of a mirror, and whoever leaves the queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.errors import GatewayError
from fastgw.testing.edge import Edge
from tests.unit.core.live.gate_stage import Workers, workers


@pytest.fixture
def stage() -> Iterator[Workers]:
    with workers() as found:
        yield found


def places(edge: Edge) -> tuple[int, int]:
    """Exchanges inside, and waiting."""
    return edge.of_service(counters.SERVICE_PLACES), edge.of_service(counters.SERVICE_QUEUED)


class Copy:
    """What a gate knows of an exchange."""

    def __init__(self) -> None:
        self.ticket: Any = None
        self.sent = 0.0
        self.failed: list[str] = []

    def fail(self, error: GatewayError) -> None:
        """It is turned away."""
        self.failed.append(error.code)

    def set_deadline(self, _: float) -> None:
        """It waits."""


def test_copies_of_a_mirror_have_free_places_only(stage: Workers) -> None:
    edge = stage.worker(limit=1)
    gate = edge.service.gate
    copies = gate.for_copies()
    one, other = Copy(), Copy()
    assert copies.for_copies() is copies and copies.admits(one)
    assert copies.enter(one, False) and not copies.enter(other, False)
    assert other.failed == ["over_limit"] and places(edge) == (1, 0)
    one.ticket.leave()
    assert places(edge) == (0, 0)
    gate.retire()
    assert copies.enter(other, False) and other.ticket is None
    edge.end()


def test_who_leaves_the_queue_leaves_it_once(stage: Workers) -> None:
    edge = stage.worker(limit=1, queue_size=2, queue_timeout=5.0)
    gate = edge.service.gate
    inside, waiting = Copy(), Copy()
    assert gate.enter(inside, False) and not gate.enter(waiting, False)
    spot = waiting.ticket
    assert places(edge) == (1, 1)
    inside.ticket.cancel()  # of a place: nothing to be done
    spot.cancel()
    spot.leave()
    assert places(edge) == (1, 0) and waiting.ticket is None
    inside.ticket.leave()
    assert places(edge) == (0, 0)
    edge.end()
