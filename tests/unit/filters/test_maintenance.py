"""``maintenance``: when it is on, whom it spares, and what the others are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.filters.maintenance import Maintenance
from fastgw.testing.edge import GET, Edge, body_of, head_of, new_loop, statuses

DENIED = counters.ROUTE_DENIED + DENIERS.index("maintenance")
OPTIONS: dict[str, Any] = {"enabled": True, "file": "", "retry_after": 60.0, "message": "come back", "exempt": ()}


@pytest.fixture
def closing(tmp_path: Path) -> Iterator[tuple[Maintenance, Path, Edge]]:
    """One that looks for a file, as the worker has started it."""
    file = tmp_path / "closed"
    made = Maintenance("closed", OPTIONS | {"enabled": False, "file": str(file)})
    edge = Edge(filters=[made])
    yield made, file, edge
    made.stop()
    edge.end()


def ask(edge: Edge) -> list[int]:
    return statuses(edge.client(GET).take())


def look(made: Maintenance, edge: Edge) -> None:
    """What the thread does every second."""
    assert made._lookout is not None
    made._lookout.look()
    edge.run()


def test_everybody_is_told_when_to_come_back() -> None:
    edge = Edge(filters=[Maintenance("closed", OPTIONS | {"retry_after": 90.5})])
    data = edge.client(GET).take()
    assert statuses(data) == [503]
    assert b"retry-after: 91\r\n" in head_of(data)
    problem = json.loads(body_of(data))
    assert (problem["type"], problem["detail"]) == ("urn:fastgw:error:maintenance", "come back")
    assert edge.of_route(DENIED) == 1
    edge.end()


@pytest.mark.parametrize(("address", "expected"), [("10.0.0.1", []), ("192.0.2.1", [503])])
def test_some_networks_are_spared(address: str, expected: list[int]) -> None:
    edge = Edge(filters=[Maintenance("closed", OPTIONS | {"exempt": ("10.0.0.0/8",)})])
    assert statuses(edge.client(GET, extra={"peername": (address, 50000)}).take()) == expected
    edge.end()


def test_one_that_is_off_lets_all_pass() -> None:
    edge = Edge(filters=[Maintenance("closed", OPTIONS | {"enabled": False})])
    assert ask(edge) == []
    assert edge.of_route(DENIED) == 0
    edge.end()


def test_a_file_switches_it(closing: tuple[Maintenance, Path, Edge]) -> None:
    made, file, edge = closing
    made.start(new_loop())
    made._lookout._loop = edge.loop  # type: ignore[union-attr]
    assert ask(edge) == []
    file.touch()
    assert ask(edge) == []  # nobody has looked
    look(made, edge)
    assert ask(edge) == [503]
    file.unlink()
    look(made, edge)
    assert ask(edge) == []


def test_a_file_that_is_there_at_the_start_counts_from_the_first_request(
    closing: tuple[Maintenance, Path, Edge],
) -> None:
    made, file, edge = closing
    file.touch()
    made.start(edge.loop)
    assert ask(edge) == [503]
