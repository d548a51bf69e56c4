"""The names of endpoints: when they are looked up, what is told, and that none waits for another."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.config.spec import ResolverSpec
from fastgw.core.live.news import MOST, NOT_FOUND, SILENT, Answer
from fastgw.discovery.look_ups import FAILED, Found, LookUpError
from fastgw.server import names as module
from fastgw.server.log import Log
from fastgw.server.names import Names, hosts_of
from fastgw.server.names_file import NAMES_FILE, FoundBefore

SETTINGS = ResolverSpec((), timeout=5.0, min_interval=4.0, max_interval=40.0)


class Stage:
    """Names whose look-ups and pauses the test plays: a pause is a future that the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.asked: list[tuple[str, asyncio.Future[Found]]] = []
        self.pauses: list[tuple[float, asyncio.Future[None]]] = []
        self.told: list[tuple[str, Answer]] = []
        self.now = 1000.0
        self.chance = 0.0
        self._capfd = capfd
        self.names = self.another()
        monkeypatch.setattr(module.asyncio, "sleep", self._sleep)

    def another(self, state_file: str = "") -> Names:
        """As after a restart."""
        return Names(
            lambda host, answer: self.told.append((host, answer)),
            Log("supervisor"),
            lambda: self.chance,
            self._look_up,
            lambda: self.now,
            state_file,
        )

    async def _look_up(self, host: str, servers: Sequence[str], limit: float) -> Found:
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self.asked.append((host, future))
        return await future

    async def _sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pauses.append((seconds, future))
        await future

    async def answer(self, *addresses: str, ttl: float = 10.0, error: Exception | None = None) -> float:
        """Answer the oldest look-up; return the pause that follows."""
        await self.until(lambda: bool(self.asked))
        _, future = self.asked.pop(0)
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(Found(addresses, ttl))
        await self.until(lambda: bool(self.pauses))
        return self.pauses[-1][0]

    async def wake(self) -> None:
        """The pause is over."""
        self.pauses.pop(0)[1].set_result(None)
        await self.until(lambda: bool(self.asked))

    async def until(self, what: Callable[[], bool]) -> None:
        for _ in range(1000):
            if what():
                return
            await turn()
        raise AssertionError("it does not come to that")

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self._capfd.readouterr().err.splitlines()]


