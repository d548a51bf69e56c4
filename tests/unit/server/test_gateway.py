"""What the supervisor holds: plans that are adopted or discarded, and what each worker is given of them."""

from __future__ import annotations

import os

import pytest

from fastgw.core import counters as layout
from fastgw.core.live.board import NAMED, Board
from fastgw.core.live.holds import sit_down
from fastgw.core.live.words import HELD_SHIFT
from fastgw.errors import ConfigError
from fastgw.server import gateway as module
from fastgw.server.gateway import Gateway, predecessor
from fastgw.server.messages import Abort, Commit, Prepare
from tests.unit.server.conftest import ADDRESS, Place, adopted, planned
from tests.unit.server.stage import TEXT

MORE = TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:')


def test_before_the_start_there_is_nothing(gateway: Gateway) -> None:
    assert (gateway.generation, gateway.current, gateway.is_started, gateway.is_draining) == (0, None, False, False)
    assert gateway.report.ok and not gateway.report.when
    with pytest.raises(AssertionError):
        _ = gateway.plan_in_use


def test_plan_binds_and_chooses_slots(gateway: Gateway) -> None:
    plan = adopted(gateway)
    assert (plan.generation, plan.count, gateway.generation) == (1, 2, 1)
    assert plan.slots.routes == {"/*": 0, "edge:unmatched": 1}
    assert plan.slots.endpoints == {("main", "127.0.0.1:9"): 0}
    assert len(plan.listenings[ADDRESS].sockets) == 2
    assert plan.opened == []
    assert gateway.plan_in_use is plan


def test_number_of_workers_on_the_command_line_is_stronger(gateway: Gateway) -> None:
    plain = Gateway(gateway.path, 3, {}, [])
    plan = plain.plan(plain.load())
    assert plan.count == 3
    plain.discard(plan)


def test_number_of_workers_may_be_that_of_the_processors(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "processors", lambda: 3)
    plan = planned(gateway, TEXT.replace("workers: 2", "workers: auto"))
    assert plan.count == 3
    gateway.discard(plan)


def test_next_plan_keeps_sockets_and_slots(gateway: Gateway) -> None:
    first = adopted(gateway)
    second = planned(gateway, MORE)
    assert second.listenings[ADDRESS] is first.listenings[ADDRESS]
    assert [str(one.address) for one in second.opened] == ["127.0.0.2:0"]
    assert second.slots.routes["/*"] == first.slots.routes["/*"]
    gateway.discard(second)
    assert second.opened == [] and gateway.generation == 1
    assert adopted(gateway).generation == 3  # a number is never used twice


def test_address_that_goes_is_closed_when_its_successor_is_adopted(gateway: Gateway) -> None:
    old = adopted(gateway, MORE).listenings["127.0.0.2:0"]
    new = planned(gateway)
    assert old.sockets
    gateway.adopt(new)
    assert not old.sockets and new.listenings[ADDRESS].sockets


def test_sockets_of_a_refused_plan_are_given_back(gateway: Gateway) -> None:
    plan = adopted(gateway)
    refused = planned(gateway, TEXT.replace("workers: 2", "workers: 4"))
    assert len(plan.listenings[ADDRESS].sockets) == 4
    gateway.discard(refused)
    assert len(plan.listenings[ADDRESS].sockets) == 2


