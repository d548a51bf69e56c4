"""A record under a lease: there whatever happens, and gone with its node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastgw.discovery.etcd_client import EtcdError
from fastgw.fleet.reporting import TTL, Reporting
from tests.support.etcd_model import EtcdModel
from tests.support.virtual import passes, run

KEY = b"/fastgw/edge/nodes/edge-1"


def value(model: EtcdModel) -> bytes | None:
    found = model.keys().get(KEY)
    return found[0] if found is not None else None


def reported(work: Callable[[EtcdModel, Reporting], Awaitable[None]]) -> list[EtcdError | None]:
    """What is heard while ``work`` goes on."""
    heard = list[EtcdError | None]()

    async def whole() -> None:
        model = EtcdModel()
        one = Reporting(model, KEY.decode(), heard.append, chance=lambda: 0.5)  # type: ignore[arg-type]
        task = asyncio.ensure_future(one.run())
        await work(model, one)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(whole())
    return heard


def test_it_is_there_as_it_was_said_last_and_then_gone() -> None:
    async def work(model: EtcdModel, one: Reporting) -> None:
        await passes(5)
        assert model.asked == [] and one.lease == 0
        one.say(b"a")
        await passes(0.1)
        assert value(model) == b"a" and model.leased[KEY] == one.lease
        one.say(b"b")
        await passes(0.1)
        assert value(model) == b"b"
        asked = len(model.asked)
        one.say(b"b")
        await passes(1)
        assert len(model.asked) == asked
        await passes(10 * TTL)
        assert value(model) == b"b"
        await one.leave()
        assert value(model) is None

    assert set(reported(work)) == {None}


def test_what_others_have_put_is_told_apart() -> None:
    async def work(model: EtcdModel, one: Reporting) -> None:
        assert not one.is_foreign(b"of a predecessor")
        one.say(b"a")
        await passes(0.1)
        one.say(b"b")
        await passes(0.1)
        assert [one.is_foreign(record) for record in (b"a", b"b", b"c")] == [False, False, True]

    reported(work)


def test_a_lost_lease_or_record_is_put_again() -> None:
    async def work(model: EtcdModel, one: Reporting) -> None:
        one.say(b"a")
        await passes(0.1)
        model.delete(KEY)
        await passes(TTL / 3)
        assert value(model) == b"a"
        lease = one.lease
        model.lose_leases()
        assert value(model) is None
        await passes(TTL / 3 + 2)
        assert value(model) == b"a" and one.lease not in (0, lease)
        model.lose_leases()
        one.say(b"b")  # before the loss is noticed
        await passes(3)
        assert value(model) == b"b"

    reported(work)


def test_etcd_is_away_for_longer_than_the_lease() -> None:
    async def work(model: EtcdModel, one: Reporting) -> None:
        one.say(b"a")
        await passes(0.1)
        model.stop()
        one.say(b"b")
        await passes(3 * TTL)
        model.start()
        await passes(3)
        assert value(model) == b"b"
        model.stop()
        await one.leave()  # waits for nobody

    heard = reported(work)
    assert isinstance(heard[1], EtcdError) and heard[-1] is None
