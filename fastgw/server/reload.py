"""Changing the configuration under way, in two phases.

    load        in a thread, so that the admin address goes on answering
    plan        addresses that are new are bound, names get their counters
    prepare     every worker compiles the new configuration and says whether it can serve it
    commit      only when all said yes: new addresses listen, every worker swaps, old addresses close

Whatever fails before the commit leaves the old configuration in use, whole, and the log says why.  After it nothing
can be refused; a worker that does not follow is killed and comes back with the new configuration.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.errors import ConfigError
from fastgw.server.gateway import LoadReport, Plan
from fastgw.server.listening import Listening, bind_admin
from fastgw.server.messages import Committed, Prepared
from fastgw.server.notify import notify, reloading
from fastgw.server.workers import DEAD, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fastgw.config.spec import GatewaySpec
    from fastgw.server.gateway import Gateway
    from fastgw.server.log import Log

PREPARE_LIMIT = 30.0  #: seconds a worker may take to compile a configuration
COMMIT_LIMIT = 10.0  #: seconds a worker may take to begin to serve it


class Host(Protocol):
    """What a reload needs of whoever runs the gateway meanwhile (``control.Control``)."""

    gateway: Gateway
    log: Log
    loop: asyncio.AbstractEventLoop

    def spawn_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside; an exception that escapes it is logged."""

    def tell_warnings(self) -> None:
        """Log what the file that was read last is warned of."""

    def keep_sources(self) -> None:
        """Look up the names, and fetch the keys, of the configuration in use, and no others."""

    async def prepare_sources(self, spec: GatewaySpec) -> None:
        """Look up the names, and fetch the keys, that are new in ``spec``, as long as that may take."""

    async def move_admin(self, listenings: list[Listening]) -> None:
        """Serve the admin pages at other addresses, or nowhere."""

    async def silence(self, sockets: list[Any]) -> None:
        """Keep new connections away from ``sockets``, and wait for the handshakes under way."""

    def launch(self, worker: WorkerProcess) -> None:
        """Start a process for a place that has none."""

    def retire(self, workers: list[WorkerProcess], grace: float) -> None:
        """Have ``workers`` drain and end; kill those that do not."""


