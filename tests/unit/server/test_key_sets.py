"""Keys that are fetched: when they are asked for, what is told, and what a place that fails is worth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.jwk import JwkSpec, of_fetched
from fastgw.core.calls import CallError
from fastgw.core.live.news import KeySet
from fastgw.core.settings import KeySetSettings, Url
from fastgw.server import key_sets as module
from fastgw.server.key_sets import EARLY, LARGEST, LONGEST_RETRY, Fetching, fetched
from fastgw.server.keys_file import KEYS_FILE, FetchedBefore, key_set_identity
from fastgw.server.log import Log
from tests.support.certificates import Authority
from tests.support.tokens import jwks
from tests.support.upstream import UpstreamServer, canned, response

ONE = KeySetSettings(Url(True, "a.test", 443, "/keys"), 300.0, 600.0, 10.0)
TWO = ONE._replace(url=Url(True, "b.test", 443, "/keys"))
KEYS = [JwkSpec("a", "{}", ("RS256",))]


class Stage:
    """Fetching whose answers, pauses and time the test plays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.asked: list[tuple[KeySetSettings, asyncio.Future[tuple[list[JwkSpec], list[str]]]]] = []
        self.pauses: list[float] = []
        self.told: list[tuple[KeySetSettings, KeySet]] = []
        self.now = 1000.0
        self.chance = 0.0
        self._ends: list[asyncio.Event] = []
        self._capfd = capfd
        self.wall = 0.0  # seconds by which that clock is ahead of the other
        self.fetching = self.another()
        monkeypatch.setattr(module, "rest", self._rest)

    def another(self, state_file: str = "") -> Fetching:
        """As after a restart."""
        return Fetching(
            lambda settings, news: self.told.append((settings, news)),
            Log("supervisor"),
            lambda: self.chance,
            self._fetch,
            lambda: self.now,
            lambda: self.now + self.wall,
            state_file,
        )

    async def _fetch(self, settings: KeySetSettings) -> tuple[list[JwkSpec], list[str]]:
        future: asyncio.Future[tuple[list[JwkSpec], list[str]]] = asyncio.get_running_loop().create_future()
        self.asked.append((settings, future))
        return await future

    async def _rest(self, event: asyncio.Event, seconds: float) -> None:
        self.pauses.append(seconds)
        self._ends.append(event)
        await event.wait()

    def go_on(self) -> None:
        """The pause that began last is over."""
        self._ends[-1].set()

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(100):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it does not come about")

    async def answer(
        self, keys: list[JwkSpec] | None = None, left_out: tuple[str, ...] = (), error: Exception | None = None
    ) -> float:
        """Answer the oldest question; return the pause that follows."""
        await self.until(lambda: self.asked)
        _, future = self.asked.pop(0)
        count = len(self.pauses)
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result((KEYS if keys is None else keys, [*left_out]))
        await self.until(lambda: len(self.pauses) > count)
        return self.pauses[-1]

    def events(self) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in self._capfd.readouterr().err.splitlines()]
        return [(one["event"], one.get("cause", "")) for one in lines]


