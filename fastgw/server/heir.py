"""The start of a gateway that takes the place of another (``server.upgrade``), as the new one sees it.

    prepare     every worker compiles the configuration, and nothing is accepted yet
    commit      when all can: they accept, from the sockets of the old one, beside it
    ready       when all do; the old one then says that the place is ours
    take        the files of unix sockets, the admin address, the service manager, the plans of versions
    settle      when the old one has ended: what its workers did not end is accounted for, and its counters become one slab

A problem before that is told to the old one, which goes on.  If it is gone itself, the place is ours as soon as we are ready.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import fastgw
from fastgw.server.answers import Answers
from fastgw.server.messages import Prepared
from fastgw.server.workers import OF_MANAGER

if TYPE_CHECKING:
    from fastgw.server.handover import Handed
    from fastgw.server.host import Host
    from fastgw.server.workers import WorkerProcess

PREPARE_LIMIT: Final = 30.0  #: seconds a worker may take to start and to compile the configuration
LATEST: Final = 5.0  #: seconds behind its grace until the workers of a gateway that was killed have ended


class Heir:
    """Takes the place of another gateway."""

    def __init__(self, control: Host, handed: Handed) -> None:
        self._control = control
        self._gateway = control.gateway
        self._handed = handed
        self._answers = Answers()
        self._environ = control.gateway.environ
        #: Until the place is ours the service manager hears the old one only.
        control.gateway.environ = {name: text for name, text in self._environ.items() if name not in OF_MANAGER}
        self._kept = {key: len(one.sockets) for key, one in control.gateway.plan_in_use.listenings.items()}
        self.has_committed = False  #: do our workers accept?
        self.is_owner = False  #: is the place ours?
        self._is_ready = False
        self._has_said_gone = False

    async def start(self) -> None:
        """Begin, and do not wait for it."""
        self._control.spawn_task(self.begin())

    async def begin(self) -> None:
        """Prepare, and commit if every worker can."""
        gateway, plan = self._gateway, self._gateway.plan_in_use
        self._handed.channel.attach(self._control.loop, self._on_message, self._on_end)
        self._answers.ask(plan.generation, gateway.workers)
        await self._control.prepare_sources(plan.spec)
        found = await self._answers.wait(PREPARE_LIMIT)
        problems = dict.fromkeys(problem for one in found.values() for problem in one.problems)
        if problems:
            self._control.start_failed(*problems)
            return
        self.has_committed = True
        for worker in gateway.workers:
            gateway.commit(worker, plan)

    def on_prepared(self, worker: WorkerProcess, message: Prepared) -> bool:
        """True if this answers us."""
        return self._answers.give(worker, message)

    def on_death(self, worker: WorkerProcess) -> None:
        """A worker's process ended."""
        self._answers.die(worker)

    def fail(self, problems: tuple[str, ...]) -> None:
        """Tell the old one that we do not become ready."""
        self._handed.fail(problems)

    def ready(self) -> bool:
        """Every worker serves: is the place ours?  If not, the old one is told, and ``take_place`` comes when it is."""
        if self._is_ready:
            return self.is_owner
        self._is_ready = True
        if self._handed.channel.is_closed:
            self._own()
            return False
        admin = [str(one.address) for one in self._control.admin_listening]
        self._handed.channel.send({"say": "ready", "kept": self._kept, "admin": admin})
        return False

    def _on_message(self, message: object, fds: list[int]) -> None:
        for fd in fds:
            os.close(fd)
        word = message.get("say") if isinstance(message, dict) else None
        if word == "yours":
            self._own()
        elif word == "gone":
            self._has_said_gone = True

    def _on_end(self) -> None:
        """The old one has ended; if it was killed, its workers may still drain, and count."""
        if self._is_ready and not self.is_owner:
            self._own()
        grace = 0.0 if self._has_said_gone else self._handed.grace + LATEST
        self._control.loop.call_later(grace, self._settle)

    def _own(self) -> None:
        if not self.is_owner:
            self.is_owner = True
            self._control.spawn_task(self._take())

    async def _take(self) -> None:
        gateway = self._gateway
        gateway.handed, gateway.environ = None, self._environ
        for listening in (*gateway.plan_in_use.listenings.values(), *self._control.admin_listening):
            listening.own()
        for listening in gateway.plan_in_use.listenings.values():
            if listening.is_common:
                listening.start()
        for listening in self._control.admin_listening:
            listening.start()
        await self._control.take_place()
        self._handed.channel.send(
            {
                "say": "taken",
                "version": fastgw.__version__,
                "generation": gateway.generation,
                "workers": len(gateway.workers),
                "counters": self.counters,
            }
        )

    @property
    def counters(self) -> str:
        """What became of the counts of the gateway before us."""
        return "continued" if self._handed.is_counted_alike else "begin at 0: the versions count differently"

    def _settle(self) -> None:
        """Account for the workers of the old one, and make one slab of theirs."""
        gateway = self._gateway
        adopted, tables = gateway.adopted, gateway.tables
        for slab in adopted:
            tables.settle(slab)
        for slab in adopted[1:]:
            adopted[0].absorb(slab, tables.slots)
            slab.close()
        del adopted[1:]
        self._control.log.info("the gateway before us has ended", predecessor=self._handed.pid)
        gateway.predecessor_draining = 0
        self._control.check_stopped()
