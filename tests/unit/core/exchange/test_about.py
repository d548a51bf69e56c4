"""What the log is told about an exchange is found elsewhere too: by the id of its request, and those of its trace."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.about import report
from fastgw.filters.request_id import RequestId
from fastgw.testing.edge import GET, OK, Edge, Spy, statuses
from tests.support.traced import TracedEdge


def telling(exchange: Any) -> None:
    report(exchange, "warning", "something is the matter", filter="spy")


def said_of(edge: Edge) -> dict[str, Any]:
    """What is in the log of one exchange."""
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    [line] = edge.log
    assert line[:2] == ("warning", "something is the matter")
    fields: dict[str, Any] = line[2]
    return fields


def test_without_ids_nothing_is_said_of_them() -> None:
    edge = Edge(filters=[Spy("spy", [], request=telling)])
    assert said_of(edge) == {"filter": "spy"}
    edge.end()


def test_the_id_of_the_request_is_said() -> None:
    edge = Edge(filters=[RequestId("request_id", {}), Spy("spy", [], request=telling)])
    found = said_of(edge)
    assert found.keys() == {"filter", "request_id"} and len(found["request_id"]) > 16
    edge.end()


@pytest.mark.parametrize("sample", [0.0, 1.0])
def test_where_there_are_traces_their_ids_are_said_recorded_or_not(sample: float) -> None:
    edge = TracedEdge(sample=sample, filters=[Spy("spy", [], request=telling)])
    found = said_of(edge)
    assert found == {"filter": "spy", "trace_id": f"{1:016x}{2:016x}", "span_id": f"{3:016x}"}
    assert [one.id.decode() for one in edge.recorded()] == ([found["trace_id"]] if sample else [])
    edge.end()