def test_more_listeners_than_fit_in_a_message_are_refused(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FDS", 2)
    with pytest.raises(ConfigError, match="the listeners have 2 addresses, at most 1"):
        planned(gateway, MORE)


# --- workers


def test_worker_gets_its_slab_once_and_only_the_sockets_it_lacks(gateway: Gateway, places: list[Place]) -> None:
    place = places[0]
    gateway.prepare(place, adopted(gateway))
    ((first, fds),) = place.sent
    assert isinstance(first, Prepare) and first.has_memory and first.sockets == (ADDRESS,) and fds == 3
    place.sent.clear()
    plan = planned(gateway, MORE)
    gateway.prepare(place, plan)
    gateway.discard(plan)
    ((second, fds),) = place.sent
    assert isinstance(second, Prepare) and not second.has_memory and second.sockets == ("127.0.0.2:0",) and fds == 1
    assert place.holds == {ADDRESS, "127.0.0.2:0"} and place.prepared == 2


def test_commit_to_one_that_was_not_asked_brings_everything(gateway: Gateway, places: list[Place]) -> None:
    plan = adopted(gateway)
    gateway.commit(places[0], plan)
    prepare, commit = places[0].told()
    assert isinstance(prepare, Prepare) and commit == Commit(1)
    gateway.commit(places[0], plan)
    assert places[0].told() == [Commit(1)]


def test_what_a_worker_holds_follows_commit_and_abort(gateway: Gateway, places: list[Place]) -> None:
    one, two = places
    first = adopted(gateway)
    for place in places:
        gateway.commit(place, first)
    second = planned(gateway, MORE)
    for place in places:
        gateway.prepare(place, second)
    gateway.abort(one, second)
    assert one.told()[-1] == Abort(2) and one.holds == {ADDRESS}
    gateway.adopt(second)
    gateway.commit(two, second)
    assert two.holds == {ADDRESS, "127.0.0.2:0"}
    third = adopted(gateway)
    gateway.commit(two, third)
    assert two.holds == {ADDRESS}


def test_launch_starts_a_process_that_gets_everything(gateway: Gateway, places: list[Place]) -> None:
    plan = adopted(gateway)
    places[0].theirs.close()
    assert places[0].channel is not None
    places[0].channel.close()
    gateway.launch(places[0])
    prepare, commit = places[0].told()
    assert isinstance(prepare, Prepare) and prepare.has_memory and commit == Commit(plan.generation)


def test_place_that_was_left_is_used_again_with_its_counts(gateway: Gateway, places: list[Place]) -> None:
    left = gateway.workers.pop()
    left.is_retiring = True
    gateway.retired.append(left)
    assert len(gateway.slabs) == 2
    assert gateway.place(1) is left
    assert not left.is_retiring and gateway.retired == []
    gateway.workers.append(left)


def test_place_whose_process_still_drains_is_not_used_again(gateway: Gateway, places: list[Place]) -> None:
    left = gateway.workers.pop()
    left.pid = 1_000_000_000
    gateway.retired.append(left)
    assert gateway.place(1) is not left
    assert gateway.retired == [left]


# --- counters


def test_death_is_settled_for_the_slots_in_use(gateway: Gateway, places: list[Place]) -> None:
    adopted(gateway)
    values = places[0].slab.values
    values[layout.ROUTE.base(0) + layout.ROUTE_STARTED] = 3
    values[layout.ENDPOINT.base(0) + layout.ENDPOINT_ACTIVE] = 1
    gateway.settle(places[0])
    assert values[layout.ROUTE.base(0) + layout.ROUTE_FINISHED] == 3
    assert values[layout.ENDPOINT.base(0) + layout.ENDPOINT_ACTIVE] == 0


def test_what_a_dead_worker_held_on_the_board_is_given_back(gateway: Gateway) -> None:
    seat = sit_down(Board(gateway.board.fd))
    cell = seat.take(NAMED, 7, 1)
    assert gateway.give_back() == 0
    seat.board.close()
    assert gateway.give_back() == 1
    assert not gateway.board.view.read(cell) >> HELD_SHIFT


def test_a_successor_has_the_board_of_its_predecessor(gateway: Gateway) -> None:
    seed = gateway.board.view.seed
    successor = Gateway(gateway.path, None, {"FASTGW_UPGRADE": str(os.getpid())}, [])
    assert successor.board.view.seed == seed
    successor.close()


def test_slot_of_a_name_that_left_goes_to_another_only_when_every_worker_is_done_with_it(
    gateway: Gateway, places: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout.ROUTE, "count", 4)  # three slots, and the one for all others
    monkeypatch.setattr(layout.ENDPOINT, "count", 2)
    small = Gateway(gateway.path, None, {}, [*places])
    values = places[1].slab.values
    route, endpoint = layout.ROUTE.base(0), layout.ENDPOINT.base(0)
    try:
        assert adopted(small).slots.routes["/*"] == 0
        values[route + layout.ROUTE_STARTED] = 1
        values[endpoint + layout.ENDPOINT_ACTIVE] = 1
        names = TEXT.replace('path: "/*"', 'name: %s, path: "/*"').replace("127.0.0.1:9", "127.0.0.1:%d")
        assert adopted(small, names % ("b", 7)).slots.routes["b"] == 2
        busy = adopted(small, names % ("c", 8)).slots
        assert busy.routes["c"] == 3 and busy.endpoints["main", "127.0.0.1:8"] == 1
        values[route + layout.ROUTE_FINISHED] = 1
        values[endpoint + layout.ENDPOINT_ACTIVE] = 0
        values[endpoint + layout.ENDPOINT_REQUESTS] = 9
        quiet = adopted(small, names % ("d", 6)).slots
        assert quiet.routes["d"] == 0 and quiet.endpoints["main", "127.0.0.1:6"] == 0
        assert values[route + layout.ROUTE_STARTED] == values[endpoint + layout.ENDPOINT_REQUESTS] == 0
    finally:
        small.close()


# --- taking over


def test_predecessor_is_a_process_that_we_may_signal() -> None:
    assert predecessor({}) == predecessor({"FASTGW_UPGRADE": ""}) == 0
    assert predecessor({"FASTGW_UPGRADE": str(os.getpid())}) == os.getpid()


@pytest.mark.parametrize("text", ["x", "0", "1", "-5", "99999999", "1.5"])
def test_predecessor_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="FASTGW_UPGRADE"):
        predecessor({"FASTGW_UPGRADE": text})
