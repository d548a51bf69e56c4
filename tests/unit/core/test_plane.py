"""What everything of a worker shares."""

from __future__ import annotations

import mmap

from fastgw.core import counters
from fastgw.core.plane import Plane
from fastgw.core.slab import Counters
from fastgw.testing.edge import EPOCH, Edge, new_loop


def plane(**options: object) -> Plane:
    shared = Counters(memoryview(mmap.mmap(-1, counters.SLAB_BYTES)))
    return Plane(new_loop(), shared, lambda: 0.5, **options)  # type: ignore[arg-type]


def test_the_date_is_renewed_when_the_second_is_another() -> None:
    now = [EPOCH]
    made = plane(wall=lambda: now[0])
    first = made.date
    now[0] += 0.9
    made.renew_date()
    assert made.date is first
    now[0] += 0.2
    made.renew_date()
    assert made.date != first


def test_what_is_given_back_is_kept_up_to_a_number() -> None:
    made = plane()
    made.free_max = 1
    one, two = object(), object()
    made.give_back(one)
    made.give_back(two)
    assert made.free == [one]


def test_nobody_has_to_listen_to_reports() -> None:
    plane().report("info", "something")


def test_reports_are_told() -> None:
    told: list[tuple[str, str, dict[str, object]]] = []
    made = plane(log=lambda *line: told.append(line))
    made.report("info", "something", why="x")
    error = ValueError("no")
    try:
        raise error
    except ValueError:
        made.log_exception("a thing failed", place="here")
    assert told == [
        ("info", "something", {"why": "x"}),
        ("error", "a thing failed", {"place": "here", "error": error}),
    ]


def test_an_exchange_is_counted_by_its_status() -> None:
    made = plane(clock=lambda: 3.0)
    base = counters.ROUTE.base(1)
    made.values[counters.EXCHANGES_OPEN] = 3
    for status in (204, 404, 0):
        made.count(base, 2.5, status, 7, 11)
    assert made.values[counters.EXCHANGES_OPEN] == 0
    assert made.values[base + counters.ROUTE_FINISHED] == 3
    assert [made.values[base + counters.ROUTE_STATUS + place] for place in range(5)] == [0, 1, 0, 1, 0]
    assert (made.values[base + counters.ROUTE_BYTES_IN], made.values[base + counters.ROUTE_BYTES_OUT]) == (21, 33)
    assert made.values[base + counters.ROUTE_DURATION_US] == 1_500_000


def test_who_is_seen_off_when_all_is_over_is_cut() -> None:
    edge = Edge()
    client = edge.client()
    (connection,) = edge.plane.connections
    edge.plane.is_over = True
    edge.plane.see_off(connection)
    assert client.is_aborted
    edge.run()
    assert not edge.plane.leaving
    edge.end()
