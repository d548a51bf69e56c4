"""Changing the configuration under way, in two phases.

    load        in a thread, so that the admin address goes on answering
    rehearse    where that is asked for: requests that were recorded are led through it, in a process (``server.rehearsing``)
    plan        addresses that are new are bound, names get their counters
    prepare     every worker compiles the new configuration and says whether it can serve it; where code that it has imported has changed,
                a new process does so instead (``server.rolling``)
    commit      only when all said yes: new addresses listen, every worker swaps, old addresses close

Whatever fails before the commit leaves the old configuration in use, whole, and the log says why.  After it nothing
can be refused; a worker that does not follow is killed and comes back with the new configuration.  Where a guard is asked
for, and finds that it does harm, the configuration before comes back in the same way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.config.listed import without_sources
from fastgw.errors import ConfigError
from fastgw.server.admin import admin_context
from fastgw.server.answers import Answers
from fastgw.server.binding import Plan
from fastgw.server.history import LoadReport
from fastgw.server.left import are_there, suspects, together
from fastgw.server.listening import Listening, bind_admin, silence
from fastgw.server.messages import Committed, Prepared
from fastgw.server.notify import notify, reloading
from fastgw.server.pieces import cut
from fastgw.server.rehearsing import PASSED, RehearsalRefused, Rehearsing
from fastgw.server.reload_guard import HELD, WENT_BACK, Former, Guarded, ReloadGuard, Verdict, counts_of
from fastgw.server.rolling import Rolling
from fastgw.server.workers import DEAD, WorkerProcess

if TYPE_CHECKING:
    import ssl

    from fastgw.config.bind_spec import BindSpec
    from fastgw.config.loaded_files import LoadedFiles
    from fastgw.config.spec import GatewaySpec
    from fastgw.server.gateway import Gateway
    from fastgw.server.host import Host

PREPARE_LIMIT = 30.0  #: seconds a worker may take to compile a configuration
COMMIT_LIMIT = 10.0  #: seconds a worker may take to begin to serve it


class _Agreed(NamedTuple):
    """What is there before the commit, beside what the workers have prepared."""

    admin: list[Listening]  #: sockets of a new admin address, bound
    context: ssl.SSLContext | None  #: of its TLS
    newcomer: WorkerProcess | None  #: a new process that has prepared instead of the workers, whose code is old
    changed: tuple[str, ...]  #: modules of that code


class Outcome(NamedTuple):
    """How one reload went."""

    ok: bool
    problems: tuple[str, ...] = ()  #: why it is refused, each with its line
    guard: asyncio.Future[Verdict] | None = None  #: how its guard ends, if it has one
    rehearsal: Mapping[str, Any] | None = None  #: how it did with recorded requests, if it was tried on any


class Reload:
    """At most one change at a time; requests that come meanwhile are answered by one more."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._gateway = host.gateway
        self._log = host.log
        self.leaving: list[WorkerProcess] = []  #: workers that the new configuration has no place for
        self._is_running = False
        self._wanted_by: dict[str, None] = {}  # each once; empty: no other one is wanted
        self._is_forced = False  # the next one: whatever its rehearsal says
        self._rehearsing = Rehearsing()
        self._harmful: Guarded | None = None  # what is to be gone back from
        self._files: LoadedFiles | None = None  # of what is in use; None: nothing was loaded since the start
        self._left: dict[
            str, str
        ] = {}  # files by which the one on the disk is the one that was gone back from (``server.left``)
        self.guard = ReloadGuard(partial(counts_of, self._gateway))
        self._waiting: list[asyncio.Future[Outcome]] = []  # who is told how the next one goes
        self._answers = Answers()
        self._rolling = Rolling(host, self._answers, self.leaving)

    @property
    def is_running(self) -> bool:
        """Is one under way?"""
        return self._is_running

    def request(self, by: str) -> None:
        """Begin a reload, or note that another one is wanted after the present one; ``by``: as in ``LoadReport``."""
        self._wanted_by[by] = None
        if not self._is_running:
            self._is_running = True
            self._host.spawn_task(self._run())

    def look(self, now: float) -> None:
        """Once in a while: judge what is under guard.  ``now``: ``time.monotonic``."""
        if not self._is_running and not self._gateway.is_draining:
            self._harmful = self.guard.look(self._gateway.plan_in_use.spec.reload, now)
            if self._harmful is not None:
                self._is_running = True
                self._host.spawn_task(self._run())

    async def wait(self, by: str, *, is_forced: bool = False) -> Outcome:
        """Request a reload, and return how it went: one that begins after this, so that it reads the file as it is now.

        ``is_forced``: it is not refused for what a rehearsal finds.
        """
        self._is_forced = self._is_forced or is_forced
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(told)
        self.request(by)
        return await told

    # -- what the workers say -----------------------------------------------------------------------------------------

    def on_prepared(self, worker: WorkerProcess, message: Prepared) -> bool:
        """True if this answers a question of ours."""
        return self._answers.give(worker, message)

    def on_committed(self, worker: WorkerProcess, message: Committed) -> None:
        """The worker serves the generation."""
        self._answers.give(worker, Prepared(message.generation))

    def on_death(self, worker: WorkerProcess) -> None:
        """The worker's process ended."""
        self._answers.die(worker)
        if worker in self.leaving:
            self.leaving.remove(worker)
        if worker in self._gateway.arriving and worker.is_retiring:
            self._gateway.give_up(worker)

    # -- the reload ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while (self._wanted_by or self._harmful is not None) and not self._gateway.is_draining:
                notify(*reloading(), environ=self._gateway.environ)
                harmful, self._harmful = self._harmful, None
                if harmful is not None:
                    await self._go_back(harmful)
                else:
                    by, self._wanted_by = ", ".join(self._wanted_by), {}
                    waiting, self._waiting = self._waiting, []
                    is_forced, self._is_forced = self._is_forced, False
                    outcome = _FAILED
                    try:
                        outcome = await self._once(by, is_forced=is_forced)
                    finally:
                        _tell(waiting, outcome)
                notify("READY=1", f"STATUS={self._outcome()}", environ=self._gateway.environ)
        finally:
            self._is_running = False
            waiting, self._waiting = self._waiting, []
            _tell(waiting, _DRAINING if self._gateway.is_draining else _FAILED)

    def _outcome(self) -> str:
        """How the last reload went, for ``systemctl status``."""
        in_use, report = f"generation {self._gateway.generation}", self._gateway.report
        if report.ok:
            return in_use
        return f"{in_use}, since {'' if report.went_back else 'the last reload was refused: '}{report.problems[0]}"

    async def _once(self, by: str, *, is_forced: bool) -> Outcome:
        gateway, began = self._gateway, time.monotonic()
        if by == "watch" and await asyncio.to_thread(are_there, self._left):
            return await self._renew(by)
        former = Former(gateway.plan_in_use.spec, gateway.warnings, self._files_in_use())
        rehearsal: Mapping[str, Any] | None = None
        try:
            spec = await asyncio.to_thread(gateway.load)
            rehearsal = await self._rehearse(former.spec, spec, is_forced=is_forced)
            before = self.guard.baseline(spec.reload, time.monotonic())
            plan = await self._use(spec)
        except ConfigError as error:
            return self._refuse(error, by, error.found.document() if isinstance(error, RehearsalRefused) else rehearsal)
        if plan is None:
            return _DRAINING
        gateway.reloads["ok"] += 1
        gateway.report = LoadReport(True, time.time(), rehearsal=rehearsal, by=by)
        self._host.spawn_task(gateway.history.done(plan.generation, former.spec, spec, by))
        self._files, self._left = _files_of(gateway), {}
        took = round(time.monotonic() - began, 3)
        guard = self.guard.begin(spec.reload, former, self._files, before, time.monotonic())
        fields = {} if guard is None else {"guard": spec.reload.guard}
        self._log.info("a new configuration is in use", by=by, generation=plan.generation, seconds=took, **fields)
        self._host.tell_warnings()
        return Outcome(True, guard=guard, rehearsal=rehearsal)

    async def _rehearse(self, old: GatewaySpec, new: GatewaySpec, *, is_forced: bool) -> Mapping[str, Any] | None:
        """How ``new`` does with recorded requests, if that is asked for; raises RehearsalRefused if it does badly."""
        found = await self._rehearsing.rehearse(old, new, is_forced=is_forced)
        if found is None:
            return None
        if found.problems:
            raise RehearsalRefused(found)
        tell = self._log.info if found.state == PASSED else self._log.warning
        tell("a new configuration was rehearsed", state=found.state, reason=found.reason, **found.told())
        return found.document()

    def _refuse(self, error: ConfigError, by: str, rehearsal: Mapping[str, Any] | None = None) -> Outcome:
        gateway = self._gateway
        gateway.reloads["refused"] += 1
        gateway.report = LoadReport(False, time.time(), tuple(error.problems), rehearsal=rehearsal, by=by)
        gateway.history.refused(gateway.generation, error.problems, by)
        event = "the new configuration is refused, the old one stays"
        self._log.error(event, by=by, generation=gateway.generation, problems=error.problems)
        return Outcome(False, tuple(error.problems), rehearsal=rehearsal)

    def _files_in_use(self) -> LoadedFiles:
        if self._files is None:
            self._files = _files_of(self._gateway)
        return self._files

    async def _renew(self, by: str) -> Outcome:
        """Files have changed, but the configuration on the disk is the one that was left: have the one in use read its files again.

        It has no guard: to go back would be to read the same files once more.
        """
        gateway = self._gateway
        former = gateway.plan_in_use.spec
        try:
            spec = await asyncio.to_thread(gateway.load, content=self._files_in_use().content)
            files = _files_of(gateway)
            plan = await self._use(spec)
        except ConfigError as error:
            return self._refuse(error, by)
        finally:
            gateway.loaded_files = together(self._files_in_use().files, _files_of(gateway).files, self._left)
        if plan is None:
            return _DRAINING
        self._files = files
        gateway.reloads["ok"] += 1  # the report stays: what is on the disk is not in use
        self._host.spawn_task(gateway.history.done(plan.generation, former, spec, by))
        event = (
            "the configuration in use has read its files again; the one that was left is not tried before it changes"
        )
        self._log.warning(event, by=by, generation=plan.generation, left=list(self._left))
        return Outcome(True)

    async def _go_back(self, harmful: Guarded) -> None:
        """Use what was in use before, which is on no disk any more; the file stays as it is, and the next reload reads it."""
        gateway, left = self._gateway, self._gateway.generation
        why = self.guard.why(harmful)
        reason = f"generation {left} was left again: {why['reason']}"
        try:
            plan = await self._use(harmful.former.spec)
        except ConfigError as error:
            event = "the new configuration makes more errors, and the one before cannot be used any more"
            self._log.error(event, generation=left, **why, problems=error.problems)
            self.guard.finish(Verdict(HELD, f"{why['reason']}; but {error.problems[0]}"), time.monotonic())
            return
        if plan is None:
            return
        gateway.reloads["went_back"] += 1
        gateway.warnings = harmful.former.warnings
        self._stay_away(harmful)
        gateway.report = LoadReport(False, time.time(), (reason,), went_back=True, by="guard")
        gateway.history.refused(plan.generation, [reason], "guard")
        event = "the new configuration made more errors, the one before is in use again"
        self._log.error(event, generation=plan.generation, left=left, **why)
        self.guard.finish(Verdict(WENT_BACK, reason), time.monotonic())

    def _stay_away(self, harmful: Guarded) -> None:
        """Files that are watched change what is in use from now on, and do not bring ``harmful`` back."""
        before = self._files = harmful.former.files
        if before.content:  # else it could not be loaded again
            self._left = suspects(harmful.files, before)
            self._gateway.loaded_files = together(before.files, _files_of(self._gateway).files)

    async def _use(self, spec: GatewaySpec) -> Plan | None:
        """Have every worker serve ``spec``; None: the gateway drains instead.  Raise ConfigError, and all stays as it is."""
        gateway = self._gateway
        plan = gateway.plan(spec)
        try:
            await self._host.prepare_sources(spec)
            ready = await self._prepare(plan)
        except BaseException:
            gateway.discard(plan)
            self._host.keep_sources()
            raise
        if gateway.registering is not None:
            await gateway.registering.part(plan)
        if gateway.is_draining:
            if ready.newcomer is not None:
                self._rolling.dismiss(ready.newcomer)
            gateway.discard(plan)
            self._host.keep_sources()
            return None
        for warning in plan.warnings:
            self._log.warning("an address is left out", reason=warning)
        if ready.changed:
            self._log.info("code has changed, so the workers are replaced", modules=ready.changed)
        await self._commit(plan, ready)
        return plan

    async def _prepare(self, plan: Plan) -> _Agreed:
        """Ask every worker, and where their code is old, a new one; raise ConfigError if one cannot."""
        gateway = self._gateway
        gateway.lists.complete(plan)
        plan.pieces = await asyncio.to_thread(cut, without_sources(plan.spec), plan.slots)  # the loop turns meanwhile
        context = admin_context(plan.spec.admin)
        admin = self._bind_admin(plan)
        asked = [worker for worker in gateway.workers[: plan.count] if worker.is_alive]
        self._answers.ask(plan.generation, asked)
        newcomer: WorkerProcess | None = None
        try:
            for worker in asked:
                gateway.prepare(worker, plan)
            answers = (await self._answers.wait(PREPARE_LIMIT)).values()
            problems = dict.fromkeys(problem for one in answers for problem in one.problems)  # most find the same
            if problems:
                raise ConfigError(list(problems))
            changed = tuple(dict.fromkeys(name for one in answers for name in one.changed))
            if changed:
                newcomer = await self._rolling.audition(plan)
                self._abort(asked, plan)  # they end as they are
            for listening in plan.opened:
                listening.start()
        except ConfigError:
            self._abort(asked, plan)
            if newcomer is not None:
                self._rolling.dismiss(newcomer)
            for listening in admin:
                listening.close()
            raise
        return _Agreed(admin, context, newcomer, changed)

    def _abort(self, asked: list[WorkerProcess], plan: Plan) -> None:
        for worker in asked:
            if worker.is_alive and worker.prepared == plan.generation:
                self._gateway.abort(worker, plan)

    def _bind_admin(self, plan: Plan) -> list[Listening]:
        spec, old = _bound(plan.spec), _bound(self._gateway.plan_in_use.spec)
        if spec is None or spec == old:
            return []
        listenings, warnings = bind_admin(
            spec, lambda place: old is not None and place in old.places, self._gateway.binding.admin
        )
        plan.warnings += warnings
        return listenings

    async def _commit(self, plan: Plan, ready: _Agreed) -> None:
        gateway = self._gateway
        is_admin_moved = _bound(plan.spec) != _bound(gateway.plan_in_use.spec)
        gateway.adopt(plan)  # before the workers close what is gone: the last one to close decides what is lost
        if ready.newcomer is not None:
            self._host.keep_sources()
            await self._rolling.replace(ready.newcomer, plan)
            await self._resize(plan)
        else:
            await self._tell(plan)
        self._host.admin.admit(plan.spec.admin, ready.context)
        if is_admin_moved:
            await self._host.move_admin(ready.admin)

    async def _tell(self, plan: Plan) -> None:
        """Have the workers serve what they have prepared."""
        gateway = self._gateway
        told = [worker for worker in gateway.workers[: plan.count] if worker.is_alive]
        self._answers.ask(plan.generation, told)
        for worker in told:
            gateway.commit(worker, plan)
        self._host.keep_sources()
        await self._resize(plan)
        for worker, answer in (await self._answers.wait(COMMIT_LIMIT)).items():
            if answer.problems and worker.is_alive:
                problems = answer.problems
                self._log.error("a worker does not follow and is replaced", worker=worker.index, problems=problems)
                worker.kill()

    async def _resize(self, plan: Plan) -> None:
        """Have as many workers as the new configuration says."""
        gateway, host = self._gateway, self._host
        leaving = gateway.workers[plan.count :]
        if leaving:
            del gateway.workers[plan.count :]
            gateway.retired += leaving  # their counts stay
            self.leaving += [worker for worker in leaving if worker.state != DEAD]
            sockets = [sock for listening in plan.listenings.values() for sock in listening.separate[plan.count :]]
            await silence(sockets)
            for listening in plan.listenings.values():
                listening.shrink(plan.count)
            host.retire(leaving, plan.spec.shutdown)
        while len(gateway.workers) < plan.count:
            worker = gateway.place(len(gateway.workers))
            gateway.workers.append(worker)
            host.launch(worker)


_DRAINING = Outcome(False, ("the gateway drains",))
_FAILED = Outcome(False, ("the reload failed; the log says how",))


def _files_of(gateway: Gateway) -> LoadedFiles:
    """Those of the last load."""
    assert gateway.loaded_files is not None
    return gateway.loaded_files


def _bound(spec: GatewaySpec) -> BindSpec | None:
    return spec.admin.bind if spec.admin is not None else None


def _tell(waiting: list[asyncio.Future[Outcome]], outcome: Outcome) -> None:
    for one in waiting:
        if not one.done():
            one.set_result(outcome)
