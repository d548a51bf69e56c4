"""New code of fastgw itself, without a lost connection: the gateway starts its successor, hands over, and drains.

    refuse      what stands in the way: another upgrade, a reload, a drain, a gateway before us that still drains
    start       the command that started us, so that the code on the disk is loaded; its stderr is ours to read until it
                has the real one, so that we can tell why it did not come that far
    hand over   sockets, counters and all (``server.handover``)
    ready       all its workers can serve: it may speak to the service manager, and serves the admin address
    drain       as at a stop; what is accepted goes on here, what comes anew goes there

Whatever fails before that leaves this gateway as it was, and the answer and the log say why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.server.channel import Channel
from fastgw.server.handover import VARIABLE
from fastgw.server.notify import notify
from fastgw.server.parcel import Parcel
from fastgw.server.workers import OF_MANAGER

if TYPE_CHECKING:
    from fastgw.server.host import Host
    from fastgw.server.reload import Reload

READY_LIMIT: Final = 60.0  #: seconds until the new process must be ready
TAKE_LIMIT: Final = 10.0  #: seconds it may take to serve the admin address
END_LIMIT: Final = 2.0  #: seconds in which a process that closed its channel is seen to end
OUTPUT_MAX: Final = 8192  #: bytes of what it writes before it has the log, the last ones
_FOR_SUCCESSOR: Final = frozenset(("NOTIFY_SOCKET", "WATCHDOG_USEC"))  #: of what the service manager told us


class _Failed(Exception):
    """The new process does not become ready."""

    def __init__(self, reason: str, *, is_orderly: bool = False) -> None:
        """``is_orderly``: it says so itself, and ends."""
        super().__init__(reason)
        self.is_orderly = is_orderly


class Upgrade:
    """At most one at a time."""

    def __init__(self, control: Host, reload: Reload) -> None:
        self._control = control
        self._reload = reload
        self._gateway = control.gateway
        self._said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()  # by the new process; None: it closed
        self._channel: Channel | None = None
        self._pid = 0  # of the new process, until it has ended
        self._code = 0
        self._ended = asyncio.Event()
        self._output = bytearray()
        self._pipe = -1

    # -- from outside -------------------------------------------------------------------------------------------------

    async def run(self) -> dict[str, Any]:
        """Have a new process take our place; return what came of it, for who has asked."""
        gateway, log = self._gateway, self._control.log
        if reason := self._refusal():
            log.warning("an upgrade is refused", reason=reason)
            return {"ok": False, "error": "refused", "detail": reason}
        began = time.monotonic()
        gateway.is_upgrading = True
        self._control.pause()
        log.info("an upgrade begins", command=command())
        try:
            taken = await self._hand_over()
        except _Failed as failed:
            reason = str(failed)
            await self._give_up(is_orderly=failed.is_orderly)
            output = bytes(self._output).decode(errors="replace")
            gateway.is_upgrading, gateway.last_upgrade = False, reason
            log.error("the upgrade failed, this gateway goes on", reason=reason, output=output.splitlines())
            if not gateway.is_draining:
                self._control.resume()
            return {"ok": False, "error": "failed", "detail": _detail(reason, output)}
        log.info(
            "a new gateway has taken our place",
            successor=self._pid,
            version=taken["version"],
            counters=taken["counters"],
            seconds=round(time.monotonic() - began, 3),
        )
        self._bequeath(taken["kept"], taken["admin"])
        told = {key: taken[key] for key in ("version", "generation", "workers", "counters")}
        return {"ok": True, "pid": self._pid, "predecessor": os.getpid(), **told}

    async def on_signal(self) -> None:
        """SIGUSR2: the same for nobody, the log says what comes of it."""
        await self.run()

    def forget_early_signal(self) -> None:
        """One that came during the start asks for what has just been done."""
        if signal.sigtimedwait({signal.SIGUSR2}, 0) is not None:
            self._control.log.warning("an upgrade is refused", reason="the gateway was still starting")

    def abandon(self) -> None:
        """The gateway is to stop: the new process is not needed."""
        if self._gateway.is_upgrading:
            self._said.put_nowait({"say": "stop"})

    def close(self) -> None:
        """End a new process that is not ready: nobody is left to hand over to it."""
        if self._gateway.is_upgrading:
            self._kill(self._pid)

    @property
    def has_successor(self) -> bool:
        """Does somebody serve in our place?"""
        return self._channel is not None and not self._gateway.is_upgrading

    def say_gone(self) -> None:
        """Tell the successor, if there is one, that every worker has ended."""
        if self._channel is not None:
            self._channel.send({"say": "gone"})

    def reap(self) -> None:
        """Note the end of the new process."""
        if not self._pid or self._ended.is_set():
            return
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
                self._ended.set()

    # -- the steps ----------------------------------------------------------------------------------------------------

    def _refusal(self) -> str:
        gateway = self._gateway
        if gateway.is_upgrading:
            return "an upgrade is under way"
        if not gateway.is_started:
            return "the gateway is still starting"
        if gateway.is_draining:
            return "the gateway drains"
        if self._reload.is_running:
            return "a reload is under way; ask again when it is done"
        if self._pid and not self._ended.is_set():
            return f"process {self._pid} of the last attempt has not ended yet"
        if gateway.predecessor_draining:
            return f"the gateway before this one, process {gateway.predecessor_draining}, still drains; ask again when it has ended"
        if os.getpid() == 1:
            return "this is process 1 of its container, which ends when it does: replace the container instead"
        return ""

    async def _hand_over(self) -> dict[str, Any]:
        control, gateway = self._control, self._gateway
        try:
            self._start()
        except OSError as error:
            raise _Failed(f"the new process cannot be started: {error}") from error
        assert self._channel is not None
        Parcel(gateway, control.admin_listening).send(self._channel)
        ready = await self._hear("ready", READY_LIMIT)
        await control.admin.leave()  # what connects from here on waits for the new one
        notify(f"MAINPID={self._pid}", environ=gateway.environ)
        self._channel.send({"say": "yours"})
        try:
            return ready | await self._hear("taken", TAKE_LIMIT)
        except _Failed:
            notify(f"MAINPID={os.getpid()}", environ=gateway.environ)
            await control.admin.start(control.admin_listening)
            raise

    def _bequeath(self, kept: Mapping[str, int], admin: Collection[str]) -> None:
        """The new one has our place: drain, and say no more to the service manager.

        ``kept``: of which listeners it has how many sockets, by key; ``admin``: addresses of which it has the socket.
        """
        control, gateway = self._control, self._gateway
        gateway.environ = {name: text for name, text in gateway.environ.items() if name not in OF_MANAGER}
        for key, listening in gateway.plan_in_use.listenings.items():
            if key in kept:
                listening.leave(kept[key])
        for listening in control.admin_listening:
            if str(listening.address) in admin:
                listening.leave(1)
        if control.is_reload_wanted:  # it may have read the file before
            os.kill(self._pid, signal.SIGHUP)
        gateway.is_upgrading = False
        if not gateway.is_draining:
            control.stop()

    def _start(self) -> None:
        self._said = asyncio.Queue()
        self._ended.clear()
        self._output.clear()
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            os.set_blocking(writing, True)
            theirs.set_inheritable(True)
            words = command()
            self._pid = os.posix_spawn(
                words[0],
                words,
                environment(self._gateway.environ) | {VARIABLE: str(theirs.fileno())},
                file_actions=[(os.POSIX_SPAWN_DUP2, writing, 2)],
                setsigmask=(),
            )
        except OSError:
            os.close(reading)
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(writing)
        self._channel = Channel(ours)
        self._channel.attach(loop, self._on_message, lambda: self._said.put_nowait(None))
        self._pipe = reading
        loop.add_reader(reading, self._read_output)

    def _on_message(self, message: object, fds: list[int]) -> None:
        for fd in fds:  # it sends none
            os.close(fd)
        if isinstance(message, dict):
            self._said.put_nowait(message)

    def _read_output(self) -> None:
        try:
            data = os.read(self._pipe, 65536)
        except BlockingIOError:
            return
        self._output += data
        del self._output[:-OUTPUT_MAX]
        if not data:
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    async def _hear(self, word: str, limit: float) -> dict[str, Any]:
        """What the new process says; raise _Failed if that is something else, or nothing."""
        try:
            message = await asyncio.wait_for(self._said.get(), limit)
        except TimeoutError:
            raise _Failed(f"the new process was not {word} within {limit:g} s") from None
        if message is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), END_LIMIT)
            raise _Failed(f"the new process {self._end()} before it was {word}")
        if message.get("say") == "stop":
            raise _Failed("the gateway was told to stop meanwhile")
        if message.get("say") == "failed":
            raise _Failed("\n".join(message["problems"]), is_orderly=True)
        if message.get("say") != word:
            raise _Failed(f"the new process says what is not understood: {message.get('say')!r}")
        return message

    def _end(self) -> str:
        if not self._ended.is_set():
            return "let go of us"
        if self._code < 0:
            return f"was ended by {signal.Signals(-self._code).name}"
        return f"ended with status {self._code}"

    async def _give_up(self, *, is_orderly: bool) -> None:
        """End the new process.  One that says itself that it failed has time to answer what it has accepted."""
        if self._channel is None:
            return
        self._channel.close()
        self._channel = None
        if is_orderly:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), END_LIMIT)
            self._control.loop.call_later(self._gateway.plan_in_use.spec.shutdown.grace, self._kill, self._pid)
        else:
            self._kill(self._pid)
            await self._ended.wait()
        self._read_rest()
        self._close_pipe()

    def _kill(self, pid: int) -> None:
        if pid == self._pid and not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _read_rest(self) -> None:
        while self._pipe >= 0:
            before = len(self._output)
            self._read_output()
            if self._pipe >= 0 and len(self._output) == before:
                return


def command() -> list[str]:
    """What started us: the same interpreter and arguments, so that the code on the disk is loaded."""
    return [sys.executable, *sys.orig_argv[1:]]


def environment(environ: Any) -> dict[str, str]:
    """That of the successor: ours, with what the service manager says to whoever is its main process."""
    without = (OF_MANAGER - _FOR_SUCCESSOR) | {VARIABLE, "FASTGW_UPGRADE"}
    return {name: value for name, value in environ.items() if name not in without}


def _detail(reason: str, output: str) -> str:
    lines = ["the upgrade failed, the old gateway goes on", *reason.splitlines()]
    return "\n".join([*lines, *output.splitlines()[-10:]])