class Reload:
    """At most one change at a time; requests that come meanwhile are answered by one more."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._gateway = host.gateway
        self._log = host.log
        self.leaving: list[WorkerProcess] = []  #: workers that the new configuration has no place for
        self._is_running = False
        self._is_wanted = False
        self._answers: dict[WorkerProcess, asyncio.Future[tuple[str, ...]]] = {}
        self._generation = 0  # the one the answers are about

    def request(self) -> None:
        """Begin a reload, or note that another one is wanted after the present one."""
        self._is_wanted = True
        if not self._is_running:
            self._is_running = True
            self._host.spawn_task(self._run())

    # -- what the workers say -----------------------------------------------------------------------------------------

    def on_prepared(self, worker: WorkerProcess, message: Prepared) -> bool:
        """True if this answers a question of ours."""
        return message.generation == self._generation and self._answer(worker, message.problems)

    def on_committed(self, worker: WorkerProcess, message: Committed) -> None:
        """The worker serves the generation."""
        if message.generation == self._generation:
            self._answer(worker, ())

    def on_death(self, worker: WorkerProcess) -> None:
        """The worker's process ended."""
        self._answer(worker, (f"worker {worker.index} died while it prepared the configuration",))
        if worker in self.leaving:
            self.leaving.remove(worker)

    def _answer(self, worker: WorkerProcess, problems: tuple[str, ...]) -> bool:
        future = self._answers.get(worker)
        if future is None or future.done():
            return False
        future.set_result(problems)
        return True

    async def _all(self, workers: list[WorkerProcess], limit: float) -> dict[WorkerProcess, tuple[str, ...]]:
        """What the workers answered; one that says nothing within ``limit`` seconds has a problem."""
        if workers:
            await asyncio.wait([self._answers[worker] for worker in workers], timeout=limit)
        return {
            worker: self._answers[worker].result()
            if self._answers[worker].done()
            else (f"worker {worker.index} did not answer within {limit:g} s",)
            for worker in workers
        }

    def _ask(self, workers: list[WorkerProcess]) -> None:
        self._answers = {worker: self._host.loop.create_future() for worker in workers}

    # -- the reload ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._is_wanted and not self._gateway.is_draining:
                self._is_wanted = False
                notify(*reloading(), environ=self._gateway.environ)
                await self._once()
                status = f"STATUS=generation {self._gateway.generation}"
                notify("READY=1", status, environ=self._gateway.environ)
        finally:
            self._is_running = False

    async def _once(self) -> None:
        gateway, began = self._gateway, time.monotonic()
        try:
            spec = await asyncio.to_thread(gateway.load)
            plan = gateway.plan(spec)
            try:
                await self._host.prepare_sources(spec)
                admin = await self._prepare(plan)
            except BaseException:
                gateway.discard(plan)
                self._host.keep_sources()
                raise
        except ConfigError as error:
            gateway.reloads["refused"] += 1
            gateway.report = LoadReport(False, time.time(), tuple(error.problems))
            self._log.error(
                "the new configuration is refused, the old one stays",
                generation=gateway.generation,
                problems=error.problems,
            )
            return
        if gateway.is_draining:
            gateway.discard(plan)
            self._host.keep_sources()
            return
        for warning in plan.warnings:
            self._log.warning("an address is left out", reason=warning)
        await self._commit(plan, admin)
        gateway.reloads["ok"] += 1
        gateway.report = LoadReport(True, time.time())
        took = round(time.monotonic() - began, 3)
        self._log.info("a new configuration is in use", generation=plan.generation, seconds=took)
        self._host.tell_warnings()

    async def _prepare(self, plan: Plan) -> list[Listening]:
        """Ask every worker; return the sockets of a new admin address, bound, if there is one.  Raise ConfigError if one cannot."""
        gateway = self._gateway
        admin = self._bind_admin(plan)
        asked = [worker for worker in gateway.workers[: plan.count] if worker.is_alive]
        self._generation = plan.generation
        self._ask(asked)
        try:
            for worker in asked:
                gateway.prepare(worker, plan)
            answers = await self._all(asked, PREPARE_LIMIT)
            problems = dict.fromkeys(problem for found in answers.values() for problem in found)  # most find the same
            if problems:
                raise ConfigError(list(problems))
            for listening in plan.opened:
                listening.start()
        except ConfigError:
            for worker in asked:
                if worker.is_alive and worker.prepared == plan.generation:
                    gateway.abort(worker, plan)
            for listening in admin:
                listening.close()
            raise
        finally:
            self._answers = {}
        return admin

    def _bind_admin(self, plan: Plan) -> list[Listening]:
        spec, old = plan.spec.admin, self._gateway.plan_in_use.spec.admin
        if spec is None or spec == old:
            return []
        listenings, warnings = bind_admin(spec, lambda place: old is not None and place in old.places)
        plan.warnings += warnings
        return listenings

    async def _commit(self, plan: Plan, admin: list[Listening]) -> None:
        gateway = self._gateway
        is_admin_moved = plan.spec.admin != gateway.plan_in_use.spec.admin
        staying = gateway.workers[: plan.count]
        gateway.adopt(plan)  # before the workers close what is gone: the last one to close decides what is lost
        told = [worker for worker in staying if worker.is_alive]
        self._ask(told)
        for worker in told:
            gateway.commit(worker, plan)
        self._host.keep_sources()
        await self._resize(plan)
        answers = await self._all(told, COMMIT_LIMIT)
        self._answers = {}
        for worker, problems in answers.items():
            if problems and worker.is_alive:
                self._log.error("a worker does not follow and is replaced", worker=worker.index, problems=problems)
                worker.kill()
        if is_admin_moved:
            await self._host.move_admin(admin)

    async def _resize(self, plan: Plan) -> None:
        """Have as many workers as the new configuration says."""
        gateway, host = self._gateway, self._host
        leaving = gateway.workers[plan.count :]
        if leaving:
            del gateway.workers[plan.count :]
            gateway.retired += leaving  # their counts stay
            self.leaving += [worker for worker in leaving if worker.state != DEAD]
            sockets = [
                sock
                for listening in plan.listenings.values()
                if not listening.address.path
                for sock in listening.sockets[plan.count :]
            ]
            await host.silence(sockets)
            for listening in plan.listenings.values():
                listening.shrink(plan.count)
            host.retire(leaving, plan.spec.shutdown.grace)
        while len(gateway.workers) < plan.count:
            worker = gateway.place(len(gateway.workers))
            gateway.workers.append(worker)
            host.launch(worker)
