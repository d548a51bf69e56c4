"""What one supervisor hands to the next: it arrives whole, and what cannot be taken is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import EndpointSpec
from fastgw.core import counters as layout
from fastgw.core.counters import ROUTE, ROUTE_FINISHED
from fastgw.core.settings import Address
from fastgw.errors import ConfigError
from fastgw.server import handover as module
from fastgw.server.channel import Channel
from fastgw.server.gateway import Gateway
from fastgw.server.handover import VARIABLE, Handed, handed
from fastgw.server.listening import bind_admin
from fastgw.server.parcel import Parcel
from tests.unit.server.conftest import Place
from tests.unit.server.stage import TEXT

ADMIN = 'admin: {address: "127.0.0.1:0"}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT + ADMIN + f'state_file: "{tmp_path}/state"\n')
    return file


@pytest.fixture
def old(file: Path) -> Iterator[Gateway]:
    places = [Place(0), Place(1)]
    gateway = Gateway(str(file), None, {}, [*places])
    gateway.adopt(gateway.plan(gateway.load()))
    yield gateway
    gateway.close()
    for place in places:
        place.close()


@pytest.fixture
def pair() -> Iterator[tuple[Channel, dict[str, str]]]:
    """The end of the old one, and the environment of the new one."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    yield channel, {VARIABLE: str(theirs.detach())}
    channel.close()


@pytest.fixture(autouse=True)
def taken() -> Iterator[list[Handed]]:
    """What was handed in a test, closed at its end."""
    _taken.clear()
    yield _taken
    for one in _taken:
        one.close()
        one.channel.close()


_taken: list[Handed] = []


def hand(old: Gateway, pair: tuple[Channel, dict[str, str]]) -> Handed:
    channel, environ = pair
    assert old.plan_in_use.spec.admin is not None
    admin, _ = bind_admin(old.plan_in_use.spec.admin.bind, lambda _: False, old.binding.admin)
    Parcel(old, admin).send(channel)
    for one in admin:
        one.close()
    found = handed(environ)
    assert found is not None and not environ
    _taken.append(found)
    return found


def test_sockets_and_counts_are_those_of_the_old_one(
    old: Gateway, pair: tuple[Channel, dict[str, str]], file: Path
) -> None:
    slot = old.plan_in_use.slots.routes["/*"]
    old.workers[1].slab.values[ROUTE.base(slot) + ROUTE_FINISHED] = 7
    old.workers[1].restarts, old.reloads["refused"] = 3, 2
    listed = (EndpointSpec(Address("10.0.0.1", 80), 2, "z", (("v", "1"),)), EndpointSpec(Address("10.0.0.2", 80), 1))
    old.lists.known["vision"] = listed
    before = {sock.getsockname() for sock in old.plan_in_use.listenings["127.0.0.1:0"].sockets}
    found = hand(old, pair)
    new = Gateway(str(file), None, {}, [Place(0), Place(1)], found.inherited(), found)
    assert (new.predecessor, new.predecessor_draining) == (os.getpid(), os.getpid())
    assert new.lists.known == {"vision": listed}
    plan = new.plan(new.load())
    sockets = plan.listenings["127.0.0.1:0"].sockets
    assert len(sockets) == 2 and {sock.getsockname() for sock in sockets} == before
    assert not any(sock.get_inheritable() for sock in sockets)
    assert plan.generation == 2 and new.workers[1].restarts == 3 and new.reloads["refused"] == 2
    assert plan.slots == old.plan_in_use.slots
    assert sum(values[ROUTE.base(slot) + ROUTE_FINISHED] for values in new.slabs) == 7
    old.workers[0].slab.values[layout.CONNECTIONS] += 1  # an old worker goes on counting
    assert sum(values[layout.CONNECTIONS] for values in new.slabs) == 1
    assert new.board.problem == "" and new.board.view.seed == old.board.view.seed
    assert plan.spec.admin is not None
    (admin,), _ = bind_admin(plan.spec.admin.bind, lambda _: False, new.binding.admin)
    admin.close()
    new.discard(plan)
    new.close()
    for place in new.workers:
        place.close()  # type: ignore[attr-defined]


def test_more_or_fewer_workers_have_their_sockets(
    old: Gateway, pair: tuple[Channel, dict[str, str]], file: Path
) -> None:
    found = hand(old, pair)
    port = old.plan_in_use.listenings["127.0.0.1:0"].sockets[0].getsockname()[1]
    new = Gateway(str(file), 3, {}, [], found.inherited(), found)
    plan = new.plan(new.load())
    assert [sock.getsockname()[1] for sock in plan.listenings["127.0.0.1:0"].sockets] == [port] * 3
    again = new.plan(new.load())  # a socket is taken once only
    assert again.generation == 3 and again.listenings["127.0.0.1:0"].sockets[0].getsockname()[1] != port
    new.discard(again)
    for slab in new.adopted:
        slab.close()
    new.discard(plan)


def test_counters_that_stand_elsewhere_are_not_taken(
    old: Gateway, pair: tuple[Channel, dict[str, str]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hand(old, pair)
    monkeypatch.setattr(module, "layout", lambda: "other")
    other = Handed(found.channel, found._told, [])
    assert not other.is_counted_alike and other.slabs() == []


def test_sockets_of_the_service_manager_stay_its_own(
    old: Gateway, pair: tuple[Channel, dict[str, str]], tmp_path: Path
) -> None:
    from fastgw.server.inherited import Given, Inherited

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        place = Address(*sock.getsockname())
        old.inherited = Inherited((Given(3, "edge", place, sock),))
        found = hand(old, pair)
        (given,) = found.inherited()
        assert (given.number, given.name, given.address) == (3, "edge", place)
        given.sock.close()
        old.inherited = Inherited()


def test_without_the_variable_nothing_is_handed() -> None:
    assert handed({}) is None


@pytest.mark.parametrize("text", ["x", "9999"])
def test_a_variable_that_makes_no_sense_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="no descriptor of ours"):
        handed({VARIABLE: text})


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (None, "handed over nothing"),
        ("word", "not understood"),
        ({"say": "hand", "format": 9, "version": "9.0"}, "format 9, and we understand 1"),
    ],
)
def test_what_is_not_understood_is_told(message: Any, why: str, pair: tuple[Channel, dict[str, str]]) -> None:
    channel, environ = pair
    if message is None:
        channel.close()
    else:
        channel.send(message)
    with pytest.raises(ConfigError, match=why):
        handed(environ)


def test_a_problem_is_told_to_the_old_one(old: Gateway, pair: tuple[Channel, dict[str, str]]) -> None:
    found = hand(old, pair)
    found.fail(["the file is wrong"])
    assert pair[0].read(5.0) == ({"say": "failed", "problems": ["the file is wrong"]}, [])


def test_the_layout_is_that_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    before = module.layout()
    assert before == module.layout()
    monkeypatch.setattr(module, "BLOCKS", module.BLOCKS[:-1])
    assert module.layout() != before
