"""The supervisor once it runs: signals, the end and the return of workers, readiness, the stop.

Everything happens on one event loop that serves no traffic but the admin address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from fastgw.config.spec import GatewaySpec, ShutdownSpec
from fastgw.core.live.news import Logged, Recorded
from fastgw.errors import ConfigError
from fastgw.server import watch
from fastgw.server.admin import Admin, admin_context
from fastgw.server.admin_pages import of_gateway
from fastgw.server.binding import Plan
from fastgw.server.complaint import complain
from fastgw.server.escaped import ESCAPED, fields_of
from fastgw.server.gateway import Gateway
from fastgw.server.heir import Heir
from fastgw.server.listening import Listening
from fastgw.server.log import Log
from fastgw.server.messages import Asked, Committed, Prepared, Reopen, Report, Tailed, Wanted, Weighed
from fastgw.server.notify import notify, watchdog
from fastgw.server.operations import Operations
from fastgw.server.orders import Orders
from fastgw.server.reload import Outcome, Reload
from fastgw.server.sources import Sources
from fastgw.server.status import Pages
from fastgw.server.stopping import KILL_AFTER, Stopping
from fastgw.server.telling import cause, tell_ready
from fastgw.server.upgrade import Upgrade
from fastgw.server.watch import EVERY, Watch
from fastgw.server.workers import BLOCKED, HELD, READY, WorkerProcess, backoff

if TYPE_CHECKING:
    from fastgw.server.registering import Registering

START_LIMIT = watch.START_LIMIT + 2.0  #: seconds until every worker must have served; who hangs is told before
NOT_SHARED = "limits of all workers are not shared with the gateway before us"
START_DEATHS = 3  #: deaths of one worker before that: the start has failed


if TYPE_CHECKING:
    from fastgw.server.fleet import InFleet


class Control:
    """Runs one gateway to its end."""

    def __init__(self, gateway: Gateway, admin: list[Listening], log: Log) -> None:
        self.gateway = gateway
        self.log = log
        self.pages = Pages(gateway)
        self._reload = Reload(self)
        self._upgrade = Upgrade(self, self._reload)
        self.stopping = Stopping(self, self._upgrade, self._reload)
        self._heir = Heir(self, gateway.handed) if gateway.handed is not None else None
        orders = Orders(gateway, self.pages.document, self.reload_now, self.stop, self._upgrade.run).answers
        self.admin = Admin(of_gateway(self.pages, orders, log), log)
        self.admin_listening = admin
        self.pages.guard = self._reload.guard
        self._sources = Sources(gateway, log, self.pages.counted, self._reload.wait)
        self._operations = Operations(gateway, log, orders, self.admin.http)
        self._watch = Watch(gateway, log)
        self._in_fleet = self._join_fleet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_failed = False  # to start
        self.is_reload_wanted = False

    def _join_fleet(self) -> InFleet | None:
        if self.gateway.membership is None:
            return None
        from fastgw.server.fleet import InFleet

        found = InFleet(self.gateway, self._reload.wait, self.log)
        self.pages.fleet = found.document
        return found

    async def serve(self) -> int:
        """Return the exit status when all is done."""
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(self._on_exception)
        done = self.stopping.begin()
        for number, handler in (
            (signal.SIGTERM, self.stop),
            (signal.SIGINT, self.stop),
            (signal.SIGQUIT, self.stopping.stop_now),
            (signal.SIGHUP, self.request_reload),
            (signal.SIGUSR1, self.reopen_logs),
            (signal.SIGUSR2, lambda: self.spawn_task(self._upgrade.on_signal())),
            (signal.SIGCHLD, self._reap),
        ):
            self.loop.add_signal_handler(number, handler)
        self._upgrade.forget_early_signal()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
        for worker in self.gateway.workers:
            self.attach(worker)
        self._reap()  # deaths from before there was a handler
        if problem := self.gateway.board.problem:
            self.log.warning(NOT_SHARED, predecessor=self.gateway.predecessor, reason=problem)
        self.tell_warnings()
        self.keep_sources()
        for warning in self.gateway.plan_in_use.warnings:
            self.log.warning("an address is left out", reason=warning)
        await (self._open_admin() if self._heir is None else self._heir.start())
        self._look()
        limit = self.loop.call_later(
            START_LIMIT, self.start_failed, f"not every worker is ready after {START_LIMIT:g} s"
        )
        try:
            status = await done
            await self._sources.finish()
            return status
        finally:
            limit.cancel()
            signal.pthread_sigmask(signal.SIG_BLOCK, {*BLOCKED, signal.SIGCHLD})  # the loop gives up its handlers now
            self.stopping.is_stopping = True
            for worker in (*self.gateway.workers, *self.gateway.arriving, *self._reload.leaving):
                worker.kill()
            for task in self._tasks:
                task.cancel()
            self._sources.close()
            self._upgrade.close()
            await self.admin.stop()
            await self._operations.stop()

    async def _open_admin(self) -> None:
        """Serve the admin address, and tell the service manager that we live."""
        spec = self.gateway.plan_in_use.spec.admin
        try:
            self.admin.admit(spec, admin_context(spec))
        except ConfigError as error:
            self.start_failed(*error.problems)
        await self.admin.start(self.admin_listening)
        if seconds := watchdog(self.gateway.environ):
            self._stroke(seconds / 2)

    async def take_place(self) -> None:
        """The place of the gateway before us is ours."""
        await self._open_admin()
        await self._operations.keep()
        self._check_started()

    def tell_warnings(self) -> None:
        """Log what the file that was read last is warned of."""
        if self.gateway.warnings:
            self.log.warning("the configuration has warnings", warnings=self.gateway.warnings)

    def spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside; an exception that escapes it is logged."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.log.error("a task of the supervisor failed", error=repr(error))

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What no callback caught is a bug."""
        self.log.error(ESCAPED, **fields_of(context))

    # -- what is kept beside the workers ------------------------------------------------------------------------------

    def keep_sources(self) -> None:
        """Keep the names, keys, links and versions that the configuration in use has, and no others."""
        self._sources.keep()
        if self._heir is None or self._heir.is_owner:
            self.spawn_task(self._operations.keep())

    async def prepare_sources(self, spec: GatewaySpec) -> None:
        """Begin with those that are new in ``spec``."""
        await self._sources.prepare(spec)

    # -- workers ------------------------------------------------------------------------------------------------------

    def attach(self, worker: WorkerProcess) -> None:
        """Listen to what a worker says."""
        assert worker.channel is not None
        worker.channel.attach(self.loop, partial(self._on_message, worker), partial(self._on_end, worker, worker.pid))

    def launch(self, worker: WorkerProcess) -> None:
        """Start a process for ``worker``, later if the system has no room now."""
        if self.stopping.is_stopping or worker.is_retiring or worker.pid:
            return
        try:
            self.gateway.launch(worker)
        except OSError as error:
            self.log.error("a worker cannot be started", worker=worker.index, error=str(error))
            worker.quick_deaths += 1
            self.loop.call_later(max(backoff(worker.quick_deaths), 1.0), self.launch, worker)
            return
        self.attach(worker)

    def audition(self, worker: WorkerProcess, plan: Plan) -> None:
        """Start a process that prepares ``plan``, and whose end is no accident; raise OSError."""
        self.gateway.start(worker, plan)
        worker.is_retiring = True
        self.attach(worker)

    def _on_message(self, worker: WorkerProcess, message: object, fds: list[int]) -> None:
        for fd in fds:  # workers send none
            os.close(fd)
        if isinstance(message, Prepared):
            is_heard = self._heir is not None and self._heir.on_prepared(worker, message)
            if not is_heard and not self._reload.on_prepared(worker, message) and message.problems:
                if not self.gateway.is_started:
                    self.start_failed(*message.problems)
                else:
                    self.log.error(
                        "a worker cannot use the configuration", worker=worker.index, problems=message.problems
                    )
        elif isinstance(message, Report):
            self._on_report(worker, message)
        elif isinstance(message, Wanted | Asked | Recorded | Logged | Tailed):
            self._sources.hear(message)
        elif isinstance(message, Weighed):
            self._operations.on_weighed(worker, message.serial)
        elif isinstance(message, Committed):
            worker.generation = message.generation
            if not worker.is_retiring:
                worker.state = READY
            self._reload.on_committed(worker, message)
            self._check_started()

    def _on_report(self, worker: WorkerProcess, report: Report) -> None:
        self.pages.lost_logs.learn(worker.index, report.losses)
        self.gateway.knowledge.hear(worker, report, self.log)

    def _look(self) -> None:
        self._watch.look(time.monotonic())
        self.pages.tick(self.log)
        self._sources.look()
        self._reload.look(time.monotonic())
        self._give_back()
        self.loop.call_later(EVERY, self._look)

    def _stroke(self, pause: float) -> None:
        """Tell the manager's watchdog that this loop turns, now and every ``pause`` seconds."""
        notify("WATCHDOG=1", environ=self.gateway.environ)
        self.loop.call_later(pause, self._stroke, pause)

    def _give_back(self) -> None:
        if places := self.gateway.give_back():
            self.log.warning("places that dead workers held are free again", places=places)

    def _on_end(self, worker: WorkerProcess, pid: int) -> None:
        """The worker closed its channel: it is about to end, and is made to if it hangs."""

        def make_sure() -> None:
            if worker.pid == pid:
                worker.kill()

        self.loop.call_later(KILL_AFTER, make_sure)

    def _reap(self) -> None:
        for worker in [*self.gateway.workers, *self.gateway.arriving, *self._reload.leaving]:
            pid, age = worker.pid, time.monotonic() - worker.started
            code = worker.reaped()
            if code is not None:
                self._on_death(worker, pid, age, code)
        self._upgrade.reap()

    def _on_death(self, worker: WorkerProcess, pid: int, age: float, code: int) -> None:
        was_dismissed = worker.is_retiring and worker in self.gateway.arriving
        self.gateway.settle(worker)
        self._give_back()
        self._reload.on_death(worker)
        if self._has_failed:
            return
        if worker.is_retiring and not self.stopping.is_stopping and self.gateway.is_last_of(worker):
            self.gateway.knowledge.findings.forget(
                worker.index, self.log
            )  # else its successor says what it finds itself
        fields = {"worker": worker.index, "exited": pid, "age": round(age, 3), **cause(code), **worker.where()}
        if self.stopping.is_stopping or worker.is_retiring:
            if code and not was_dismissed:
                self.log.warning("a worker did not end cleanly", **fields)
            self.check_stopped()
            return
        is_heir = self._heir is not None and not self._heir.is_owner
        if not self.gateway.is_started and (is_heir or worker.quick_deaths >= START_DEATHS):
            self.start_failed(f"worker {worker.index} died {worker.quick_deaths} times: {fields}")
            return
        delay = backoff(worker.quick_deaths)
        worker.restarts += 1
        self.log.error("a worker died and is started again", **fields, restarts=worker.restarts, delay=delay)
        if delay:
            self.loop.call_later(delay, self.launch, worker)
        else:
            self.launch(worker)

    # -- start --------------------------------------------------------------------------------------------------------

    def _check_started(self) -> None:
        gateway = self.gateway
        if gateway.is_started or not all(worker.state == READY for worker in gateway.workers):
            return
        if self._heir is not None and not self._heir.ready():
            return
        gateway.is_started = True
        gateway.report.when = time.time()
        tell_ready(gateway, self.admin_listening, self.log)
        self._sources.register()
        if gateway.predecessor and self._heir is None:
            if gateway.registering is None:
                self._stop_predecessor()
            else:
                self.spawn_task(self._stop_registered_predecessor(gateway.registering))
        if self.is_reload_wanted:
            self._reload.request("signal")
        if self._in_fleet is not None:
            self._in_fleet.begin()

    def _stop_predecessor(self) -> None:
        """Tell the gateway before us to stop."""
        predecessor = self.gateway.predecessor
        self.log.info("ready, so the gateway before us is told to stop", predecessor=predecessor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(predecessor, signal.SIGTERM)

    async def _stop_registered_predecessor(self, registering: Registering) -> None:
        """The same; what it has registered is ours first, if that takes no longer than a second."""
        await registering.settled(1.0)
        self._stop_predecessor()

    def start_failed(self, *problems: str) -> None:
        if self.gateway.is_started or self.stopping.done.done():
            return
        self._has_failed = True
        notify(f"STATUS=not started: {problems[0]}", environ=self.gateway.environ)
        complain(self.gateway.path, list(problems))
        if self._heir is not None:
            self._heir.fail(problems)
        if self._heir is not None and self._heir.has_committed and not self.stopping.is_stopping:
            self.stopping.status = 1
            self.stop()  # what our workers have accepted is answered
        else:
            self.stopping.finish(1)

    # -- reload -------------------------------------------------------------------------------------------------------

    def request_reload(self) -> None:
        """SIGHUP."""
        if not self.gateway.is_started:
            self.is_reload_wanted = True  # the file may have changed since it was read
        elif self.gateway.is_upgrading:
            self.is_reload_wanted = True
        elif not (self.stopping.is_stopping or self.gateway.is_draining):
            self._reload.request("signal")

    async def reload_now(self, *, is_forced: bool = False) -> Outcome:
        """Load the file again, and return how that went when it is done; not before the start is, or in a drain."""
        return await self._reload.wait("command", is_forced=is_forced)

    async def move_admin(self, listenings: list[Listening]) -> None:
        """Serve the admin pages at other addresses, or nowhere."""
        old, self.admin_listening = self.admin_listening, listenings
        await self.admin.leave()
        for listening in old:
            listening.close()
        for listening in listenings:
            listening.start()
        await self.admin.start(listenings)

    # -- logs ---------------------------------------------------------------------------------------------------------

    def reopen_logs(self) -> None:
        """SIGUSR1: log files have been rotated away; each worker opens those it has again, and says if it cannot."""
        there = (*self.gateway.workers, *self.gateway.arriving, *self._reload.leaving)
        told = [worker for worker in there if worker.is_alive]
        for worker in told:
            assert worker.channel is not None
            worker.channel.send(Reopen())
        self.log.info("the workers open their logs again", signal="SIGUSR1", workers=len(told))

    # -- upgrade ------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Change nothing while a successor starts: it begins with what is now."""
        self._operations.pause()

    def resume(self) -> None:
        """There is no successor: go on."""
        self.spawn_task(self._operations.keep())
        if self.is_reload_wanted:
            self.is_reload_wanted = False
            self._reload.request("signal")

    # -- stop ---------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """SIGTERM, SIGINT: finish what is under way, within the grace; the second time: now."""
        if self._in_fleet is not None:
            self.spawn_task(self._in_fleet.leave(has_successor=self._upgrade.has_successor))
        self.stopping.stop()

    def retire(self, workers: list[WorkerProcess], graces: ShutdownSpec) -> None:
        """Have ``workers`` drain and end; kill those that do not."""
        self.stopping.retire(workers, graces)

    def check_stopped(self) -> None:
        """End if all that a stop waits for has ended."""
        self.stopping.check()
