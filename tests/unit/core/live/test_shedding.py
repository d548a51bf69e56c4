"""What is told of requests that are turned away; when it begins and ends is told in ``test_gate``."""

from __future__ import annotations

import pytest

from fastgw.core import counters, labels
from fastgw.core.live.shedding import Shedding, over_limit
from fastgw.testing.edge import Edge
from tests.unit.core.live.gate_stage import SETTINGS


@pytest.mark.parametrize(("cause", "code"), list(enumerate(labels.SHED_CAUSES)))
def test_the_cause_is_the_code(cause: int, code: str) -> None:
    edge = Edge()
    error = Shedding("s", edge.plane).error(edge.service.base, SETTINGS._replace(retry_after=2.0), 5, 1, cause)
    assert (error.status, error.code, dict(error.headers)["retry-after"]) == (503, code, "2")
    assert "admission of the service 's', whose limit is 5" in error.reason
    assert edge.of_service(counters.SERVICE_SHED + cause) == edge.of_service(counters.SERVICE_SHED_CLASSES + 1) == 1
    told = Shedding("s", edge.plane).error(edge.service.base, SETTINGS._replace(status="429"), 5, 1, cause)
    assert (told.status, told.code) == (429, "too_many_requests")
    edge.end()


def test_a_board_without_room_is_told() -> None:
    edge = Edge()
    assert Shedding("s", edge.plane).uncounted().code == "board_full"
    assert edge.count(counters.BOARD_FULL) == 1
    edge.end()


def test_a_copy_is_told_as_others() -> None:
    assert over_limit().code == "over_limit"
