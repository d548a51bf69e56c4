"""Tries, at the same time and bounded, whatever one of them does."""

from __future__ import annotations

import asyncio
import time

from fastgw.cli.tries import AT_ONCE, FAILED, FINE, WARNING, FailedError, Referred, Usable, try_all


async def _good() -> Usable:
    return Usable("2 members", (), {"members": 2})


async def _doubtful() -> Usable:
    return Usable("0 members", ("nobody",))


async def _bad() -> Usable:
    raise FailedError("denied", "no such user")


async def _silent() -> Usable:
    await asyncio.Event().wait()
    raise AssertionError


def test_what_comes_of_a_try() -> None:
    assert asyncio.run(try_all([])) == []
    wanted = [Referred("etcd", "there", ((),), one) for one in (_good, _doubtful, _bad, _silent)]
    found = asyncio.run(try_all(wanted, limit=0.05))
    assert [one.reference for one in found] == wanted
    assert [(one.state, one.cause, one.said) for one in found] == [
        (FINE, "", "2 members"),
        (WARNING, "", "0 members"),
        (FAILED, "denied", "no such user"),
        (FAILED, "timeout", "there has not answered within 0.05 s"),
    ]
    assert found[0].facts == {"members": 2} and found[1].warnings == ("nobody",)


def test_all_of_them_are_bounded_in_number_and_time() -> None:
    under_way = most = 0

    async def silent() -> Usable:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await _silent()
        finally:
            under_way -= 1

    wanted = [Referred("etcd", "there", ((),), silent)] * (2 * AT_ONCE)
    began = time.monotonic()
    found = asyncio.run(try_all(wanted, limit=60.0, longest=0.05))
    assert time.monotonic() - began < 30 and most == AT_ONCE and under_way == 0
    assert {(one.state, one.cause, one.said) for one in found} == {(FAILED, "timeout", "was not tried within 0.05 s")}
