"""What a node starts with: what was promoted, else what was good, else what is there, else nothing yet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastgw.fleet import records
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.follower import NodeFacts
from fastgw.fleet.records import FleetKeys, FleetNode, FleetRollout, Generation, digest_of
from fastgw.fleet.start import Begun, NothingError, begin_with, wait_for_one
from fastgw.fleet.store import Pushed, Store
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run

KEYS = FleetKeys("/fastgw/edge")
GOOD = Generation(5, "good", digest_of("good"), "ann@desk", 0.0)


def fine(_: Generation) -> tuple[str, ...]:
    return ()


def begun(model: EtcdModel, copies: NodeCopies, check: Any = fine) -> Begun:
    return run(begin_with(model, KEYS, "edge-1", copies, check))  # type: ignore[arg-type]


def promoted(*texts: str, **more: Any) -> EtcdModel:
    model = EtcdModel()

    async def push() -> None:
        for text in texts:
            await Store(model, KEYS).push(Pushed(text, "ann@desk", 0.0))  # type: ignore[arg-type]

    run(push())
    rollout = FleetRollout(len(texts), records.CANARY, 1)._replace(**more)
    model.put(KEYS.rollout.encode(), rollout.write())
    return model


@pytest.fixture
def copies(tmp_path: Path) -> NodeCopies:
    return NodeCopies(str(tmp_path / "edge.yaml"))


def test_what_is_promoted_and_never_what_is_not(copies: NodeCopies) -> None:
    copies.keep(GOOD)
    found = begun(promoted("one", "two"), copies)
    assert found.held is not None and (found.held.number, found.why, copies.text()) == (1, "", "one")
    found = begun(promoted("one", "two", canaries=("edge-1",)), copies)  # a canary that was restarted
    assert found.held is not None and found.held.number == 2


def test_the_last_good_one_where_that_cannot_be_had(copies: NodeCopies) -> None:
    copies.keep(GOOD)
    copies.write("something that was tried")
    away = EtcdModel()
    away.stop()
    assert begun(away, copies) == Begun(GOOD, "nobody is there")
    assert copies.text() == "good"
    found = begun(promoted("one"), copies, lambda _: ("generation 1:1:1: a mistake",))
    assert found == Begun(GOOD, "generation 1 cannot be used here: generation 1:1:1: a mistake")
    assert begun(EtcdModel(), copies).why == "nothing is promoted in /fastgw/edge yet"
    assert begun(promoted("one", promoted=9), copies).why.startswith("/fastgw/edge has no generation 9")


def test_an_etcd_that_does_not_answer_is_not_waited_for(copies: NodeCopies) -> None:
    class Silent(EtcdModel):
        async def ask(self, path: str, message: dict[str, Any], at: int | None = None) -> dict[str, Any]:
            await passes(1e6)
            return {}

    copies.keep(GOOD)
    assert begun(Silent(), copies) == Begun(GOOD, "etcd did not answer within 3 s")


def test_a_file_that_somebody_has_put_there(copies: NodeCopies) -> None:
    copies.write("by hand")
    Path(copies.good_path).write_bytes(b"?")
    found = begun(EtcdModel(), copies)
    assert found.held is None and "it is no JSON" in found.why and copies.text() == "by hand"


def test_nothing_at_all(copies: NodeCopies) -> None:
    with pytest.raises(NothingError, match="nothing is promoted"):
        begun(EtcdModel(), copies)


def waited(copies: NodeCopies, model: EtcdModel, *, ends_after: float, check: Any = fine) -> Begun | None:
    async def whole() -> Begun | None:
        loop = asyncio.get_running_loop()

        class Silent:
            def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
                pass

        return await wait_for_one(
            model,  # type: ignore[arg-type]
            KEYS,
            "edge-1",
            copies,
            NodeFacts("1", "", 0),
            check,
            Silent(),
            lambda: loop.time() > ends_after,
            lambda work, *arguments: _at_once(work, *arguments),
        )

    return run(whole())


async def _at_once(work: Any, *arguments: Any) -> None:
    work(*arguments)


def test_it_waits_for_the_first_one_and_goes_on_as_the_same_node(copies: NodeCopies) -> None:
    model = EtcdModel()

    async def push() -> None:
        await Store(model, KEYS).push(Pushed("one", "ann@desk", 0.0))  # type: ignore[arg-type]

    run(push())
    found = waited(copies, model, ends_after=60)
    assert found is not None and found.held is not None and (found.held.text, copies.text()) == ("one", "one")
    assert model.leased[KEYS.node("edge-1").encode()] == found.lease != 0


def test_nobody_says_that_it_serves_before_it_does(copies: NodeCopies) -> None:
    model = promoted("one")
    model.delete(KEYS.rollout.encode())
    assert waited(copies, model, ends_after=60) is not None
    key = KEYS.node("edge-1")
    said = FleetNode.read(key, model.keys()[key.encode()][0])
    assert (said.state, said.uses, said.checked) == (records.WAITING, 0, 1)
    rollout = FleetRollout.read(KEYS.rollout, model.keys()[KEYS.rollout.encode()][0])
    assert (rollout.phase, rollout.promoted) == (records.PROMOTING, 1)  # it goes on when the gateway has begun


def test_it_waits_on_where_it_cannot_use_the_first_one(copies: NodeCopies) -> None:
    model = promoted("bad", phase=records.PROMOTED)
    assert waited(copies, model, ends_after=90, check=lambda _: ("its file is not here",)) is None
    assert copies.text() == ""


def test_it_may_be_told_to_end_before(copies: NodeCopies) -> None:
    model = EtcdModel()
    assert waited(copies, model, ends_after=20) is None
    assert model.keys() == {}
