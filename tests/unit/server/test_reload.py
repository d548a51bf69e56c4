"""The two phases, with workers that are played by the test."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from fastgw.config import build as build_module
from fastgw.config.jwk import JwkSpec
from fastgw.core.live.news import Answer
from fastgw.discovery.look_ups import Found
from fastgw.server import reload as module
from fastgw.server import sources as sources_module
from fastgw.server.messages import Abort, Drain, Endpoints, Fetched, Prepare, Prepared, Wanted
from fastgw.server.rehearsing import FORCED, REFUSED, Rehearsed
from tests.unit.server.stage import TEXT, Stage, play


def test_nobody_commits_before_everybody_agreed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.reload()
        prepare = await one.agree(2)
        assert prepare.sockets == () and not prepare.has_memory  # it has them already
        await two.expect(Prepare)
        await asyncio.sleep(0)
        assert one.said.empty()
        two.theirs.send(Prepared(2))
        await one.follow(2)
        await two.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.generation == 2 and [worker.generation for worker in stage.workers] == [2, 2]

    play(story, file, capsys)


def test_one_that_cannot_keeps_all_at_the_old_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.reload(TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:'))
        prepare = await one.agree(2)
        assert prepare.sockets == ("127.0.0.2:0",)
        await two.expect(Prepare)
        two.theirs.send(Prepared(2, ("cannot be compiled: the key is gone",)))
        assert (await one.expect(Abort)).generation == (await two.expect(Abort)).generation == 2
        assert "the key is gone" in await stage.refused()
        assert list(stage.gateway.plan_in_use.listenings) == ["127.0.0.1:0"]
        assert one.holds == two.holds == {"127.0.0.1:0"}
        stage.reload()  # and it can still follow
        for worker in stage.workers:
            await worker.agree(3)
        for worker in stage.workers:
            await worker.follow(3)
        await stage.until(lambda: stage.gateway.generation == 3)

    play(story, file, capsys)


def test_one_that_says_nothing_is_no_consent(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PREPARE_LIMIT", 0.05)

    async def story(stage: Stage) -> None:
        stage.reload()
        await stage.workers[0].agree(2)
        assert "worker 1 did not answer" in await stage.refused()

    play(story, file, capsys)


def test_one_that_dies_of_it_is_no_consent(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.reload()
        await one.agree(2)
        await two.expect(Prepare)
        two.is_retiring = True  # so that nobody starts a process
        stage.control._on_death(two, 1, 0.0, -9)
        assert "worker 1 died while it prepared" in await stage.refused()
        assert one.said.empty() or isinstance(one.said.get_nowait(), Abort)

    play(story, file, capsys)


def test_one_that_does_not_follow_is_replaced(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMIT_LIMIT", 0.05)

    async def story(stage: Stage) -> None:
        stage.reload()
        for worker in stage.workers:
            await worker.agree(2)
        await stage.workers[0].follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert not stage.workers[0].is_killed and stage.workers[1].is_killed

    play(story, file, capsys)


def test_one_that_came_up_meanwhile_gets_everything_at_the_commit(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.reload()
        await one.expect(Prepare)
        await two.agree(2)
        await stage.until(lambda: stage.control._reload._answers._futures[two].done())
        two.close()
        two.fds.clear()
        stage.gateway.launch(two)  # a new process, which gets the configuration in use
        stage.control.attach(two)
        await two.start()
        one.theirs.send(Prepared(2))
        await one.follow(2)
        prepare = await two.expect(Prepare)
        assert prepare.generation == 2 and prepare.sockets == ()
        await two.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])

    play(story, file, capsys)


def test_requests_that_come_meanwhile_are_answered_by_one_more(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        stage.reload()
        for generation in (2, 3):
            for worker in stage.workers:
                await worker.agree(generation)
                if generation == 2:
                    stage.control.request_reload()
            for worker in stage.workers:
                await worker.follow(generation)
        await stage.until(lambda: not stage.control._tasks)
        assert stage.gateway.reloads == {"ok": 2, "refused": 0, "went_back": 0} and stage.gateway.generation == 3

    play(story, file, capsys)


def test_who_waits_is_told_of_a_reload_that_began_later(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        stage.reload()
        for worker in stage.workers:
            await worker.agree(2)
        file.write_text("nothing: 1\n")  # too late for the reload that is under way
        told = asyncio.ensure_future(stage.control.reload_now())
        await asyncio.sleep(0)
        for worker in stage.workers:
            await worker.follow(2)
        outcome = await told
        assert not outcome.ok and any("nothing: unknown key" in one for one in outcome.problems)
        assert stage.gateway.reloads == {"ok": 1, "refused": 1, "went_back": 0}
        file.write_text(TEXT)
        told = asyncio.ensure_future(stage.control.reload_now())
        generation = (await stage.workers[0].expect(Prepare)).generation
        stage.workers[0].theirs.send(Prepared(generation))
        await stage.workers[1].agree(generation)
        assert not told.done()
        for worker in stage.workers:
            await worker.follow(generation)
        assert (await told).ok

    play(story, file, capsys)


def test_who_waits_is_told_of_a_drain_and_of_a_failure(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setattr(stage.gateway, "load", lambda: 1 / 0)
        outcome = await stage.control.reload_now()
        assert outcome.problems == ("the reload failed; the log says how",)
        stage.gateway.is_draining = True
        assert (await stage.control.reload_now()).problems == ("the gateway drains",)

    play(story, file, capsys)


def test_a_worker_too_many_drains(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.reload(TEXT.replace("workers: 2", "workers: 1") + "shutdown: {grace: 7s}\n")
        await one.agree(2)
        await one.follow(2)
        assert (await two.expect(Drain)).grace == 7.0
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.workers == [one] and stage.gateway.retired == [two]
        assert len(stage.gateway.slabs) == 2
        assert len(stage.gateway.plan_in_use.listenings["127.0.0.1:0"].sockets) == 1

    play(story, file, capsys)


# --- names of endpoints

KEYED = TEXT + "filters: {auth: {type: jwt, algorithms: ES256, keys: {url: 'https://issuer.test/k'}}}\n"
KEYED = KEYED.replace("routes:", "routes:\n  - {path: /token, reply: {status: 204}, filters: [auth]}")
NAMED = TEXT.replace("127.0.0.1:9", "a.test:9")


def test_a_new_name_is_known_to_the_workers_before_they_prepare(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        asked = stage.play_names()
        stage.reload(NAMED)
        await stage.until(lambda: asked)
        assert all(worker.said.empty() for worker in stage.workers)
        asked[0][1].set_result(Found(("10.0.0.1",), 60.0))
        for worker in stage.workers:
            assert (await worker.expect(Endpoints)).answers == {"a.test": Answer(("10.0.0.1",))}
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.names is not None and set(stage.gateway.names.known) == {"a.test"}
        stage.reload()
        for worker in stage.workers:
            await worker.agree(3)
        for worker in stage.workers:
            await worker.follow(3)
        await stage.until(lambda: stage.gateway.reloads["ok"] == 2)
        assert not stage.gateway.names.known and not stage.gateway.knowledge.answers

    play(story, file, capsys)


def test_a_name_that_does_not_answer_refuses_no_reload(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "SOURCES_LIMIT", 0.01)

    async def story(stage: Stage) -> None:
        asked = stage.play_names()
        stage.reload(NAMED)
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        asked[0][1].set_result(Found(("10.0.0.1",), 60.0))  # it goes on being asked for
        for worker in stage.workers:
            assert (await worker.expect(Endpoints)).answers == {"a.test": Answer(("10.0.0.1",))}

    play(story, file, capsys)


def test_new_keys_are_known_to_the_workers_before_they_prepare(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        asked = stage.play_keys()
        stage.reload(KEYED)
        await stage.until(lambda: asked)
        ((where, future),) = asked
        future.set_result(([JwkSpec("a", "{}", ("ES256",))], []))
        for worker in stage.workers:
            assert [*(await worker.expect(Fetched)).news] == [where]
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        stage.workers[0].theirs.send(Wanted(where))  # too soon: they were fetched just now
        stage.reload()
        for worker in stage.workers:
            await worker.agree(3)
        for worker in stage.workers:
            await worker.follow(3)
        await stage.until(lambda: stage.gateway.reloads["ok"] == 2)
        assert len(asked) == 1
        assert (
            stage.gateway.fetching is not None and not stage.gateway.fetching.known and not stage.gateway.knowledge.keys
        )

    play(story, file, capsys)


def test_names_of_a_refused_configuration_are_not_kept(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        asked = stage.play_names()
        stage.reload(NAMED)
        await stage.until(lambda: asked)
        asked[0][1].set_result(Found(("10.0.0.1",), 60.0))
        for worker in stage.workers:
            await worker.expect(Endpoints)
            await worker.expect(Prepare)
            worker.theirs.send(Prepared(2, ("cannot be compiled: no",)))
        await stage.refused()
        assert stage.gateway.names is not None and not stage.gateway.names.known

    play(story, file, capsys)


# --- where listeners are


def test_a_socket_with_another_mode_takes_over_from_the_old_one(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is another socket, put in the place of the old one when all workers agreed; nobody finds the path empty."""
    path = tmp_path / "edge.sock"
    text = TEXT.replace("127.0.0.1:0", f"unix:{path}")

    async def story(stage: Stage) -> None:
        for number, mode in ((2, ""), (3, ", mode: 0600")):
            stage.reload(text.replace('"}', f'"{mode}}}', 1))
            for worker in stage.workers:
                assert len((await worker.agree(number)).sockets) == 1
            for worker in stage.workers:
                await worker.follow(number)
            await stage.until(lambda number=number: stage.gateway.reloads["ok"] == number - 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        (listening,) = stage.gateway.plan_in_use.listenings.values()
        assert listening.bound == f"unix:{path}"

    play(story, file, capsys)
    assert not path.exists()


def test_an_address_that_a_name_has_and_the_host_has_not_is_told(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        build_module,
        "known_places",
        lambda address, ipv6_only=True: (address._replace(host="192.0.2.1"), address._replace(host="127.0.0.1")),
    )

    async def story(stage: Stage) -> None:
        stage.reload(TEXT.replace("127.0.0.1:0", "edge.test:0"))
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert list(stage.gateway.plan_in_use.listenings) == ["127.0.0.1:0"]
        (warning,) = stage.gateway.plan_in_use.warnings
        assert "cannot listen on 192.0.2.1:0" in warning

    play(story, file, capsys)


def test_it_is_said_who_wanted_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        reload = stage.control._reload
        stage.reload()
        for generation in (2, 3):
            for worker in stage.workers:
                await worker.agree(generation)
            if generation == 2:
                reload.request("watch")
                reload.request("signal")  # while the first one runs: both are one more
            for worker in stage.workers:
                await worker.follow(generation)
        await stage.until(lambda: len(stage.gateway.history.document()) == 2)
        assert [one["by"] for one in stage.gateway.history.document()] == ["watch, signal", "signal"]
        assert stage.gateway.report.by == "watch, signal"
        stage.file.write_text("routes: [")
        outcome = await stage.control.reload_now()
        assert not outcome.ok and stage.gateway.report.by == "command"

    play(story, file, capsys)


def test_a_file_that_asks_for_it_is_watched(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        gateway = stage.gateway
        assert not gateway.is_watching and gateway.watching is None
        assert gateway.loaded_files is not None and gateway.loaded_files.files == {}
        stage.reload(TEXT + "reload: {watch: true, poll_interval: 1s}\n")
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: gateway.reloads["ok"])
        assert gateway.is_watching and list(gateway.loaded_files.files) == [str(file)]
        assert stage.control.pages.document()["watch"]["files"] == 1
        stage.control._sources.close()
        assert stage.control.pages.document()["watch"] is None
        plan, gateway.current = gateway.current, None  # as before the first load
        assert not gateway.is_watching
        gateway.is_watch_asked = True
        assert gateway.is_watching
        gateway.current = plan

    play(story, file, capsys)


def test_what_does_badly_with_recorded_requests_is_refused_before_anybody_prepares_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        asked: list[bool] = []
        state = [REFUSED]

        async def rehearse(*_: object, is_forced: bool) -> Rehearsed:
            asked.append(is_forced)
            loss = {"count": 3, "reason": "no route", "examples": []}
            report = {"requests": 9, "changes": [], "losses": [loss]}
            return Rehearsed(FORCED if is_forced else state[0], "3 of 9 requests", report)

        stage.control._reload._rehearsing.rehearse = rehearse  # type: ignore[assignment, method-assign]
        stage.reload()
        assert "3 no route" in await stage.refused()
        assert all(one.said.empty() for one in stage.workers)
        report = stage.gateway.report
        assert report.rehearsal is not None and report.rehearsal["state"] == REFUSED
        forced = asyncio.ensure_future(stage.control.reload_now(is_forced=True))
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        outcome = await forced
        assert outcome.ok and outcome.rehearsal is not None and outcome.rehearsal["state"] == FORCED
        assert stage.gateway.report.rehearsal == outcome.rehearsal
        stage.reload()  # nobody insists any more
        await stage.until(lambda: stage.gateway.reloads["refused"] == 2)
        assert asked == [False, True, False]

    play(story, file, capsys)
