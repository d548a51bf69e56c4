"""The old supervisor in an upgrade; the new process is a few lines that say what the test wants."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.server import upgrade as module
from fastgw.server.messages import Drain
from fastgw.server.upgrade import command, environment
from tests.unit.server.stage import Stage, play

BEGIN = """
import os, sys
from fastgw.server.handover import handed
found = handed()
say = lambda **told: found.channel.send(told)
kept = {key: 1 for key in found._told["listeners"]}
"""
READY = """
say(say="ready", kept=kept, admin=[])
assert found.channel.read(10)[0]["say"] == "yours"
say(say="taken", version="9.9", generation=2, workers=1, counters="continued")
try:
    while True:
        message = found.channel.read(10)[0]
        open(os.environ["TOLD"], "w").write(message["say"])
except EOFError:
    pass
"""


@pytest.fixture
def run(file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``run(code, story)``: play ``story`` with a gateway whose successor would be ``code``."""

    def start(code: str, story: Callable[[Stage], Awaitable[None]]) -> None:
        monkeypatch.setattr(module, "command", lambda: [sys.executable, "-c", code])

        async def whole(stage: Stage) -> None:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGCHLD, stage.control._upgrade.reap)
            stage.gateway.environ = {"TOLD": str(file.with_name("told")), "NOTIFY_SOCKET": ""}
            stage.control.stopping.begin()
            await story(stage)

        play(whole, file, capsys)

    return start


def test_the_successor_has_our_place_and_we_drain(run: Callable[..., None], file: Path) -> None:
    async def story(stage: Stage) -> None:
        upgrade, gateway = stage.control._upgrade, stage.gateway
        answer = await upgrade.run()
        told = {"version": "9.9", "generation": 2, "workers": 1, "counters": "continued"}
        assert answer == {"ok": True, "pid": upgrade._pid, "predecessor": os.getpid(), **told}
        assert gateway.is_draining and not gateway.is_upgrading and "NOTIFY_SOCKET" not in gateway.environ
        assert [len(one.separate) for one in gateway.plan_in_use.listenings.values()] == [1]  # the other one is his too
        for worker in stage.workers:
            await worker.expect(Drain)
        assert upgrade._refusal() == "the gateway drains"
        upgrade.say_gone()
        said = file.with_name("told")
        await stage.until(lambda: said.exists() and said.read_text() == "gone")
        assert upgrade._channel is not None
        upgrade._channel.close()
        await upgrade._ended.wait()

    run(BEGIN + READY, story)


@pytest.mark.parametrize(
    ("code", "why", "output"),
    [
        ("import sys; sys.exit('half installed')", "the new process ended with status 1 before it was ready", "half"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "the new process was ended by SIGKILL before it was ready",
            "",
        ),
        (BEGIN + "say(say='failed', problems=['line 1', 'line 2'])", "line 1\nline 2", ""),
        (BEGIN + "say(say='what'); found.channel.read(30)", "the new process says what is not understood: 'what'", ""),
        (
            BEGIN + "say(say='ready', kept={}, admin=[])\nfound.channel.read(10)",
            "the new process ended with status 0 before it was taken",
            "",
        ),
    ],
)
def test_whatever_goes_wrong_is_told_and_changes_nothing(
    run: Callable[..., None], code: str, why: str, output: str
) -> None:
    async def story(stage: Stage) -> None:
        upgrade, gateway = stage.control._upgrade, stage.gateway
        answer = await upgrade.run()
        assert answer["error"] == "failed" and gateway.last_upgrade == why
        assert answer["detail"].startswith(f"the upgrade failed, the old gateway goes on\n{why}")
        assert output in answer["detail"]
        assert not gateway.is_upgrading and not gateway.is_draining and upgrade._channel is None
        assert all(worker.said.empty() for worker in stage.workers)
        assert len(gateway.plan_in_use.listenings["127.0.0.1:0"].separate) == 2
        assert upgrade._ended.is_set() and upgrade._pipe == -1
        assert upgrade._refusal() == ""

    run(code, story)


def test_who_is_not_ready_in_time_is_ended(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_LIMIT", 0.05)

    async def story(stage: Stage) -> None:
        answer = await stage.control._upgrade.run()
        assert "the new process was not ready within 0.05 s" in answer["detail"]
        assert stage.control._upgrade._code == -signal.SIGKILL

    run("import time; time.sleep(60)", story)


def test_a_command_that_is_gone_is_told(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        monkeypatch.setattr(module, "command", lambda: ["/no/such/python"])
        before = len(os.listdir("/proc/self/fd"))
        answer = await stage.control._upgrade.run()
        assert "the new process cannot be started" in answer["detail"] and len(os.listdir("/proc/self/fd")) == before

    run("", story)


def test_a_stop_meanwhile_ends_the_new_process(run: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        upgrade = stage.control._upgrade
        asked = asyncio.ensure_future(upgrade.run())
        await stage.until(lambda: upgrade._channel is not None)
        assert upgrade._refusal() == "an upgrade is under way"
        stage.control.stop()
        assert "told to stop" in (await asked)["detail"]
        assert upgrade._ended.is_set() and upgrade._code == -signal.SIGKILL

    run("import time; time.sleep(60)", story)


def test_a_reload_that_was_asked_for_meanwhile_follows(run: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        asked = asyncio.ensure_future(stage.control._upgrade.run())
        await stage.until(lambda: stage.gateway.is_upgrading)
        stage.reload()
        assert not stage.control._reload.is_running
        assert not (await asked)["ok"]
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"] == 1)

    run("", story)


def test_what_stands_in_the_way_is_told(run: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        upgrade, gateway = stage.control._upgrade, stage.gateway

        def why(**state: Any) -> str:
            before = {name: getattr(gateway, name) for name in state}
            for name, value in state.items():
                setattr(gateway, name, value)
            reason = upgrade._refusal()
            for name, value in before.items():
                setattr(gateway, name, value)
            return reason

        assert why() == ""
        assert why(is_started=False) == "the gateway is still starting"
        assert why(is_draining=True) == "the gateway drains"
        assert why(predecessor_draining=4711).startswith("the gateway before this one, process 4711, still drains")
        monkeypatch.setattr(module.os, "getpid", lambda: 1)
        assert why().startswith("this is process 1 of its container")
        monkeypatch.undo()
        stage.reload()
        assert why() == "a reload is under way; ask again when it is done"
        assert await upgrade.run() == {"ok": False, "error": "refused", "detail": why()}
        for worker in stage.workers:
            await worker.agree(2)
        await stage.until(lambda: not stage.control._reload.is_running or stage.gateway.generation == 2)

    run("", story)


def test_the_successor_is_started_as_we_were() -> None:
    assert command() == [sys.executable, *sys.orig_argv[1:]]
    ours = {"PATH": "/bin", "NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "7", "FASTGW_UPGRADE": "3"}
    assert environment(ours) == {"PATH": "/bin", "NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "5"}


def test_a_signal_from_before_the_start_is_forgotten(run: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            signal.raise_signal(signal.SIGUSR2)
            stage.control._upgrade.forget_early_signal()
            assert signal.SIGUSR2 not in signal.sigpending()
            stage.control._upgrade.forget_early_signal()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    run("", story)
