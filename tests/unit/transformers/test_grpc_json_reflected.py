"""Descriptors by reflection: asked for off the request path, kept when the server is silent, waited for when they are not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core.calls import CallError
from fastgw.core.settings import Url
from fastgw.errors import FilterUnavailableError
from fastgw.transcoding.shapes import DEFAULTS
from fastgw.transformers.grpc_json_reflected import Reflected, ReflectingServer
from tests.support.protos import descriptor_set

PLACE = ReflectingServer(Url(False, "127.0.0.1", 50051, "/"), ())


class Played:
    """A server that says what the test says, and time that passes when the test lets it."""

    def __init__(self, *answers: bytes | Exception, kept: dict[ReflectingServer, bytes] | None = None) -> None:
        self.answers = list(answers)
        self.pauses: list[float] = []
        self.kept = {} if kept is None else kept
        self.reflected = Reflected(PLACE, 60.0, DEFAULTS, self.find, self.kept, self.sleep)

    async def find(self, place: ReflectingServer) -> bytes:
        assert place == PLACE
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if not self.answers:
            await asyncio.Event().wait()

    def run(self, do: Callable[[], Any]) -> Any:
        async def whole() -> Any:
            self.reflected.start(asyncio.get_running_loop())
            try:
                return await do()
            finally:
                self.reflected.stop()

        return asyncio.run(whole())

    async def methods(self) -> Any:
        found = await self.reflected.known()
        while self.answers:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return found


def test_who_comes_first_waits_for_them() -> None:
    played = Played(descriptor_set())
    assert played.reflected.methods is None
    methods = played.run(played.methods)
    assert methods is played.reflected.methods
    assert played.pauses == [60.0]
    assert played.kept == {PLACE: descriptor_set()}


def test_the_last_ones_stay_and_are_made_once() -> None:
    played = Played(descriptor_set(), CallError("timeout", "silent"), descriptor_set(), b"\xff")
    first = played.run(played.methods)
    assert played.reflected.methods is first
    assert played.pauses == [60.0, 1.0, 60.0, 1.0]


def test_a_reload_begins_with_what_was_known() -> None:
    played = Played(CallError("timeout", "silent"), kept={PLACE: descriptor_set()})
    assert played.reflected.methods is not None


def test_pauses_grow_to_the_interval() -> None:
    played = Played(*(RuntimeError("a bug") for _ in range(9)))
    with pytest.raises(FilterUnavailableError) as error:
        played.run(played.methods)
    assert (error.value.status, error.value.code) == (503, "descriptors_unknown")
    assert error.value.reason.startswith("http://127.0.0.1:50051/: ")
    assert "a bug" in error.value.reason


def test_pauses_are_bounded() -> None:
    played = Played(*(CallError("timeout", "silent") for _ in range(9)))

    async def all_of_them() -> None:
        with pytest.raises(FilterUnavailableError, match="nobody knows yet"):
            await played.reflected.known()
        while played.answers:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    played.run(all_of_them)
    assert played.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_nobody_waits_before_it_has_begun() -> None:
    with pytest.raises(FilterUnavailableError):
        asyncio.run(Played().reflected.known())
