"""Links with a Redis: when they are up, what is asked, what is told and logged, and what a Redis that fails is worth."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from fastgw.core.live.news import LinkState
from fastgw.core.settings import RedisSettings
from fastgw.server import leasing as module
from fastgw.server.leasing import LONGEST_RETRY, Leasing, RedisLink, connected, grant_of
from fastgw.server.link_status import link_document, links_of
from fastgw.server.log import Log
from tests.support.redis import RedisServer
from tests.support.shared_rate import REDIS, SECOND, Clock, Node, nodes, redis_at

redis = pytest.importorskip("fastgw.server.redis", reason="needs the package hiredis: pip install 'fastgw[redis]'")
RedisError = redis.RedisError

OTHER = REDIS._replace(host="b.test")
UP = LinkState(True)


class Answering:
    """A connection whose answers the test gives."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self.called: Any = b"hash"  #: the script

    def ask(self, *command: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.asked.append((command, future))
        if command[0] == "SCRIPT":
            self.asked.pop()
            future.set_result(self.called)
        return future

    def close(self, error: Exception | None = None) -> None:
        if not self.lost.done():
            self.lost.set_result(error or RedisError("closed", "it was closed"))


class Stage:
    """Leasing whose connections, pauses and chance the test plays."""

    def __init__(self, node: Node, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.node = node
        self.attempts: list[tuple[RedisSettings, asyncio.Future[Any]]] = []
        self.pauses: list[float] = []
        self.told: list[tuple[RedisSettings, LinkState]] = []
        self._ends: list[asyncio.Event] = []
        self._capfd = capfd
        self.leasing = Leasing(
            lambda settings, state: self.told.append((settings, state)),
            lambda: node.board,
            Log("supervisor"),
            lambda: 0.0,
            self._connect,
            node.clock,
            lambda: 1_800_000_000.0,
        )
        monkeypatch.setattr(module, "rest", self._rest)

    async def _connect(self, settings: RedisSettings) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.attempts.append((settings, future))
        return await future

    async def _rest(self, event: asyncio.Event, seconds: float) -> None:
        self.pauses.append(seconds)
        self._ends.append(event)
        await event.wait()

    async def until(self, condition: Callable[[], object]) -> None:
        for _ in range(100):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it does not come about")

    async def up(self) -> Answering:
        await self.until(lambda: self.attempts)
        connection = Answering()
        self.attempts.pop(0)[1].set_result(connection)
        await self.until(lambda: self.told and self.told[-1][1] == UP)
        return connection

    async def fail(self, error: Exception) -> float:
        """The attempt fails; the pause that follows, which is over at once."""
        await self.until(lambda: self.attempts)
        count = len(self.pauses)
        self.attempts.pop(0)[1].set_exception(error)
        await self.until(lambda: len(self.pauses) > count)
        self._ends[-1].set()
        return self.pauses[-1]

    @property
    def link(self) -> RedisLink:
        return self.leasing.known[REDIS]

    def ask(self) -> None:
        """One request of which the node wants to have more asked."""
        self.node.clock.now += SECOND
        assert self.node.request() is not None
        self.leasing.ask(self.node.wanted)
        self.node.wanted.clear()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._capfd.readouterr().err.splitlines()]


@pytest.fixture
def node() -> Iterator[Node]:
    with nodes(1, Clock()) as (one,):
        yield one


@pytest.fixture
def play(
    node: Node, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    def run(story: Callable[[Stage], Awaitable[None]]) -> None:
        async def staged() -> None:
            stage = Stage(node, monkeypatch, capfd)
            try:
                async with asyncio.timeout(10):
                    await story(stage)
            finally:
                stage.leasing.close()
                await asyncio.sleep(0)

        asyncio.run(staged())

    return run


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


def test_what_is_wanted_is_asked_and_the_answer_stands_on_the_board(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        stage.ask()
        [(command, answer)] = connection.asked
        assert command == ("EVALSHA", b"hash", 1, b"a key", 100, 1_000_000, 50, 1, 10, 0)
        answer.set_result([10, 110_000])
        await stage.until(lambda: stage.link.questions["granted"])
        assert sum(stage.node.request() is not None for _ in range(30)) == 10 + 10
        assert (stage.link.tokens, stage.link.under_way) == (10, 0)
        assert stage.events() == []

    play(story)


def test_answers_are_told_apart(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        for granted, outcome in ((7, "partly"), (0, "nothing")):
            stage.node.clock.now += 60 * SECOND
            stage.ask()
            connection.asked.pop()[1].set_result([granted, 1])
            await stage.until(lambda outcome=outcome: stage.link.questions[outcome])
        found = link_document(links_of(stage.leasing)[0])
        assert found == {
            "up": True,
            "since": "2027-01-15T08:00:00.000Z",
            "questions": {"partly": 1, "nothing": 1},
            "tokens": 7,
            "failures": {},
            "cause": None,
            "error": None,
        }

    play(story)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ([11, 5], "broken"),
        ([-1, 5], "broken"),
        ([1], "broken"),
        (b"OK", "broken"),
        (None, "broken"),
        (RedisError("read_only", "READONLY it is a replica"), "read_only"),
    ],
)
def test_what_it_cannot_do_is_an_outage(play: Play, answer: Any, cause: str) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        stage.ask()
        future = connection.asked.pop()[1]
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        await stage.until(lambda: stage.pauses)
        assert stage.told[-1][1].cause == cause
        assert stage.link.questions == {"failed": 1}
        assert stage.link.failures == {cause: 1}
        stage.leasing.ask([stage.node._ask])  # nobody is asked

    play(story)


def test_one_that_has_no_name_for_the_script_is_not_asked(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        await stage.until(lambda: stage.attempts)
        connection = Answering()
        connection.called = None
        stage.attempts.pop(0)[1].set_result(connection)
        await stage.until(lambda: stage.pauses)
        assert stage.told[-1][1].cause == "broken"
        assert connection.lost.done()

    play(story)


def test_a_script_that_was_forgotten_is_sent_whole(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        stage.ask()
        connection.asked.pop()[1].set_exception(RedisError("error", "NOSCRIPT No matching script."))
        await stage.until(lambda: connection.asked)
        command, answer = connection.asked.pop()
        assert command[:4] == ("EVAL", module.SCRIPT, 1, b"a key")
        answer.set_result([10, 110_000])
        await stage.until(lambda: stage.link.questions["granted"])

    play(story)


def test_too_many_questions_are_no_outage(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        stage.ask()
        connection.asked.pop()[1].set_exception(RedisError("busy", "4096 are under way"))
        await stage.until(lambda: stage.link.questions["failed"])
        assert not connection.lost.done()

    play(story)


def test_an_outage_is_one_line_and_its_end_another(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        pauses = [await stage.fail(RedisError("refused", "it refused the connection")) for _ in range(7)]
        assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, LONGEST_RETRY, LONGEST_RETRY]
        await stage.fail(RedisError("timeout", "it did not answer"))
        await stage.up()
        told = [state for _, state in stage.told]
        assert told == [
            LinkState(False, "refused", "it refused the connection"),
            LinkState(False, "timeout", "it did not answer"),
            UP,
        ]
        down, up = stage.events()
        assert (down["event"], down["cause"], down["redis"]) == (
            "limits cannot be shared",
            "refused",
            "redis://127.0.0.1:6379/0",
        )
        assert (up["event"], up["failures"]) == ("limits can be shared again", 8)
        assert stage.link.failures == {"refused": 7, "timeout": 1}

    play(story)


def test_a_connection_that_ends_is_replaced_without_a_word(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server does that closes idle ones.  One that does it at once is down."""

    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        first = await stage.up()
        monkeypatch.setattr(module, "SHORTEST_LIFE", 0.0)
        first.close(RedisError("lost", "it closed the connection"))
        await stage.until(lambda: stage.attempts)
        assert stage.pauses == []
        stage.ask()  # meanwhile nobody can be asked, and nobody is told so
        assert [state for _, state in stage.told] == [UP]
        monkeypatch.setattr(module, "SHORTEST_LIFE", 1.0)
        connection = Answering()
        stage.attempts.pop(0)[1].set_result(connection)
        await stage.until(lambda: stage.link.connection is connection)
        connection.close(RedisError("lost", "it closed the connection"))
        await stage.until(lambda: stage.pauses)
        assert stage.told[-1][1].cause == "lost"

    play(story)


def test_a_redis_that_nobody_asks_is_asked_whether_it_is_there(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setattr(module, "PING_EVERY", 0.0)
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        await stage.until(lambda: len(connection.asked) >= 2)
        assert {command for command, _ in connection.asked} == {("PING",)}
        connection.asked[0][1].set_result(b"PONG")
        late = RedisError("timeout", "it did not answer")
        connection.asked[1][1].set_exception(late)
        connection.close(late)
        await stage.until(lambda: stage.pauses)
        assert stage.told[-1][1] == LinkState(False, "timeout", "it did not answer")
        assert stage.link.asked_at > 0.0

    play(story)


def test_only_what_a_configuration_has_is_kept(play: Play) -> None:
    async def story(stage: Stage) -> None:
        preparing = asyncio.ensure_future(stage.leasing.prepare([REDIS, OTHER], 60.0))
        await stage.until(lambda: len(stage.attempts) == 2)
        connections = [Answering(), Answering()]
        for (_, future), connection in zip(stage.attempts, connections, strict=True):
            future.set_result(connection)
        await preparing
        await stage.leasing.prepare([REDIS], 60.0)
        stage.leasing.keep([OTHER])
        assert list(stage.leasing.known) == [OTHER]
        assert [one.lost.done() for one in connections] == [True, False]
        stage.leasing.keep([OTHER, REDIS])
        assert set(stage.leasing.known) == {REDIS, OTHER}

    play(story)


def test_a_reload_waits_only_so_long(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.leasing.prepare([REDIS], 0.001)
        assert not stage.link.was_tried.is_set()
        assert links_of(stage.leasing)[0].cause == "pending"

    play(story)


def test_without_room_nobody_is_asked(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        stage.leasing.keep([REDIS])
        connection = await stage.up()
        assert stage.node.request() is not None
        monkeypatch.setattr("fastgw.core.live.readings.find", lambda *arguments: -1)
        stage.node.board.is_full = True
        stage.leasing.ask(stage.node.wanted)
        assert connection.asked == []

    play(story)


def test_what_is_an_answer() -> None:
    from fastgw.core.live.grants import Grant, Question
    from fastgw.core.live.news import Ask, LeasePlaces

    ask = Ask(REDIS, LeasePlaces(0, 0, 0, b""), False, 100, SECOND, 50, 10, SECOND, 0)
    assert grant_of([3, 5], ask, Question(0, 3, 0, 0)) == Grant(3, 5000)
    assert grant_of([4, 5], ask, Question(0, 3, 0, 0)) is None
    assert grant_of([3, 2**62], ask, Question(0, 3, 0, 0)) is None  # no time of the board
    window = ask._replace(end=SECOND)
    assert grant_of([3, 5], window, Question(0, 3, 0, 0)) == Grant(3, 5)
    assert grant_of([3, 2**40], window, Question(0, 3, 0, 0)) is None


@pytest.mark.needs("redis-server")
def test_with_a_real_one_that_is_killed(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    server = RedisServer().start()
    states: list[LinkState] = []
    settings = redis_at("", 0, str(server.socket), 0, False)

    async def until(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    async def story() -> None:
        clock = node.clock
        told = Leasing(
            lambda _, state: states.append(state), lambda: node.board, Log("supervisor"), lambda: 0.5, clock=clock
        )
        await told.prepare([settings], 10.0)
        assert states == [UP]
        link = told.known[settings]

        async def ask() -> None:
            clock.now += SECOND
            before = link.questions.total()
            node.request()
            told.ask([one._replace(redis=settings) for one in node.wanted])
            node.wanted.clear()
            await until(lambda: link.questions.total() > before)

        await ask()
        assert link.questions == {"granted": 1}
        server.ask("SCRIPT", "FLUSH")
        for _ in range(9):
            node.request()
        await ask()
        assert set(link.questions) == {"granted"}
        server.kill()
        await until(lambda: not states[-1].is_up)
        server.start()
        await until(lambda: states[-1].is_up)
        told.close()
        for _ in range(5):
            await asyncio.sleep(0)  # what was aborted is told so

    try:
        asyncio.run(story())
    finally:
        server.close()
    events = [json.loads(line)["event"] for line in capfd.readouterr().err.splitlines()]
    assert events == ["limits cannot be shared", "limits can be shared again"]


def test_the_client_is_the_one_of_the_extra() -> None:
    async def story() -> None:
        with pytest.raises(RedisError) as caught:
            await connected(redis_at("", 0, "/nowhere/redis.sock", 0, False))
        assert caught.value.cause == "unreachable"

    asyncio.run(story())
