"""Names that do not resolve, in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from fastgw.cli.names import AT_ONCE, unresolved
from fastgw.core.live.news import NOT_FOUND
from fastgw.discovery.look_ups import LookUpError


async def look_up(name: str, servers: Sequence[str], limit: float) -> object:
    assert servers == ["127.0.0.1:53"] and limit == 3.0
    if name == "gone.example":
        raise LookUpError(NOT_FOUND, "does not exist")
    return []


def test_each_name_has_its_reason() -> None:
    names = ["a.example", "gone.example"]
    assert unresolved(names, ["127.0.0.1:53"], look_up=look_up) == {"gone.example": "does not exist"}
    assert unresolved([], look_up=look_up) == {}


def test_a_silent_name_server_is_not_waited_for() -> None:
    under_way: list[str] = []

    async def silent(name: str, servers: Sequence[str], limit: float) -> object:
        under_way.append(name)
        return await asyncio.Event().wait()

    names = [f"{number}.example" for number in range(3 * AT_ONCE)]
    started = time.monotonic()
    found = unresolved(names, (), 0.05, silent)
    assert time.monotonic() - started < 30
    assert found == dict.fromkeys(names, "did not resolve within 0.05 s")
    assert len(under_way) == AT_ONCE


def test_this_machine_resolves_without_a_name_server() -> None:
    assert unresolved(["localhost"], (), 30) == {}
