"""What a worker does that the supervisor tells it, and what it does when things go wrong."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from fastgw.core import counters
from fastgw.core.live.news import FAILING, USED, Answer, Finding
from fastgw.filters.log_file import FILES
from fastgw.server import accepting, planes
from fastgw.server.messages import Commit, Committed, Drain, Endpoints, Reopen
from fastgw.server.serving import serve
from tests.unit.server.worker_stage import GET, HELD, TEXT, Play, Stage

# --- names of endpoints


def test_answers_reach_the_endpoints_and_what_became_of_them_is_reported(play: Play) -> None:
    async def story(stage: Stage) -> None:
        text = TEXT.replace("127.0.0.1:$port", "a.test:$port")
        await stage.serve(text)
        client = await stage.client()
        client[1].write(HELD)  # waits for the name
        await stage.until(lambda: stage.plane.values[counters.EXCHANGES_OPEN])
        stage.say(Endpoints({"a.test": Answer(("127.0.0.9", "127.0.0.1"))}))  # nobody listens at the first
        await stage.until(lambda: sum(len(report.standings) for report in stage.reports) == 2)
        found = {(one.address, one.state) for report in stage.reports for one in report.standings}
        assert found == {(f"127.0.0.9:{stage.port}", FAILING), (f"127.0.0.1:{stage.port}", USED)}
        [ejected] = [one for report in stage.reports for one in report.findings]
        assert (ejected.address, ejected.is_up) == (f"127.0.0.9:{stage.port}", False)
        assert all(one[:2] == ("main", f"a.test:{stage.port}") for report in stage.reports for one in report.standings)

    play(story)


# --- members


def test_what_becomes_of_members_is_reported_and_heard(play: Play) -> None:
    async def story(stage: Stage) -> None:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        text = TEXT.replace("$port", f"{port}").replace('path: "/held"', 'path: "/*"')
        await stage.serve(text)
        name = ("main", f"127.0.0.1:{port}", f"127.0.0.1:{port}")
        client = await stage.client()
        for _ in range(3):
            assert (await stage.ask(client)).startswith(b"HTTP/1.1 502 ")
        await stage.until(lambda: [one for report in stage.reports for one in report.findings])
        [finding] = [one for report in stage.reports for one in report.findings]
        assert (*finding[:4], finding.cause) == (*name, False, "connect_refused")
        with socket.create_server(("127.0.0.1", port)):
            stage.say(Endpoints({}, (Finding(*name, True),)))  # else it would wait for its time
            await stage.until(lambda: [one for report in stage.reports for one in report.findings if one.is_up])

    play(story)


# --- prepare, commit, abort


def test_nothing_is_served_before_the_commit(play: Play) -> None:
    async def story(stage: Stage) -> None:
        plan = stage.plan()
        await stage.prepare(plan)
        stage.gateway.adopt(plan)
        with pytest.raises(ConnectionRefusedError):
            await stage.client()
        stage.gateway.commit(stage.place, plan)
        assert await stage.hear(Committed) == Committed(1)
        assert (await stage.ask(await stage.client())).startswith(b"HTTP/1.1 404 ")
        assert stage.place.slab.values[counters.CONNECTIONS] == 1

    play(story)


def test_connections_go_over_to_the_next_configuration(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        kept = await stage.client()
        assert b" 404 " in await stage.ask(kept)
        await stage.serve(TEXT.replace("edge,", "edge, limits: {uri_length: 64B},"))
        assert b" 414 " in await stage.ask(kept, GET.replace(b"/", b"/" + b"a" * 64, 1))
        assert stage.plane.snapshot.generation == 2

    play(story)


def test_refused_configuration_is_forgotten(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        first = await stage.serve()
        with monkeypatch.context() as patch:
            patch.setattr(planes, "compiling", lambda *_: (_ for _ in ()).throw(OSError(2, "the key is gone")))
            answer = await stage.prepare(
                stage.plan(TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:'))
            )
        assert answer.generation == 2 and "the key is gone" in answer.problems[0]
        assert stage.sockets == ["127.0.0.1:0"]
        stage.say(Commit(2))  # which is too late
        assert b" 404 " in await stage.ask(await stage.client())
        assert stage.plane.snapshot.generation == first.generation and stage.events() == []

    play(story)


def test_bug_in_compiling_is_refused_and_logged(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setattr(planes, "compiling", lambda *_: 1 / 0)
        answer = await stage.prepare(stage.plan())
        assert answer.problems
        (line,) = stage.events()
        assert line["event"] == "compiling failed" and "ZeroDivisionError" in line["traceback"]
        stage.say(Commit(1))  # there is nothing else to serve
        await stage.until(lambda: stage.worker.is_stopped)
        assert stage.worker.status == 1

    play(story)


def test_logs_are_reopened_between_prepare_and_commit_too(play: Play, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    text = (
        TEXT.replace("name: edge,", "name: edge, filters: [log],")
        + f"filters: {{log: {{type: access_log, path: {path}}}}}\n"
    )

    async def story(stage: Stage) -> None:
        plan = await stage.serve(text)
        path.unlink()
        stage.gateway.prepare(stage.place, stage.plan(text))
        stage.say(Reopen())
        await stage.until(path.exists)
        path.unlink()
        path.mkdir()
        stage.say(Reopen())
        await stage.until(stage.events)
        path.rmdir()
        (line,) = stage.events()
        assert line["event"] == "a log cannot be opened again, the old file stays in use"
        assert line["path"] == str(path) and "Is a directory" in line["error"]
        assert plan.generation == 1
        stage.worker.close()  # while a configuration is prepared: its log is written and closed too
        assert not FILES._open and not FILES.closing

    play(story)


def test_abort_leaves_the_old_one(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        other = TEXT.replace("127.0.0.1:$port", "127.0.0.9:9").replace(
            "routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:'
        )
        plan = stage.plan(other)
        await stage.prepare(plan)
        assert len(stage.sockets) == 2
        stage.gateway.abort(stage.place, plan)
        stage.gateway.discard(plan)
        await stage.until(lambda: stage.sockets == ["127.0.0.1:0"])
        assert len(stage.plane.registry) == 1
        assert b" 404 " in await stage.ask(await stage.client())

    play(story)


def test_commit_of_another_generation_is_ignored(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        stage.say(Commit(9))
        stage.say(Drain(5.0))
        await stage.until(lambda: stage.worker.is_stopped)
        assert stage.worker.status == 0 and stage.told == []

    play(story)


def test_worker_in_an_unknown_state_gives_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        plan = stage.plan()
        await stage.prepare(plan)
        monkeypatch.setattr(stage.worker._acceptance, "accept", lambda *_: 1 / 0)
        stage.gateway.adopt(plan)
        stage.gateway.commit(stage.place, plan)
        await stage.until(lambda: stage.worker.is_stopped)
        assert stage.worker.status == 1
        (line,) = stage.events()
        assert line["event"] == "the worker gives up" and "ZeroDivisionError" in line["traceback"]

    play(story)


# --- the end


def test_drain_serves_who_waits_and_ends_when_nothing_is_under_way(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        kept = await stage.client()
        await stage.ask(kept)
        bound = stage.gateway.plan_in_use.listenings["127.0.0.1:0"].bound
        late = socket.create_connection(("127.0.0.1", int(bound.rpartition(":")[2])), timeout=20)  # in the queue
        late.sendall(GET)
        await stage.worker.drain(Drain(20.0))  # no turn of the loop in between, in which it would be accepted
        answer = await asyncio.to_thread(late.recv, 65536)
        assert answer.startswith(b"HTTP/1.1 404 ") and b"connection: close\r\n" in answer.lower()
        late.close()
        await stage.until(lambda: stage.worker.is_stopped)
        assert await kept[0].read() == b""
        assert stage.worker.status == 0 and not stage.plane.connections

    play(story)


def test_drain_of_a_quiet_worker_does_not_wait(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "DRAIN_PAUSE", 1e6)

    async def story(stage: Stage) -> None:
        await stage.serve()
        stage.say(Drain(1e6))
        await stage.until(lambda: stage.worker.is_stopped)

    play(story)


def test_grace_has_an_end(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        busy = await stage.client()
        busy[1].write(HELD)
        await stage.until(lambda: stage.place.slab.values[counters.EXCHANGES_OPEN])
        stage.say(Drain(0.0))
        await stage.until(lambda: stage.worker.is_stopped)
        assert not stage.plane.connections
        assert stage.place.slab.values[counters.EXCHANGES_OPEN] == 0

    play(story)


def test_supervisor_that_is_gone_is_a_drain_with_the_configured_grace(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(stage: Stage) -> None:
        await stage.serve()
        graces: list[Drain] = []

        async def drain(grace: Drain) -> None:
            graces.append(grace)

        monkeypatch.setattr(stage.worker, "drain", drain)
        stage.worker.ask_drain()
        await stage.until(lambda: graces)
        assert stage.place.channel is not None
        stage.place.channel.close()
        await stage.until(lambda: len(graces) == 2)
        assert graces == [Drain(7.0), Drain(7.0)]

    play(story)


def test_supervisor_that_is_gone_before_the_start_ends_it(play: Play) -> None:
    async def story(stage: Stage) -> None:
        assert stage.place.channel is not None
        stage.place.channel.close()
        await stage.until(lambda: stage.worker.is_stopped)

    play(story)


# --- what goes wrong


def test_what_no_callback_caught_is_logged(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.loop.call_exception_handler({"message": "lost", "exception": ValueError("why")})
        stage.loop.call_exception_handler({"message": "no exception"})
        first, second = stage.events()
        assert first["event"] == second["event"] == "an exception escaped"
        assert first["cause"] == "lost" and "ValueError: why" in first["traceback"]
        assert "traceback" not in second

    play(story)


def test_what_the_plane_tells_is_logged(play: Play) -> None:
    async def story(stage: Stage) -> None:
        stage.worker._on_plane_log("info", "a request was refused", {"client": "127.0.0.1", "status": 400})
        stage.worker._on_plane_log("error", "a filter failed", {"filter": "a", "error": ValueError("why")})
        refused, failed = stage.events()
        assert (refused["level"], refused["event"]) == ("info", "a request was refused")
        assert (refused["client"], refused["status"]) == ("127.0.0.1", 400)
        assert (failed["level"], failed["event"], failed["filter"]) == ("error", "a filter failed", "a")
        assert failed["error"] == "ValueError('why')" and "ValueError: why" in failed["traceback"]

    play(story)


# --- memory


# --- the process


def test_serve_runs_until_the_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    ours, theirs = socket.socketpair()
    ours.close()
    try:
        assert serve(theirs.detach(), 3) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
        asyncio.get_event_loop().close()
        asyncio.set_event_loop(None)
