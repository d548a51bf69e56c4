"""What a worker process does: it receives configurations and serves them.

It imports the data plane at once, while the supervisor still reads the configuration, then does what it is told over
the channel (``messages``).  It never reads the configuration file: neither pydantic nor yaml is ever imported here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import uvloop

from fastgw import imported
from fastgw.core.dataplane import DataPlane
from fastgw.filters.log_file import FILES
from fastgw.server.accepting import Acceptance
from fastgw.server.channel import Channel
from fastgw.server.collecting import Collecting
from fastgw.server.escaped import ESCAPED, fields_of
from fastgw.server.leaving import Leaving
from fastgw.server.log import Log
from fastgw.server.losses import LossReport
from fastgw.server.messages import Abort, Commit, Committed, Drain, Endpoints, Prepare, Prepared, Reopen, Weigh
from fastgw.server.planes import data_plane, prepared
from fastgw.server.reports import Reports
from fastgw.server.slices import Superseded, in_slices
from fastgw.server.standby import HeardLists, Standby
from fastgw.server.terms import terms_of
from fastgw.server.told import KINDS, SourceNews
from fastgw.server.workers import BLOCKED
from fastgw.steps import Steps, whole

LOSSES_EVERY = 1.0  #: seconds between two looks for lines that a log has lost
CLOSE_SECONDS = 5.0  #: for services of this process to close what they have open


NEWS = (Endpoints, *KINDS, Reopen)  #: what does not wait for the end of a slice of something else

T = TypeVar("T")


class Worker:
    """Receives configurations and serves them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, channel: Channel, index: int) -> None:
        self.loop = loop
        self.channel = channel
        self.log = Log(f"worker {index}")
        self.status = 0
        self._plane: DataPlane | None = None
        self._standby: Standby | None = None
        self._lists = HeardLists()
        self._acceptance: Acceptance | None = None  # there with the plane
        self._messages: deque[tuple[object, list[int]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._losses = LossReport(self.log, loop.time, channel.send)
        self._collecting: Collecting | None = None
        self._leaving = Leaving(loop)
        self._reports = Reports(loop, channel.send)
        self._told = SourceNews(channel.send)
        self._is_draining = False
        self._graces = Drain(0.0)
        loop.set_exception_handler(self._on_exception)
        channel.attach(loop, self._on_message, self._on_end)

    @property
    def _is_serving(self) -> bool:
        return self._acceptance is not None and bool(self._acceptance.at_work)

    # -- what the supervisor says -------------------------------------------------------------------------------------

    def _on_message(self, message: object, fds: list[int]) -> None:
        self._messages.append((message, fds))
        if self._task is None:
            self._task = self.loop.create_task(self._work())

    def _on_end(self) -> None:
        """The supervisor is gone: finish what is under way, then go too."""
        if not self._is_serving:
            self.stop()
        else:
            self._on_message(self._graces, [])

    async def _work(self) -> None:
        """Do what was asked, one after the other."""
        try:
            while self._messages:
                message, fds = self._messages.popleft()
                if isinstance(message, NEWS):
                    self._hear(message)
                elif isinstance(message, Prepare):
                    await self._prepare(message, fds)
                elif isinstance(message, Commit):
                    await self._commit(message)
                elif isinstance(message, Abort):
                    await self._abort()
                elif isinstance(message, Weigh):
                    from fastgw.server.weighing import weigh  # which a worker without versions does not need

                    self.channel.send(weigh(message, self._plane, self._standby))
                elif isinstance(message, Drain):
                    await self.drain(message)
        except Exception as error:  # noqa: BLE001  a worker in an unknown state must not serve
            self.log.error("the worker gives up", error=repr(error), traceback=traceback.format_exc())
            self.status = 1
            self.stop()
        finally:
            self._task = None

    def _hear(self, message: object) -> None:
        if isinstance(message, Endpoints):
            self._learn(message)
        elif isinstance(message, KINDS):
            self._told.learn(message, self._plane)
        else:
            self.reopen_logs()

    async def _in_time(self, steps: Steps[T], check: Callable[[], None] | None = None) -> T:
        """Do all of ``steps``: at once where nobody is served yet, else in slices, between which news are heard."""
        return await in_slices(steps, time.monotonic, check or self._catch_up) if self._is_serving else whole(steps)

    def _catch_up(self) -> None:
        while self._messages and isinstance(self._messages[0][0], NEWS):
            self._hear(self._messages.popleft()[0])

    def _look_up(self) -> None:
        """Hear the news, and raise Superseded if what is prepared is not wanted any more."""
        self._catch_up()
        if any(isinstance(message, Abort | Drain) for message, _ in self._messages):
            raise Superseded

    def _learn(self, message: Endpoints) -> None:
        if self._plane is not None:
            self._plane.learn(message.answers)
            self._lists.take(message.lists, self._plane, self._standby)
            self._plane.hear(message.findings)

    async def _prepare(self, message: Prepare, fds: list[int]) -> None:
        try:
            self._lists.begin()
            if message.has_memory:
                self._plane = self._make_plane(fds.pop(0), fds.pop(0))
                self._acceptance = Acceptance(self._plane, self.log)
                self._look_at_losses()
            plane, acceptance = self._plane, self._acceptance
            assert plane is not None and acceptance is not None
            acceptance.hold(message.sockets, fds)
            if changed := imported.changed():
                await self._abort()
                self.channel.send(Prepared(message.generation, changed=changed))
                return
            spec, snapshot = await self._in_time(prepared(message, plane), self._look_up)
            self._lists.complete(snapshot)
            terms = {one.name: found for one in spec.listeners if (found := terms_of(one)) is not None}
            await plane.open(snapshot)
            plane.prepare(snapshot)
            self._standby = Standby(message.generation, spec, snapshot, terms)
            changed_services = await self._in_time(plane.arrange(snapshot), self._look_up)
        except Superseded:
            await self._abort()
            return
        except Exception as error:  # noqa: BLE001  the supervisor decides what follows
            if not isinstance(error, OSError):
                self.log.error("compiling failed", error=repr(error), traceback=traceback.format_exc())
            await self._abort()
            problem = str(error) if isinstance(error, OSError) else f"cannot be compiled: {error}"
            self.channel.send(Prepared(message.generation, (problem,)))
            return
        self._standby = Standby(message.generation, spec, snapshot, terms, changed_services)
        self._graces = Drain(spec.shutdown.grace, spec.shutdown.stream_grace)
        self.channel.send(Prepared(message.generation))

    def _make_plane(self, slab_fd: int, board_fd: int) -> DataPlane:
        plane = data_plane(self.loop, slab_fd, board_fd, self._on_plane_log)
        plane.on_standing = self._reports.on_standing
        plane.on_finding = self._reports.on_finding
        plane.offer = self.channel.offer
        return plane

    async def _abort(self) -> None:
        await self._in_time(self._forget())

    def _forget(self) -> Steps[None]:
        """Nothing is left of what was prepared, or is being prepared."""
        standby, self._standby = self._standby, None
        if self._plane is not None:
            if standby is not None:
                yield from self._plane.discard(standby.snapshot)
                self._leaving.let_go(standby.snapshot, standby.spec)
            else:
                yield from self._plane.forget_unused()
        if self._acceptance is not None:
            self._acceptance.drop_unused()

    async def _commit(self, message: Commit) -> None:
        standby, plane, acceptance = self._standby, self._plane, self._acceptance
        if standby is None or standby.generation != message.generation or plane is None or acceptance is None:
            if not self._is_serving:  # there is nothing else to serve
                self.status = 1
                self.stop()
            return
        is_first = not self._is_serving
        self._standby = None
        wanted = {key: listener for listener in standby.spec.listeners for key in listener.bind.keys}
        await acceptance.leave(wanted)
        former = plane.swap(standby.snapshot, standby.changed)
        self._told.retain(standby.spec)
        self.log.pass_on(standby.spec.telemetry, self.channel.offer)
        for address, listener in wanted.items():
            await acceptance.accept(address, listener, standby.terms.get(listener.name))
        if is_first:
            self._settle_memory(plane)
        self.channel.send(Committed(message.generation))
        await self._in_time(plane.tidy(former))
        if self._collecting is not None:
            self._collecting.keep(plane.snapshot)
        self._leaving.let_go(former, standby.spec)

    # -- logs ---------------------------------------------------------------------------------------------------------

    def reopen_logs(self) -> None:
        """Open every log file again: a rotation has moved it.  One that cannot be opened stays the file it was."""
        for path, error in FILES.reopen().items():
            self.log.error("a log cannot be opened again, the old file stays in use", path=path, error=str(error))

    def _look_at_losses(self) -> None:
        if self._plane is not None:
            self._losses.look(self._plane.values)
            self.loop.call_later(LOSSES_EVERY, self._look_at_losses)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def drain(self, graces: Drain) -> None:
        """Accept what waits, then no more; end when nothing is under way, or when the time for it is over (``server.draining``).

        A connection that looks idle may have a request on its way: one accepted a moment ago, or one whose client is busy.
        So at first answers only say ``Connection: close``, and what is idle is closed a moment later (``Acceptance.pause``).
        """
        plane, acceptance = self._plane, self._acceptance
        if self._is_draining or plane is None or acceptance is None:
            return
        self._is_draining = True
        from fastgw.server.draining import Draining  # which nobody needs before

        Draining(self.loop, plane, self.stop).begin(graces)
        plane.is_draining = True  # first: who is accepted now is answered before the last listener is closed
        await acceptance.stop()

        def begin() -> None:
            acceptance.close_openings()
            plane.on_idle = self.stop
            plane.drain()

        self.loop.call_later(acceptance.pause, begin)

    def ask_drain(self) -> None:
        """SIGTERM: as if the supervisor had said it."""
        self._on_message(self._graces, [])

    def stop(self) -> None:
        """Leave the loop; what is still open is cut."""
        self.loop.stop()

    def close(self) -> None:
        """After the loop: end the data plane."""
        if self._plane is not None:
            self._plane.on_idle = None
            whole(self._forget())  # a configuration that was prepared has its files open too
            self._leaving.close()
            self._plane.close()
            self._plane.seat.board.close()
            if self._plane.snapshot.inside:
                from fastgw.adapters.instance import INSTANCES

                self.loop.run_until_complete(INSTANCES.settle(CLOSE_SECONDS))
            if self._collecting is not None:
                self._collecting.close()
            FILES.finish()
            self._losses.look(self._plane.values, is_last=True)
            self._plane = None
        self.channel.close()

    def _settle_memory(self, plane: DataPlane) -> None:
        self._collecting = Collecting(plane)
        self._collecting.settle()

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    def _on_plane_log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        error = fields.get("error")
        if isinstance(error, BaseException):
            fields |= {"error": repr(error), "traceback": "".join(traceback.format_exception(error))}
        self.log.limited(event, level, **fields)

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no callback caught is a bug."""
        self.log.limited(ESCAPED, **fields_of(context))


def serve(fd: int, index: int) -> int:
    """Run the worker of file descriptor ``fd`` and index ``index``; return its exit status."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(loop, Channel(socket.socket(fileno=fd)), index)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2):  # the supervisor's, if anybody's
        signal.signal(number, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, worker.ask_drain)
    loop.add_signal_handler(signal.SIGUSR1, worker.reopen_logs)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
    try:
        loop.run_forever()
    finally:
        worker.close()
    return worker.status
