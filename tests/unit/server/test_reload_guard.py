"""Whether a new configuration does harm: counts and time are the test's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import ReloadSpec
from fastgw.core import counters as layout
from fastgw.server.gateway import Gateway
from fastgw.server.messages import Prepare, Prepared
from fastgw.server.reload_guard import HELD, SUPERSEDED, WENT_BACK, Count, ReloadGuard, Sums, Verdict, counts_of
from fastgw.server.workers import WorkerProcess
from tests.unit.server.stage import TEXT, Stage
from tests.unit.server.stage import play as play_stage

TERMS = ReloadSpec(watch=False, poll_interval=30.0, guard=20.0, max_error_increase=0.05, min_requests=50)
OLD: Any = "the specification before"
OLDER: Any = "the one before that"
FILES: Any = "the files of the new one"


class Traffic:
    """A guard, and what it counts."""

    def __init__(self) -> None:
        self.requests = {"a": 0, "b": 0}
        self.errors = {"a": 0, "b": 0}
        self.guard = ReloadGuard(self.count)
        self.now = 100.0

    def count(self) -> Sums:
        routes = {name: Count(self.requests[name], self.errors[name]) for name in self.requests}
        return Sums(routes, {"s": Count(sum(self.requests.values()), sum(self.errors.values()))})

    def serve(self, requests: int, errors: int = 0, route: str = "a") -> None:
        self.requests[route] += requests
        self.errors[route] += errors

    def run(self, seconds: int, requests: int = 0, errors: int = 0, terms: ReloadSpec = TERMS) -> bool:
        """Seconds of so many requests each; True when the guard wants to go back."""
        for _ in range(seconds):
            self.now += 1
            self.serve(requests, errors)
            if self.guard.look(terms, self.now) is not None:
                return True
        return False

    def begin(self, former: Any = OLD, terms: ReloadSpec = TERMS) -> asyncio.Future[Verdict] | None:
        before = self.guard.baseline(terms, self.now)
        return self.guard.begin(terms, former, FILES, before, self.now)

    def end(self) -> str:
        document = self.guard.document(self.now)
        return "" if document is None else document["state"]


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_no_more_errors_than_before_are_no_harm(traffic: Traffic) -> None:
    async def story() -> None:
        traffic.run(30, 10, 3)
        end = traffic.begin()
        assert end is not None and traffic.end() == "watching"
        assert not traffic.run(19, 10, 3) and not end.done()
        assert not traffic.run(1, 10, 3)
        assert (await end).how == traffic.end() == HELD
        assert not traffic.run(30, 10, 10)  # what comes behind the guard is judged by nobody

    play(story())


def test_more_errors_by_more_than_the_increase_are_harm_at_once(traffic: Traffic) -> None:
    async def story() -> None:
        traffic.run(30, 100, 1)
        traffic.begin()
        assert not traffic.run(3, 100, 6)  # 6 % and 1 %: just as much more as may be
        assert traffic.run(3, 100, 30)

    play(story())


def test_few_requests_say_nothing(traffic: Traffic) -> None:
    async def story() -> None:
        traffic.run(30, 100)
        end = traffic.begin()
        assert end is not None and not traffic.run(20, 2, 2)
        assert (await end).reason == "100.0 % of 40 requests failed, 0.0 % before; fewer than 50 requests say nothing"

    play(story())


def test_what_was_before_is_that_of_the_time_just_before(traffic: Traffic) -> None:
    """An outage is going on: the new configuration is not to blame for it, nor is an old one forgiven for good."""

    async def story() -> None:
        traffic.run(600, 100)
        traffic.run(30, 100, 50)
        traffic.begin()
        assert not traffic.run(20, 100, 52) and traffic.end() == HELD
        traffic.run(60, 100)
        traffic.begin()
        assert traffic.run(2, 100, 52)

    play(story())


def test_without_samples_all_since_the_start_is_before(traffic: Traffic) -> None:
    """The reload is the first that asks for a guard."""

    async def story() -> None:
        traffic.run(30, 100, 50, TERMS._replace(guard=0.0))
        assert not traffic.guard._samples
        traffic.begin()
        assert not traffic.run(20, 100, 52)

    play(story())


def test_who_asks_for_no_guard_has_none(traffic: Traffic) -> None:
    async def story() -> None:
        off = TERMS._replace(guard=0.0)
        assert traffic.begin(terms=off) is None
        assert not traffic.run(30, 100, 100, off) and traffic.guard.document(traffic.now) is None

    play(story())


def test_another_reload_meanwhile_is_compared_with_what_was_before_the_first(traffic: Traffic) -> None:
    async def story() -> None:
        traffic.run(30, 100)
        first = traffic.begin(OLDER)
        assert first is not None
        traffic.run(10, 100, 4)
        second = traffic.begin(OLD)
        assert (await first).how == SUPERSEDED and second is not None
        assert traffic.run(1, 100, 6)  # 6 % more than before the first, and 2 % more than before the second
        watched = traffic.guard.look(TERMS, traffic.now)
        assert watched is not None and (watched.former, watched.before.all.errors) == (OLDER, 0)

    play(story())


def test_it_is_said_who_does_worse(traffic: Traffic) -> None:
    async def story() -> None:
        traffic.run(30, 100)
        end = traffic.begin()
        traffic.serve(100, 0, "b")
        assert traffic.run(1, 100, 50) and end is not None
        watched = traffic.guard.look(TERMS, traffic.now)
        assert watched is not None
        why = traffic.guard.why(watched)
        assert why["routes"] == {"a": "0.0 % -> 50.0 %"} and why["services"] == {"s": "0.0 % -> 25.0 %"}
        assert why["reason"].startswith("25.0 % of 200 requests failed, 0.0 % of ")
        traffic.guard.finish(Verdict(WENT_BACK, why["reason"]), traffic.now)
        assert (await end).how == traffic.end() == WENT_BACK

    play(story())


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    places = [WorkerProcess(0), WorkerProcess(1)]
    gateway = Gateway(str(file), None, {}, places)
    gateway.adopt(gateway.plan(gateway.load()))
    yield gateway
    gateway.close()
    for worker in places:
        worker.slab.close()


def test_the_counts_are_those_of_all_workers(gateway: Gateway) -> None:
    slots = gateway.plan_in_use.slots
    route, service = layout.ROUTE.base(slots.routes["/*"]), layout.SERVICE.base(slots.services["main"])
    one, two = gateway.slabs
    one[route + layout.ROUTE_FINISHED], one[route + layout.ROUTE_STATUS + 4] = 10, 3  # answers of the service
    two[route + layout.ROUTE_FINISHED], two[route + layout.ROUTE_FAULT_INTERNAL] = 7, 2  # of a worker that died
    fifth = service + layout.SERVICE_ANSWERS_US + 4 * layout.HISTOGRAM_SIZE
    one[fifth + 1], two[service + layout.SERVICE_UNANSWERED] = 3, 2
    counts = counts_of(gateway)
    assert counts.routes["/*"] == counts.all == Count(17, 5)
    assert counts.services["main"] == Count(5, 5)


GUARDED = TEXT + "reload: {guard: 20s}\n"


def fail(stage: Stage, requests: int, errors: int) -> None:
    """The first worker has served so many more."""
    values = stage.workers[0].slab.values
    base = layout.ROUTE.base(stage.gateway.plan_in_use.slots.routes["/*"])
    values[base + layout.ROUTE_FINISHED] += requests
    values[base + layout.ROUTE_STATUS + 4] += errors


async def follow(stage: Stage, generation: int) -> None:
    for worker in stage.workers:
        await worker.agree(generation)
    for worker in stage.workers:
        await worker.follow(generation)
    await stage.until(lambda: not stage.control._tasks)


def test_the_former_configuration_comes_back_in_two_phases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        fail(stage, 100, 0)
        former = stage.gateway.plan_in_use.spec
        told = asyncio.ensure_future(stage.control.reload_now())
        stage.reload(GUARDED.replace("127.0.0.1:9", "127.0.0.1:10"))
        await follow(stage, 2)
        outcome = await told
        assert outcome.ok and outcome.guard is not None
        fail(stage, 100, 40)
        stage.control._reload.look(time.monotonic())
        await follow(stage, 3)
        gateway = stage.gateway
        assert (await outcome.guard).how == WENT_BACK
        assert gateway.plan_in_use.spec == former and gateway.generation == 3
        assert gateway.reloads == {"ok": 1, "refused": 0, "went_back": 1}
        assert not gateway.report.ok and gateway.report.went_back
        assert gateway.report.problems[0].startswith("generation 2 was left again: 40.0 % of 100 requests failed")
        assert "127.0.0.1:10" in stage.file.read_text()
        stage.reload(GUARDED)  # the file is tried again
        await follow(stage, 4)
        assert gateway.report.ok and stage.control.pages.document()["guard"]["state"] == "watching"

    play_stage(story, tmp_path / "gateway.yaml", capsys)


def test_a_former_configuration_that_cannot_be_used_any_more_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        stage.reload(GUARDED)
        await follow(stage, 2)
        fail(stage, 100, 40)
        stage.control._reload.look(time.monotonic())
        for worker in stage.workers:
            await worker.expect(Prepare)
            worker.theirs.send(Prepared(3, ("the certificate is gone",)))
        await stage.until(lambda: not stage.control._tasks)
        assert stage.gateway.generation == 2 and stage.gateway.reloads["went_back"] == 0
        last = stage.control._reload.guard.last
        assert last is not None and last["state"] == HELD and "the certificate is gone" in last["reason"]
        stage.control._reload.look(time.monotonic())
        assert not stage.control._tasks

    play_stage(story, tmp_path / "gateway.yaml", capsys)
