"""New code of plugins and services: it comes in by new processes, one place after the other.

Python cannot take back what it has imported, so a worker whose code has changed on the disk is not told to serve a new configuration: a
process beside it is.

    audition    one new process prepares the configuration, with the new code; if it cannot, nothing has changed
    replace     place by place: the new process serves, from the same listening socket, and then the old one drains

The two share the socket, so no connection waits for a process, and none is lost between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.errors import ConfigError
from fastgw.server.messages import Prepared
from fastgw.server.workers import DEAD, WorkerProcess

if TYPE_CHECKING:
    from fastgw.server.answers import Answers
    from fastgw.server.binding import Plan
    from fastgw.server.host import Host

START_LIMIT = 30.0  #: seconds that a new process may take until it has prepared, or serves


class Rolling:
    """Replaces the workers, for a reload that has found their code to be old."""

    def __init__(self, host: Host, answers: Answers, leaving: list[WorkerProcess]) -> None:
        """``leaving``: gets the workers that are told to drain."""
        self._host = host
        self._gateway = host.gateway
        self._answers = answers
        self._leaving = leaving

    async def audition(self, plan: Plan) -> WorkerProcess:
        """A new process for the first place, which has prepared ``plan``; raise ConfigError if it cannot."""
        newcomer = self._gateway.newcomer(0)
        self._answers.ask(plan.generation, [newcomer])
        try:
            self._host.audition(newcomer, plan)
        except OSError as error:
            self._gateway.give_up(newcomer)
            raise ConfigError([f"a new worker cannot be started: {error}"]) from error
        answer = (await self._answers.wait(START_LIMIT))[newcomer]
        if answer.problems:
            self.dismiss(newcomer)
            raise ConfigError(list(answer.problems))
        return newcomer

    def dismiss(self, newcomer: WorkerProcess) -> None:
        """It is not needed; it serves nobody yet."""
        newcomer.kill()  # and is forgotten when it has ended

    def _leave(self, newcomer: WorkerProcess, plan: Plan, answer: Prepared) -> None:
        if answer.problems:
            self.dismiss(newcomer)
            return
        self._gateway.arriving.remove(newcomer)  # clients have found it already
        self._leaving.append(newcomer)
        self._host.retire([newcomer], plan.spec.shutdown)

    async def replace(self, first: WorkerProcess, plan: Plan) -> None:
        """Put new processes in the place of all workers that stay: ``first``, which has prepared ``plan``, and others."""
        gateway = self._gateway
        for index in range(min(plan.count, len(gateway.workers))):
            is_first = index == 0 and first in gateway.arriving  # else it has died since
            newcomer = first if is_first else gateway.newcomer(index)
            self._answers.ask(plan.generation, [newcomer])
            if is_first:
                newcomer.is_retiring = False
                gateway.employ(newcomer)
            else:
                self._host.launch(newcomer)
            answer = (await self._answers.wait(START_LIMIT))[newcomer]
            if gateway.is_draining:
                self._leave(newcomer, plan, answer)
                return
            if answer.problems:
                # The first one could, so this is the machine's fault: it is started again like any other.
                self._host.log.error("a new worker does not serve yet", worker=index, problems=answer.problems)
            old = gateway.succeed(newcomer)
            if old.state != DEAD:
                self._leaving.append(old)
            self._host.retire([old], plan.spec.shutdown)