@pytest.fixture
def play(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    def run(story: Callable[[Stage], Awaitable[None]]) -> None:
        async def whole() -> None:
            stage = Stage(monkeypatch, capfd)
            await story(stage)
            stage.fetching.close()
            await asyncio.sleep(0)
            assert all(kept.task is not None and kept.task.done() for kept in stage.fetching.known.values())

        asyncio.run(whole())

    return run


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


def test_keys_are_fetched_again_and_what_is_known_is_told(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        stage.chance = 0.5
        assert await stage.answer() == 300.0 * 0.95
        assert stage.told == [(ONE, KeySet(tuple(KEYS), 1600.0))]
        stage.now = 1300.0
        stage.go_on()
        await stage.answer()
        assert stage.told[1:] == [(ONE, KeySet(tuple(KEYS), 1900.0))]
        kept = stage.fetching.known[ONE]
        assert (kept.fetches, kept.failures, kept.fetched_at) == (2, 0, 1300.0)
        assert stage.events() == [("keys were fetched", "")]

    play(story)


def test_the_last_keys_stay_when_they_cannot_be_fetched(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        await stage.answer()
        pauses = []
        for _ in range(9):
            stage.go_on()
            pauses.append(await stage.answer(error=CallError("refused", "said no")))
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, *[LONGEST_RETRY] * 3]
        assert stage.told[1:] == [(ONE, KeySet(tuple(KEYS), 1600.0, "refused", "said no"))]  # and its end does not move
        stage.go_on()
        await stage.answer(error=RuntimeError("a bug"))
        stage.go_on()
        await stage.answer()
        assert stage.told[-1] == (ONE, KeySet(tuple(KEYS), 1600.0))
        told = [("keys were fetched", ""), ("keys cannot be fetched", "refused"), ("keys cannot be fetched", "failed")]
        assert stage.events() == [*told, ("keys can be fetched again", "")]

    play(story)


def test_why_there_are_none_is_told_too(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        assert await stage.answer(error=CallError("timeout", "late")) == 1.0
        assert stage.told == [(ONE, KeySet((), 0.0, "timeout", "late"))]

    play(story)


def test_a_flood_of_unknown_names_has_them_fetched_once(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        stage.fetching.want(TWO)
        await stage.answer()
        for second in range(int(EARLY)):
            stage.now = 1000.0 + second
            stage.fetching.want(ONE)
            await asyncio.sleep(0)
        assert not stage.asked
        stage.now = 1000.0 + EARLY
        for _ in range(1000):
            stage.fetching.want(ONE)
            await asyncio.sleep(0)
        assert len(stage.asked) == 1  # it is under way
        await stage.answer()
        stage.fetching.want(ONE)
        await asyncio.sleep(0)
        assert not stage.asked

    play(story)


def test_a_reload_waits_for_new_sets_and_forgets_others(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        await stage.answer()
        waiting = asyncio.ensure_future(stage.fetching.prepare([ONE, TWO], 60.0))
        await stage.answer(error=CallError("refused", ""))
        await waiting
        await stage.fetching.prepare([ONE, ONE._replace(timeout=1.0)], 0.001)  # nor longer than that
        stage.fetching.keep([TWO])
        assert set(stage.fetching.known) == {TWO}
        assert stage.fetching.known[TWO].fetches == 1

    play(story)


def test_keys_that_are_left_out_are_told_once(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching.keep([ONE])
        for reasons in (("a key is short",), ("a key is short",), ()):
            await stage.answer(left_out=reasons)
            stage.go_on()
        assert [event for event, _ in stage.events()] == ["keys were fetched", "keys that were fetched are not used"]

    play(story)


# --- what is fetched


def ask(where: Url) -> Any:
    return asyncio.run(fetched(KeySetSettings(where, 300.0, 600.0, 5.0)))


def test_a_set_is_fetched(service: Callable[..., UpstreamServer], tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    body = jwks(ES256="a", RS256="b")
    one = service(canned(response(body)), tls=authority.server(*authority.pair("idp", "localhost")))
    keys, left_out = ask(Url(True, "localhost", one.port, "/k?a=b", authority.ca))
    assert [(key.kid, key.algorithms[0]) for key in keys] == [("a", "ES256"), ("b", "RS256")] and not left_out
    (request,) = one.requests
    assert (request.method, request.target) == (b"GET", b"/k?a=b")
    assert not request.header(b"authorization") and not request.header(b"cookie")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (response(jwks(), status="503 Busy"), "status"),
        (response(status="302 Found", fields=[("location", "/other")]), "status"),
        (response(b"<html>"), "content"),
        (response(b"\xff"), "content"),
        (response(jwks()), "content"),
        (response(b'{"keys": []}' + b" " * LARGEST), "too_large"),
    ],
)
def test_what_is_no_set(service: Callable[..., UpstreamServer], answer: bytes, cause: str) -> None:
    with pytest.raises(CallError) as caught:
        ask(Url(False, "127.0.0.1", service(canned(answer)).port, "/"))
    assert caught.value.cause == cause


def test_authorities_that_are_gone(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"none\.pem"):
        ask(Url(True, "a.test", 443, "/", str(tmp_path / "none.pem")))


REAL = of_fetched(jwks(RS256="a").decode())[0]


def remembered(stage: Stage, state_file: Path, *, age: float) -> Fetching:
    """One that begins so long after another has fetched ``REAL``."""
    sets = {key_set_identity(ONE): FetchedBefore(tuple(one.text for one in REAL), stage.now + stage.wall - age)}
    KEYS_FILE.write(KEYS_FILE.path(str(state_file)), sets)
    return stage.another(str(state_file))


def test_keys_outlive_a_restart_while_their_issuer_is_away(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        first = stage.another(str(tmp_path / "s.json"))
        first.keep([ONE])
        await stage.answer(REAL)
        first.close()
        stage.now += 400.0
        stage.told.clear()
        stage.fetching = stage.another(str(tmp_path / "s.json"))
        stage.fetching.keep([ONE])
        await stage.answer(error=CallError("refused", "said no"))
        kept = stage.fetching.known[ONE]
        assert stage.told == [(ONE, KeySet(tuple(REAL), 1600.0, "refused", "said no"))]  # they end when they would have
        assert (kept.is_recalled, kept.fetched_at) == (True, 1000.0)
        stage.go_on()
        await stage.answer(REAL)
        assert not kept.is_recalled and stage.told[-1] == (ONE, KeySet(tuple(REAL), 2000.0))
        events = [event for event, _ in stage.events()]
        assert events[1:] == [
            "keys of before the start are used",
            "keys cannot be fetched",
            "keys can be fetched again",
        ]

    play(story)


def test_an_issuer_that_answers_is_believed_before_the_disk(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=310.0)
        stage.fetching.keep([ONE])
        await stage.answer(KEYS)
        stage.go_on()
        await stage.answer(error=CallError("refused", "said no"))
        assert [news.keys for _, news in stage.told] == [tuple(KEYS)] * 2
        assert not stage.fetching.known[ONE].is_recalled

    play(story)


def test_keys_that_are_fresh_are_used_before_anybody_is_asked(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=299.0)
        stage.fetching.keep([ONE])
        await stage.until(lambda: stage.told)
        assert stage.told == [(ONE, KeySet(tuple(REAL), 1301.0, "pending", "they have not been fetched yet"))]
        await stage.answer(KEYS)
        assert stage.told[1:] == [(ONE, KeySet(tuple(KEYS), 1600.0))]

    play(story)


def test_silence_recalls_keys_too_and_a_start_waits_no_longer(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=310.0)
        stage.fetching.keep([ONE])
        kept = stage.fetching.known[ONE]
        assert kept.recall_timer is not None and not kept.was_asked.is_set()
        kept.recall_timer._run()  # its time has come
        assert kept.was_asked.is_set() and [news.keys for _, news in stage.told] == [tuple(REAL)]
        await stage.answer(error=CallError("timeout", "no answer within 10 s"))
        assert [news.cause for _, news in stage.told] == ["pending", "timeout"]

    play(story)


@pytest.mark.parametrize(
    ("age", "why"),
    [
        (601.0, "those on the disk were fetched 601 s ago, and are used for 600 s"),
        (-3600.0, "those on the disk were fetched 3600 s after now: the clock is wrong, or was"),
    ],
)
def test_keys_without_a_good_age_are_refused_and_why_is_told(play: Play, tmp_path: Path, age: float, why: str) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=age)
        stage.fetching.keep([ONE])
        await stage.answer(error=CallError("refused", "said no"))
        stage.go_on()
        await stage.answer(error=CallError("refused", "said no"))
        assert stage.told == [(ONE, KeySet((), 0.0, "refused", f"said no; {why}"))]
        assert [event for event, _ in stage.events()] == [
            "keys of before the start are not used",
            "keys cannot be fetched",
        ]

    play(story)


def test_keys_are_recalled_once_a_clock_that_was_behind_is_right(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=10.0)
        stage.wall = -900.0  # a machine without a clock of its own has been started
        stage.fetching.keep([ONE])
        await stage.answer(error=CallError("refused", "said no"))
        assert stage.told[-1][1].keys == () and not stage.fetching.known[ONE].is_recalled
        stage.wall = 0.0
        stage.go_on()
        await stage.answer(error=CallError("refused", "said no"))
        assert stage.told[-1] == (ONE, KeySet(tuple(REAL), 1590.0, "refused", "said no"))

    play(story)


def test_a_clock_that_jumps_while_it_runs_ages_no_keys(play: Play, tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.fetching = stage.another(str(tmp_path / "s.json"))
        stage.fetching.keep([ONE])
        await stage.answer(REAL)
        stage.wall = 1e6
        stage.go_on()
        await stage.answer(error=CallError("refused", "said no"))
        assert stage.told[-1][1].until == 1600.0

    play(story)


def test_who_prepares_waits_for_what_was_begun_before(play: Play, tmp_path: Path) -> None:
    """As a successor does, which must not take over before it knows the keys."""

    async def story(stage: Stage) -> None:
        stage.fetching = remembered(stage, tmp_path / "s.json", age=310.0)
        stage.fetching.keep([ONE])
        preparing = asyncio.ensure_future(stage.fetching.prepare([ONE], 60.0))
        await stage.until(lambda: stage.asked)
        assert not preparing.done()
        timer = stage.fetching.known[ONE].recall_timer
        assert timer is not None
        timer._run()
        await preparing
        assert [news.keys for _, news in stage.told] == [tuple(REAL)]

    play(story)
