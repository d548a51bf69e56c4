"""A node does what the rollout wants of it, says how it is, and changes nothing otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.fleet import records
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.follower import AGAIN, FleetFollower, NodeFacts, Used
from fastgw.fleet.records import Coordinator, FleetKeys, FleetNode, FleetRollout, Generation, Latest, digest_of
from fastgw.fleet.store import Pushed, Store
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run

KEYS = FleetKeys("/fastgw/edge")
NAME = "edge-1"


class Played:
    """A gateway, and the fleet around it: the coordinator is played by the test."""

    def __init__(self, folder: Path) -> None:
        self.model = EtcdModel()
        self.copies = NodeCopies(str(folder / "edge.yaml"))
        self.lines: list[str] = []
        self.serves = ""  #: the text that is in use
        self.loads = 0
        self.can_change = True
        self.refuses: dict[str, str] = {}  #: why a load of a text is refused
        self.finds: dict[str, str] = {}  #: why a check of a text is
        self.guards: list[asyncio.Future[str]] = []
        self.is_guarded = False
        self.check_takes = 0.0
        self.model.put(KEYS.coordinator.encode(), Coordinator("another").write())

    def facts(self) -> NodeFacts:
        return NodeFacts("1.0", "127.0.0.1:9901", 2)

    async def check(self, generation: Generation) -> tuple[str, ...]:
        await passes(self.check_takes)
        return (self.finds[generation.text],) if generation.text in self.finds else ()

    async def use(self, generation: Generation) -> Used:
        self.loads += 1
        text = self.copies.text()
        if text in self.refuses:
            return Used((self.refuses[text],))
        self.serves = text
        if not self.is_guarded:
            return Used()
        self.guards.append(asyncio.get_running_loop().create_future())
        return Used((), self.guards[-1])

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        self.lines.append(event)

    # -- the fleet

    async def push(self, text: str) -> int:
        found = await Store(self.model, KEYS).push(Pushed(text, "ann@desk", 0.0))  # type: ignore[arg-type]
        return found.number

    async def text(self, number: int) -> str:
        """Of a generation."""
        key = KEYS.generation(number)
        return Generation.read(key, self.model.keys()[key.encode()][0]).text

    async def rollout(self, number: int, phase: str, promoted: int, **more: Any) -> FleetNode:
        """Write it; return what the node says after a while."""
        self.model.put(KEYS.rollout.encode(), FleetRollout(number, phase, promoted, **more).write())
        await passes(2.5)
        return self.said

    @property
    def said(self) -> FleetNode:
        key = KEYS.node(NAME)
        return FleetNode.read(key, self.model.keys()[key.encode()][0])

    def follower(self, held: Generation | None = None) -> FleetFollower:
        loop = asyncio.get_running_loop()

        async def at_once(work: Callable[..., None], *arguments: object) -> None:
            work(*arguments)

        return FleetFollower(
            self.model,  # type: ignore[arg-type]
            KEYS,
            NAME,
            self.copies,
            self,
            self,
            held=held,
            clock=loop.time,
            now=loop.time,
            chance=lambda: 0.5,
            in_thread=at_once,
        )


Work = Callable[[Played, FleetFollower], Awaitable[None]]


def played(folder: Path, work: Work, *, text: str = "") -> Played:
    async def whole() -> Played:
        fleet = Played(folder)
        if text:
            fleet.copies.write(text)
            fleet.serves = text
        follower = fleet.follower()
        follower.begin()
        await passes(1)
        await work(fleet, follower)
        await follower.leave()
        there = fleet.model.keys()
        assert KEYS.node(NAME).encode() not in there or not fleet.model.is_up
        return fleet

    return run(whole())


def test_from_the_push_to_its_promotion(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        assert (fleet.said.state, fleet.said.uses, fleet.said.digest) == (records.SERVING, 0, digest_of("zero"))
        await fleet.push("one")
        said = await fleet.rollout(1, records.CHECKING, 0)
        assert (said.checked, said.problems, said.uses, fleet.serves) == (1, (), 0, "zero")
        said = await fleet.rollout(1, records.PROMOTING, 1)
        assert (said.uses, said.digest, said.state) == (1, digest_of("one"), records.SERVING)
        assert fleet.serves == fleet.copies.text() == "one"
        assert (said.version, said.admin, said.workers) == ("1.0", "127.0.0.1:9901", 2)
        await fleet.rollout(1, records.PROMOTED, 1)
        good = fleet.copies.good()
        assert good is not None and good.number == 1
        assert follower.document()["generation"] == 1
        await passes(100)
        assert fleet.loads == 1

    played(tmp_path, work, text="zero")


def test_one_that_it_cannot_use_is_told_and_not_taken(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.finds["bad"] = "generation 1:1:1: a mistake"
        await fleet.push("bad")
        said = await fleet.rollout(1, records.CHECKING, 0)
        assert said.refuses(1) and (said.state, said.reason) == (records.REFUSED, "generation 1:1:1: a mistake")
        await fleet.rollout(1, records.REFUSED, 0)
        assert (fleet.loads, fleet.copies.text()) == (0, "zero")
        await fleet.push("good")
        said = await fleet.rollout(2, records.CHECKING, 0)
        assert said.accepts(2) and (said.state, said.reason) == (records.SERVING, "")

    assert "a generation is refused, the one before stays" in played(tmp_path, work, text="zero").lines


def test_only_a_canary_takes_what_is_not_promoted_and_goes_back_with_the_fleet(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        await fleet.push("two")
        said = await fleet.rollout(2, records.CANARY, 1, canaries=("edge-2",))
        assert (said.uses, said.checked) == (1, 2)  # a node that comes meanwhile checks it too
        said = await fleet.rollout(2, records.CANARY, 1, canaries=("edge-2", NAME))
        assert (said.uses, fleet.serves) == (2, "two")
        good = fleet.copies.good()
        assert good is not None and good.number == 1  # it is not promoted
        said = await fleet.rollout(2, records.WENT_BACK, 1)
        assert (said.uses, fleet.serves, fleet.copies.text()) == (1, "one", "one")

    played(tmp_path, work, text="zero")


def test_a_guard_is_waited_for(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.is_guarded = True
        await fleet.push("one")
        said = await fleet.rollout(1, records.PROMOTING, 1)
        assert (said.uses, said.state) == (1, records.GUARDING)
        await fleet.rollout(1, records.PROMOTED, 1)
        assert fleet.copies.good() is None
        fleet.guards[0].set_result("")
        await passes(2)
        assert fleet.said.state == records.SERVING and fleet.copies.good() is not None

    played(tmp_path, work, text="zero")


def test_one_that_its_guard_goes_back_from_is_not_tried_again(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.is_guarded = True
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTING, 1)
        fleet.serves = "zero"  # as the guard has it
        fleet.guards[0].set_result("9 % of 100 requests failed")
        await passes(2)
        said = fleet.said
        assert (said.state, said.reason, said.uses) == (records.WENT_BACK, "9 % of 100 requests failed", 0)
        assert fleet.copies.text() == "zero"
        await passes(10 * AGAIN)
        assert fleet.loads == 1

    played(tmp_path, work, text="zero")


def test_a_guard_that_ends_while_the_next_one_is_checked(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.is_guarded = True
        await fleet.push("one")
        assert (await fleet.rollout(1, records.CANARY, 0, canaries=(NAME,))).state == records.GUARDING
        fleet.check_takes = 1.0
        await fleet.push("two")
        fleet.model.put(KEYS.rollout.encode(), FleetRollout(2, records.CHECKING, 0).write())
        await passes(0.5)
        fleet.guards[0].set_result("9 % of 100 requests failed")
        await passes(2.5)
        said = fleet.said
        assert (said.checked, said.state, said.uses, fleet.copies.text()) == (2, records.SERVING, 0, "zero")

    played(tmp_path, work, text="zero")


def test_going_back_from_one_is_not_said_of_the_next_that_was_checked(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.is_guarded = True
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        await fleet.push("two")
        assert (await fleet.rollout(2, records.CHECKING, 1)).accepts(2)
        fleet.guards[0].set_result("9 % of 100 requests failed")
        await passes(2.5)
        assert (fleet.said.checked, fleet.said.state, fleet.said.uses) == (2, records.SERVING, 0)

    played(tmp_path, work, text="zero")


def test_the_first_generation_of_a_new_etcd_is_left_for_the_last_good_copy(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        fleet.model.wipe(is_seen=True)
        await passes(90)
        await fleet.push("two")
        assert (await fleet.rollout(2, records.PROMOTING, 2)).uses == 2 and fleet.serves == "two"
        good = fleet.copies.good()
        assert good is not None and good.text == "one"  # others may still go back from it
        said = await fleet.rollout(2, records.WENT_BACK, 0)
        assert (fleet.serves, said.digest) == ("one", digest_of("one"))

    played(tmp_path, work, text="zero")


def test_under_guard_the_next_one_goes_back_to_what_was_before_the_first(tmp_path: Path) -> None:
    """As the guard of a reload does."""

    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.is_guarded = True
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        await fleet.push("two")
        await fleet.rollout(2, records.PROMOTED, 2)
        assert (fleet.serves, fleet.said.uses) == ("two", 2)
        fleet.guards[0].set_result("")  # superseded
        fleet.serves = "zero"
        fleet.guards[1].set_result("9 % of 100 requests failed")
        await passes(2)
        assert (fleet.copies.text(), fleet.said.uses, fleet.said.state) == ("zero", 0, records.WENT_BACK)

    played(tmp_path, work, text="zero")


def test_one_that_does_not_load_leaves_the_file_as_it_was_and_is_tried_again(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.refuses["one"] = "the address is taken"
        await fleet.push("one")
        said = await fleet.rollout(1, records.PROMOTED, 1)
        assert (said.state, said.reason, said.uses) == (records.REFUSED, "the address is taken", 0)
        assert (fleet.copies.text(), fleet.loads) == ("zero", 1)
        del fleet.refuses["one"]
        await passes(AGAIN)
        assert (fleet.said.uses, fleet.said.state, fleet.loads) == (1, records.SERVING, 2)

    played(tmp_path, work, text="zero")


def test_one_that_was_promoted_while_it_was_away_is_checked_first(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.finds["one"] = "gateway.yaml:1:1: its file is not here"
        await fleet.push("one")
        said = await fleet.rollout(1, records.PROMOTED, 1)
        assert said.refuses(1) and (said.state, said.uses) == (records.REFUSED, 0)
        assert (fleet.loads, fleet.copies.text()) == (0, "zero")
        del fleet.finds["one"]
        await passes(AGAIN)
        assert (fleet.said.uses, fleet.said.state, fleet.said.problems) == (1, records.SERVING, ())

    played(tmp_path, work, text="zero")


def test_nothing_is_changed_while_the_gateway_cannot(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.can_change = False
        await fleet.push("one")
        assert (await fleet.rollout(1, records.PROMOTED, 1)).uses == 0
        fleet.can_change = True
        await passes(2)
        assert fleet.said.uses == 1

    played(tmp_path, work, text="zero")


def test_what_is_in_use_already_is_not_loaded_again(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        await fleet.push("zero")
        assert (await fleet.rollout(1, records.PROMOTED, 1)).uses == 1
        assert fleet.loads == 0

    played(tmp_path, work, text="zero")


def test_without_etcd_everything_stays_and_is_said_to_be_old(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        fleet.model.stop()
        await passes(60)
        assert follower.state == records.STALE
        document = follower.document()
        assert document["contact_age"] > 50 and "no word of etcd: nobody is there" in document["reason"]
        assert (fleet.serves, fleet.loads) == ("one", 1)
        fleet.model.start()
        await passes(5)
        assert follower.state == records.SERVING and fleet.said.uses == 1
        assert fleet.lines.count("the fleet cannot be heard") == fleet.lines.count("etcd answers again") == 1

    played(tmp_path, work, text="zero")


@pytest.mark.parametrize("is_seen", [True, False])
def test_an_etcd_that_has_lost_everything_changes_nothing(tmp_path: Path, is_seen: bool) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        fleet.model.wipe(is_seen=is_seen)
        fleet.model.put(KEYS.coordinator.encode(), Coordinator("another").write())
        await passes(90)
        assert (fleet.serves, fleet.loads, fleet.said.uses) == ("one", 1, 1)
        there = fleet.model.keys()
        assert [key for key in there if b"generations" in key or key.endswith(b"rollout")] == []
        # another one of the same number
        other = Generation(1, "other", digest_of("other"), "ann@desk", 0.0)
        fleet.model.put(KEYS.generation(1).encode(), other.write())
        fleet.model.put(KEYS.latest.encode(), Latest(1).write())
        said = await fleet.rollout(1, records.CHECKING, 0)
        assert (said.checked, fleet.serves) == (1, "one")
        said = await fleet.rollout(1, records.PROMOTED, 1)
        assert (fleet.serves, said.digest) == ("other", digest_of("other"))

    assert "the fleet in etcd is another, or an older one" in played(tmp_path, work, text="zero").lines


def test_records_that_cannot_be_read_change_nothing(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.model.put(KEYS.rollout.encode(), b"?")
        fleet.model.put(KEYS.node("edge-2").encode(), b"[]")
        await passes(2)
        await fleet.rollout(3, records.PROMOTED, 3)  # a generation that is not there
        assert (fleet.serves, fleet.loads) == ("zero", 0)

    lines = played(tmp_path, work, text="zero").lines
    assert {"a record of the fleet cannot be read", "a generation cannot be read"} <= set(lines)


def test_another_gateway_of_its_name_is_told_once(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        for number in range(3):
            fleet.model.put(KEYS.node(NAME).encode(), fleet.said._replace(workers=90 + number).write())
            await passes(1)
        told = [line for line in fleet.lines if line.startswith("another gateway")]
        assert len(told) == 1

    played(tmp_path, work, text="zero")


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        Path(fleet.copies.path + ".new").mkdir()
        await fleet.push("one")
        said = await fleet.rollout(1, records.PROMOTED, 1)
        assert said.state == records.REFUSED and "cannot be written" in said.reason
        assert fleet.loads == 0

    played(tmp_path, work, text="zero")


def test_it_coordinates_where_nobody_else_does(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.model.delete(KEYS.coordinator.encode())
        await fleet.push("one")
        await passes(10)
        assert follower.document()["coordinates"]
        assert (fleet.serves, fleet.said.uses) == ("one", 1)
        rollout = FleetRollout.read(KEYS.rollout, fleet.model.keys()[KEYS.rollout.encode()][0])
        assert (rollout.phase, rollout.promoted) == (records.PROMOTED, 1)

    played(tmp_path, work)


def test_a_successor_has_its_record_and_nobody_waits_for_a_coordinator(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        fleet.model.delete(KEYS.coordinator.encode())
        await passes(10)
        assert follower.document()["coordinates"]
        await follower.hand_over()
        there = fleet.model.keys()
        assert KEYS.coordinator.encode() not in there and KEYS.node(NAME).encode() in there

    played(tmp_path, work, text="zero")


def test_a_bug_is_told_and_not_silent(tmp_path: Path) -> None:
    async def work(fleet: Played, follower: FleetFollower) -> None:
        async def broken(_: Generation) -> Used:
            raise ZeroDivisionError

        fleet.use = broken  # type: ignore[method-assign]
        await fleet.push("one")
        await fleet.rollout(1, records.PROMOTED, 1)
        assert follower.state == records.REFUSED

    assert "the fleet is not followed any more" in played(tmp_path, work, text="zero").lines
