"""What the supervisor holds: the configuration in use, the sockets, the workers and their slots.

No event loop here: this part works before there is one, because the workers get their first messages before the
supervisor has spent the time to import ``asyncio``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastgw.config.listed import without_sources
from fastgw.config.spec import GatewaySpec, UserSpec
from fastgw.errors import ConfigError
from fastgw.server import machine
from fastgw.server.binding import Binding, Plan
from fastgw.server.channel import MAX_FDS
from fastgw.server.history import History, LoadReport
from fastgw.server.inherited import Inherited, predecessor
from fastgw.server.knowledge import Knowledge
from fastgw.server.listening import Listening
from fastgw.server.lists import MemberLists
from fastgw.server.messages import Abort, Commit, Prepare
from fastgw.server.pieces import bare, cut
from fastgw.server.slots import Tables
from fastgw.server.tail import SLOW
from fastgw.server.user import stay
from fastgw.server.workers import WorkerProcess, processors

if TYPE_CHECKING:
    from fastgw.config.loaded_files import LoadedFiles
    from fastgw.fleet.start import Membership
    from fastgw.server.board import SharedBoard
    from fastgw.server.engines import Engines
    from fastgw.server.exporter import Exporter
    from fastgw.server.file_watch import FileWatch
    from fastgw.server.forecasting import Forecasting
    from fastgw.server.handover import Handed
    from fastgw.server.key_sets import Fetching
    from fastgw.server.leasing import Leasing
    from fastgw.server.messages import Weigh
    from fastgw.server.model_lists import MemberModels
    from fastgw.server.names import Names
    from fastgw.server.probing import Probing
    from fastgw.server.registering import Registering
    from fastgw.server.rollouts import Rollouts
    from fastgw.server.slab import Slab


class Gateway:
    """State of one supervisor."""

    is_watch_asked = False  #: on the command line, which is stronger than the file
    membership: Membership | None = None  #: of a fleet that says what the file is

    def __init__(
        self,
        path: str,
        wanted: int | None,
        environ: Mapping[str, str],
        workers: list[WorkerProcess],
        inherited: Inherited | None = None,
        handed: Handed | None = None,
    ) -> None:
        """``path``: the configuration file; ``wanted``: workers, where the command line says how many; ``workers``: places, some of them
        with a process already; ``inherited``: sockets that we were started with; ``handed``: what the gateway before us has handed over."""
        self.inherited = inherited if inherited is not None else Inherited()
        self.path = path
        self.environ = environ
        self.handed = handed
        self.binding = Binding(self.inherited, lambda: self.handed)
        self.predecessor = predecessor(environ) if handed is None else handed.pid  #: whom we follow, or 0
        self.workers = workers
        self.arriving: list[WorkerProcess] = []  #: processes that have no place yet (``server.rolling``)
        self.retired: list[WorkerProcess] = []  #: without a place since a reload; what they counted stays
        self.current: Plan | None = None
        self.report = LoadReport()
        self.warnings: list[str] = []  #: of the last file that could be used
        self.loaded_files: LoadedFiles | None = None  #: what the last load has read, whether it could be used or not
        self.watching: FileWatch | None = None  #: who loads the file when it changes; there once somebody asks for that
        self.names: Names | None = None  #: who looks them up; there once an endpoint has a name
        self.fetching: Fetching | None = None  #: who fetches them; there once a filter needs some
        self.leasing: Leasing | None = None  #: who asks; there once a filter shares limits
        self.engines: Engines | None = None  #: who asks how busy engines are; there once a service is balanced by that
        self.model_lists: MemberModels | None = None  #: who asks which models members have, likewise
        self.forecasting: Forecasting | None = None  #: there once a configuration wants forecasts
        self.exporter: Exporter | None = None  #: there once a configuration has a collector
        self.rollouts: Rollouts | None = None  #: who knows the shares of versions; there once a service has some
        self.registering: Registering | None = None  #: who registers us; there once a configuration says where
        self.registered: Sequence[Mapping[str, Any]] = ()  #: what the gateway before us had, see ``Registering.told``
        self.probing: Probing | None = None  #: while some service has its endpoints probed
        self.reloads = {"ok": 0, "refused": 0, "went_back": 0}
        self.history = History()  #: of loads
        self.started = time.monotonic()
        self.is_started = False  #: every worker has served at least once
        self.is_draining = False
        self._workers_wanted = wanted
        self._board: SharedBoard | None = None
        self.last_generation = 0
        self.tables = Tables(lambda: self.all_slabs)  #: of counters
        self.lists = MemberLists(self.tables)  #: of members that no file names
        self.knowledge = Knowledge(self.lists, self._tell)  #: what workers are told beside the configuration
        self.adopted: list[Slab] = []  #: counters of the workers of the gateway before us
        self.is_upgrading = False  #: a new process is getting ready to take our place
        self.last_upgrade: str | None = None  #: why the last one failed
        self._begin_with(handed)

    # -- configuration ------------------------------------------------------------------------------------------------

    @property
    def plan_in_use(self) -> Plan:
        """The plan in use; there is one from the end of the start on."""
        assert self.current is not None
        return self.current

    @property
    def _listenings(self) -> dict[str, Listening]:
        return self.current.listenings if self.current is not None else {}

    @property
    def generation(self) -> int:
        """Of the configuration in use; 0 before the first."""
        return self.current.generation if self.current else 0

    @property
    def is_takeover(self) -> bool:
        """May addresses be bound although another process listens there?  Only at the start, and only if told so."""
        return self.predecessor != 0 and self.current is None

    @property
    def is_watching(self) -> bool:
        """Is the file to be loaded whenever it changes?"""
        return self.is_watch_asked or (self.current is not None and self.current.spec.reload.watch)

    def load(self, become: Callable[[UserSpec], None] = stay, content: bytes | None = None) -> GatewaySpec:
        """Read the file; raise ConfigError with every problem.  ``become``: makes this process the user that the file names.
        ``content``: what is taken to stand in the file, which is not read then; the files that it names are."""
        from fastgw.config.load import load  # pydantic and yaml: only now, the workers import meanwhile
        from fastgw.config.loaded_files import LoadedFiles

        warnings: list[str] = []
        loaded_files = LoadedFiles(is_wanted=self.is_watching)
        try:
            trust = self.membership.options.trust if self.membership is not None else None
            told = warnings.extend
            spec = load(Path(self.path), self.environ, time.time(), told, become, loaded_files, content, trust)
        finally:
            self.loaded_files = loaded_files
        if problem := machine.unpinnable(spec.cpu_affinity):
            raise ConfigError([problem])
        if warning := machine.open_files(spec).warning:
            warnings.append(warning)
        self.warnings = warnings
        return self.inherited.assign(spec)

    def plan(self, spec: GatewaySpec) -> Plan:
        """Bind what is new in ``spec`` and choose slots; raise ConfigError and leave nothing open if that fails."""
        sockets = sum(len(listener.bind.places) for listener in spec.listeners)
        if sockets >= MAX_FDS:
            raise ConfigError([f"the listeners have {sockets} addresses, at most {MAX_FDS - 1} are possible"])
        count = self._workers_wanted or spec.workers or processors()
        slots = self.tables.plan(spec)
        self.last_generation += 1
        plan = Plan(self.last_generation, spec, count, slots, {})
        try:
            self.binding.complete(plan, self._listenings, is_takeover=self.is_takeover)
        except ConfigError:
            self.discard(plan)
            raise
        return plan

    def adopt(self, plan: Plan) -> None:
        """Make ``plan`` the one in use; close our side of the sockets it no longer has."""
        old = self._listenings
        self.lists.complete(plan)
        self.current = plan
        self.tables.adopt(plan.slots)
        self.knowledge.adopt(plan)
        self.knowledge.tail.keep(plan.spec.admin.slow if plan.spec.admin is not None else SLOW)
        plan.opened.clear()
        for address, listening in old.items():
            if address not in plan.listenings:
                listening.close()

    def discard(self, plan: Plan) -> None:
        """Close what ``plan`` has opened."""
        for listening in plan.opened:
            listening.close()
        plan.opened.clear()
        for listening in self._listenings.values():
            listening.shrink(len(self.workers))

    def close(self) -> None:
        """Close our side of every listening socket and of the board."""
        self.inherited.close()
        for listening in self._listenings.values():
            listening.close()
        if self._board is not None:
            self._board.close()
            self._board = None

    def _begin_with(self, handed: Handed | None) -> None:
        """Go on counting where the gateway before us counts, if there is one."""
        self.predecessor_draining = handed.pid if handed is not None else 0  #: until it has ended
        if handed is None:
            return
        self.last_generation = handed.generation
        self.registered = handed.registered
        self.lists.begin_with(handed.lists)
        self.reloads.update(handed.reloads)
        for worker, (restarts, stalls) in zip(self.workers, handed.workers, strict=False):
            worker.restarts, worker.stalls = restarts, stalls
        if handed.is_counted_alike:
            self.tables.learn(handed.slots)
            self.adopted = handed.slabs()

    # -- workers ------------------------------------------------------------------------------------------------------

    def prepare(self, worker: WorkerProcess, plan: Plan) -> None:
        """Tell a worker to prepare ``plan``, with the sockets it does not have yet."""
        assert worker.channel is not None
        missing = tuple(address for address in plan.listenings if address not in worker.holds)
        has_memory = not worker.prepared
        fds = [worker.slab.fd, self.board.fd] if has_memory else []
        fds += [plan.listenings[address].of_worker(worker.index).fileno() for address in missing]
        self.lists.complete(plan)
        plan.pieces = plan.pieces or cut(without_sources(plan.spec), plan.slots)
        spec = bare(self._as_now(plan.spec))
        worker.channel.send(Prepare(plan.generation, spec, plan.pieces, missing, has_memory), fds)
        if has_memory:
            self.knowledge.brief(worker)
        worker.prepared = plan.generation
        worker.holds |= set(missing)

    def _as_now(self, spec: GatewaySpec) -> GatewaySpec:
        """``spec`` with the shares that its versions have now."""
        if not spec.versioned:
            return spec
        if self.rollouts is None:
            from fastgw.server.rollouts import Rollouts

            self.rollouts = Rollouts(spec.state_file, told=self.handed.versions if self.handed is not None else None)
        return self.rollouts.applied(spec)

    def weigh(self, message: Weigh) -> list[WorkerProcess]:
        """Let every worker divide requests so; return those that will say so."""
        return self._tell(message)

    def _tell(self, message: object, but: WorkerProcess | None = None) -> list[WorkerProcess]:
        told = []
        for worker in (*self.workers, *self.arriving):
            if worker is not but and worker.prepared and worker.is_alive and worker.channel is not None:
                worker.channel.send(message)
                told.append(worker)
        return told

    def commit(self, worker: WorkerProcess, plan: Plan) -> None:
        """Tell a worker to serve ``plan``; one that came up while the others prepared gets all of it now."""
        assert worker.channel is not None
        if worker.prepared != plan.generation:
            self.prepare(worker, plan)
        machine.pin(worker, plan.spec.cpu_affinity)
        worker.channel.send(Commit(plan.generation))
        worker.holds &= set(plan.listenings)

    def abort(self, worker: WorkerProcess, plan: Plan) -> None:
        """Tell a worker to forget ``plan``."""
        assert worker.channel is not None
        worker.channel.send(Abort(plan.generation))
        worker.holds &= set(self.plan_in_use.listenings)

    def start(self, worker: WorkerProcess, plan: Plan) -> None:
        """Start a process for ``worker`` and have it prepare ``plan``; raise OSError."""
        worker.spawn()
        self.prepare(worker, plan)

    def launch(self, worker: WorkerProcess) -> None:
        """Start a process for ``worker`` and have it serve the configuration in use; raise OSError."""
        self.start(worker, self.plan_in_use)
        self.employ(worker)

    def employ(self, worker: WorkerProcess) -> None:
        """Have a new process serve the configuration in use, and know what the others have found."""
        self.commit(worker, self.plan_in_use)
        self.knowledge.tell_findings(worker)

    def place(self, index: int) -> WorkerProcess:
        """A place for one more worker: that of one which has left before, if there is one, so that slabs do not add up."""
        for worker in self.retired:
            if worker.index == index and not worker.pid:
                self.retired.remove(worker)
                worker.is_retiring = False
                return worker
        return WorkerProcess(index)

    def newcomer(self, index: int) -> WorkerProcess:
        """Somebody who may take the place of the worker there, beside it until then."""
        found = self.place(index)
        found.restarts, found.stalls = self.workers[index].restarts, self.workers[index].stalls
        self.arriving.append(found)
        return found

    def succeed(self, newcomer: WorkerProcess) -> WorkerProcess:
        """Give ``newcomer`` its place; return who had it, whose counts stay."""
        old = self.workers[newcomer.index]
        self.workers[newcomer.index] = newcomer
        self.arriving.remove(newcomer)
        self.retired.append(old)
        return old

    @property
    def _everybody(self) -> tuple[WorkerProcess, ...]:
        return (*self.workers, *self.arriving, *self.retired)

    def give_up(self, newcomer: WorkerProcess) -> None:
        """``newcomer`` gets no place; what was counted in it before stays, and whoever comes next can have it."""
        self.arriving.remove(newcomer)
        self.retired.append(newcomer)

    @property
    def slabs(self) -> list[memoryview]:
        """The counters of all workers, past and present."""
        return [slab.values for slab in self.all_slabs]

    @property
    def all_slabs(self) -> list[Slab]:
        """The same, each with its descriptor, and those of the gateway before us."""
        return [*(worker.slab for worker in self._everybody), *self.adopted]

    @property
    def board(self) -> SharedBoard:
        """The board of all workers, and of those of the gateway before us; made when it is first asked for."""
        if self._board is None:
            from fastgw.server.board import SharedBoard

            handed = self.handed
            find = {"find": lambda _: handed.board()} if handed is not None else {}
            self._board = SharedBoard(self.predecessor, **find)
        return self._board

    # -- counters -----------------------------------------------------------------------------------------------------

    def settle(self, worker: WorkerProcess) -> None:
        """Account for a process that died."""
        if self.is_last_of(worker):
            self.knowledge.standings.forget(worker.index)
        self.tables.settle(worker.slab)

    def is_last_of(self, worker: WorkerProcess) -> bool:
        """Has nobody else of its number a process, who would be forgotten with it?"""
        return not any(
            one.pid and one.index == worker.index and one is not worker for one in (*self.workers, *self.arriving)
        )

    def give_back(self) -> int:
        """Free what processes held on the board that are dead, ours or those of a gateway beside us; how many places that were."""
        from fastgw.core.live.holds import settle  # not needed before somebody dies

        return settle(self.board.view)