def turn() -> Awaitable[None]:
    """One turn of the loop: ``asyncio.sleep`` is in the hands of the test."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, None)
    return future


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., None]:
    def run(story: Callable[[Stage], Awaitable[None]]) -> None:
        async def whole() -> None:
            stage = Stage(monkeypatch, capfd)
            try:
                await story(stage)
            finally:
                stage.names.close()

        asyncio.run(whole())

    return run


def test_an_answer_is_told_and_renewed_by_its_time_to_live(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test"}, SETTINGS)
        assert await stage.answer("10.0.0.1", "10.0.0.2", ttl=10) == 10
        assert stage.told == [("a.test", Answer(("10.0.0.1", "10.0.0.2")))]
        await stage.wake()
        assert (
            await stage.answer("10.0.0.2", "10.0.0.1", ttl=1) == 4
        )  # another order is no news; not sooner than min_interval
        await stage.wake()
        assert await stage.answer("10.0.0.3", ttl=3600) == 40  # nor later than max_interval
        assert stage.told[1:] == [("a.test", Answer(("10.0.0.3",)))]
        assert stage.events() == ["a name has other addresses"]

    play(story)


def test_intervals_are_shortened_by_chance(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.chance = 0.5
        stage.names.keep({"a.test"}, SETTINGS)
        assert await stage.answer("10.0.0.1", ttl=10) == pytest.approx(9.5)

    play(story)


def test_the_last_good_answer_stays(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test"}, SETTINGS)
        await stage.answer("10.0.0.1")
        await stage.wake()
        await stage.answer(error=LookUpError(SILENT, "was not answered for"))
        name = stage.names.known["a.test"]
        assert len(stage.told) == 1
        assert (name.addresses, name.cause, name.failures, name.look_ups) == (("10.0.0.1",), SILENT, 1, 2)
        stage.now = 1500.0
        await stage.wake()
        await stage.answer("10.0.0.1")
        assert (name.cause, name.detail, name.found_at) == ("", "", 1500.0)
        assert stage.events() == ["a name has no answer", "a name has an answer again"]

    play(story)


def test_failures_are_repeated_soon_and_told_when_there_is_no_address(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test"}, SETTINGS)
        pauses = [await stage.answer(error=LookUpError(NOT_FOUND, "does not exist"))]
        for _ in range(3):
            await stage.wake()
            pauses.append(await stage.answer(error=LookUpError(NOT_FOUND, "does not exist")))
        assert pauses == [1, 2, 4, 4]
        assert stage.told == [("a.test", Answer((), NOT_FOUND, "does not exist"))]
        await stage.wake()
        await stage.answer(error=OSError(24, "Too many open files"))  # whatever it is, it goes on
        assert stage.told[-1][1].cause == FAILED
        assert stage.events() == ["a name has no answer"] * 2

    play(story)


def test_a_name_that_is_silent_delays_no_other(play: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when more names than may be asked at once fail: those have a lane of their own."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    monkeypatch.setattr(module, "FAILING_AT_ONCE", 1)

    async def story(stage: Stage) -> None:
        dead = [f"{place}.dead" for place in range(4)]
        stage.names.keep(dead, SETTINGS)
        for _ in dead:
            await stage.answer(error=LookUpError(SILENT, "was not answered for"))
        for _, pause in stage.pauses:
            pause.set_result(None)
        stage.pauses.clear()
        await stage.until(lambda: bool(stage.asked))
        await turn()
        assert len(stage.asked) == 1  # of the dead ones; the others wait for it
        stage.names.keep([*dead, "well.test"], SETTINGS)
        await stage.until(lambda: len(stage.asked) == 2)
        assert stage.asked.pop()[0] == "well.test"

    play(story)


def test_only_names_in_use_are_kept(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test", "b.test"}, SETTINGS)
        await stage.until(lambda: len(stage.asked) == 2)
        asked = dict(stage.asked)
        stage.names.keep({"b.test"}, SETTINGS)
        await turn()
        await turn()
        assert asked["a.test"].cancelled() and not asked["b.test"].cancelled()
        assert set(stage.names.known) == {"b.test"}

    play(story)


def test_other_name_servers_are_asked_at_once(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test"}, SETTINGS)
        await stage.answer("10.0.0.1")
        stage.names.keep({"a.test"}, SETTINGS)
        await turn()
        assert not stage.asked
        stage.names.keep({"a.test"}, SETTINGS._replace(servers=("10.0.0.53:53",)))
        await stage.until(lambda: bool(stage.asked))
        assert stage.names.known["a.test"].addresses == ("10.0.0.1",)

    play(story)


def test_preparing_waits_for_new_names_and_not_for_ever(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        preparing = asyncio.ensure_future(stage.names.prepare({"a.test"}, SETTINGS, 30.0))
        await stage.answer("10.0.0.1")
        await preparing
        await stage.names.prepare({"a.test"}, SETTINGS, 30.0)  # known
        await stage.names.prepare({"a.test", "dumb.test"}, SETTINGS, 0.01)
        assert set(stage.names.known) == {"a.test", "dumb.test"}
        stage.names.keep({"a.test"}, SETTINGS)  # it was refused
        assert set(stage.names.known) == {"a.test"}

    play(story)


def test_names_of_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("""
        listeners: [{address: "localhost:0"}]
        routes: [{path: "/*", service: a}]
        services:
          a: {endpoints: ["a.test:1", "10.0.0.1:2", "[::1]:3", "unix:/run/x.sock"]}
          b: {endpoints: ["a.test:9", "b.test:1"]}
    """)
    assert hosts_of(load(file, {})) == {"a.test", "b.test"}


def test_of_too_many_addresses_those_in_use_stay(play: Callable[..., None]) -> None:
    """Or members would change with every look-up where a name server rotates its answers; told once."""
    many = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(MOST + 40)]

    async def story(stage: Stage) -> None:
        stage.names.keep({"a.test"}, SETTINGS)
        await stage.answer(*many)
        await stage.wake()
        await stage.answer(*reversed(many))
        assert [answer for _, answer in stage.told] == [Answer(tuple(many[:MOST]))]
        await stage.wake()
        await stage.answer(*many[10:])
        assert set(stage.told[-1][1].addresses) == {*many[10 : MOST + 10]}
        assert stage.events().count("a name has more addresses than are used") == 1

    play(story)


def remembered(stage: Stage, state_file: Path) -> Names:
    """One that begins ten seconds after another has found 10.0.0.1 for a.test."""
    NAMES_FILE.write(NAMES_FILE.path(str(state_file)), {"a.test": FoundBefore(("10.0.0.1",), stage.now - 10.0)})
    return stage.another(str(state_file))


def test_addresses_outlive_a_restart_while_no_name_server_answers(play: Callable[..., None], tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        first = stage.another(str(tmp_path / "s.json"))
        first.keep({"a.test"}, SETTINGS)
        await stage.answer("10.0.0.1")
        first.close()
        stage.pauses.clear()
        stage.told.clear()
        stage.now += 100.0
        stage.names = stage.another(str(tmp_path / "s.json"))
        stage.names.keep({"a.test"}, SETTINGS)
        await stage.answer(error=LookUpError(SILENT, "no answer"))
        name = stage.names.known["a.test"]
        assert stage.told == [("a.test", Answer(("10.0.0.1",)))]
        assert (name.is_recalled, name.found_at, name.cause) == (True, 1000.0, SILENT)
        await stage.wake()
        await stage.answer("10.0.0.2")
        assert stage.told[1:] == [("a.test", Answer(("10.0.0.2",)))] and not name.is_recalled
        assert stage.events()[:2] == ["addresses of before the start are used", "a name has no answer"]

    play(story)


def test_silence_recalls_addresses_too_and_a_start_waits_no_longer(play: Callable[..., None], tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.names = remembered(stage, tmp_path / "s.json")
        stage.names.keep({"a.test"}, SETTINGS)
        name = stage.names.known["a.test"]
        assert name.recall_timer is not None and not name.was_asked.is_set()
        name.recall_timer._run()  # its time has come
        assert name.was_asked.is_set() and stage.told == [("a.test", Answer(("10.0.0.1",)))]
        await stage.answer("10.0.0.1")
        assert len(stage.told) == 1 and not name.is_recalled

    play(story)


def test_a_name_server_that_answers_is_believed_before_the_disk(play: Callable[..., None], tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.names = remembered(stage, tmp_path / "s.json")
        stage.names.keep({"a.test"}, SETTINGS)
        await stage.answer(error=LookUpError(NOT_FOUND, "there is no such name"))
        assert stage.told == [("a.test", Answer((), NOT_FOUND, "there is no such name"))]

    play(story)


def test_names_that_are_looked_up_elsewhere_take_nobody_elses_addresses(
    play: Callable[..., None], tmp_path: Path
) -> None:
    async def story(stage: Stage) -> None:
        stage.names = remembered(stage, tmp_path / "s.json")
        stage.names.keep({"a.test"}, SETTINGS._replace(servers=("10.0.0.53:53",)))
        await stage.answer(error=LookUpError(SILENT, "no answer"))
        assert stage.told == [("a.test", Answer((), SILENT, "no answer"))]

    play(story)
