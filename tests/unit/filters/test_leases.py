"""What a worker knows of links, and what it wants asked: gathered in one turn of the loop, and bounded."""

from __future__ import annotations

from fastgw.core.live.news import Ask, LeasePlaces, LinkState
from fastgw.filters import leases as module
from fastgw.filters.leases import LEASES, Leases
from fastgw.testing.mock import MockLoop
from tests.support.shared_rate import REDIS

OTHER = REDIS._replace(db=1)
ASK = Ask(REDIS, LeasePlaces(1, 2, 3, b"k"), True, 100, 10**9, 50, 10, 10**10, 5)


def test_one_that_nobody_has_tried_may_be_there() -> None:
    leases = Leases()
    assert leases.is_there(REDIS)
    leases.learn({REDIS: LinkState(False, "refused"), OTHER: LinkState(True)})
    assert (leases.is_there(REDIS), leases.is_there(OTHER)) == (False, True)
    leases.retain([OTHER])
    assert leases.is_there(REDIS)


def test_what_is_wanted_in_a_turn_is_said_at_its_end(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    leases, loop, said = Leases(), MockLoop(), []
    leases.ask(ASK, loop)
    loop.run_ready()  # nobody listens
    leases.on_asked = said.append
    monkeypatch.setattr(module, "WANTED_MOST", 3)
    for number in range(5):
        leases.ask(ASK._replace(until=number), loop)
    assert said == []
    loop.run_ready()
    leases.ask(ASK, loop)
    loop.run_ready()
    assert [[one.until for one in asks] for asks in said] == [[0, 1, 2], [5]]


def test_a_worker_has_one() -> None:
    assert isinstance(LEASES, Leases)
