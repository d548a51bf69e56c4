"""The end of a gateway: it drains within its graces, or stops at once; and how workers are made to end, whoever wants them to."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from fastgw.config.spec import ShutdownSpec
from fastgw.server.listening import is_shared, silence
from fastgw.server.messages import Drain
from fastgw.server.notify import notify
from fastgw.server.workers import DEAD, DRAINING, END_LIMIT, WorkerProcess

if TYPE_CHECKING:
    from fastgw.server.host import Host
    from fastgw.server.registering import Registering
    from fastgw.server.reload import Reload
    from fastgw.server.upgrade import Upgrade

SAME_SIGNAL: Final = 0.25  #: seconds in which a second SIGTERM is the same one, sent to us and to our process group
KILL_AFTER: Final = 1.0  #: seconds on top of the grace before a worker that does not end is killed


class Stopping:
    """Ends one gateway."""

    def __init__(self, host: Host, upgrade: Upgrade, reload: Reload) -> None:
        self._host = host
        self._upgrade = upgrade
        self._reload = reload
        self._began = 0.0  # on the clock of the loop
        self.is_stopping = False  #: nothing new is begun: no worker, no reload
        self.status = 0  #: of the exit, once all has ended
        self.done: asyncio.Future[int]  #: becomes the exit status then; made by ``begin``

    def begin(self) -> asyncio.Future[int]:
        """In the loop: return what becomes the exit status when all is done."""
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def finish(self, status: int) -> None:
        """All is done, but perhaps a load in a thread, which nobody waits for any more."""
        if (compiler := sys.modules.get("fastgw.wasm.compiler")) is not None:  # where there are modules to compile
            compiler.COMPILERS.end()
        if not self.done.done():
            self.done.set_result(status)

    def stop(self) -> None:
        """SIGTERM, SIGINT: finish what is under way, within the grace; the second time: now."""
        host, gateway = self._host, self._host.gateway
        if self.is_stopping or gateway.is_draining:
            if host.loop.time() - self._began > SAME_SIGNAL:
                self.stop_now()
            return
        self._began = host.loop.time()
        self._upgrade.abandon()
        gateway.is_draining = True
        shutdown = gateway.plan_in_use.spec.shutdown
        lame_duck = 0.0 if self._upgrade.has_successor else shutdown.lame_duck
        host.log.info("draining", **shutdown._replace(lame_duck=lame_duck)._asdict(), generation=gateway.generation)
        notify("STOPPING=1", "STATUS=draining", environ=gateway.environ)
        if gateway.registering is not None and self._upgrade.has_successor:
            gateway.registering.close()  # it goes on with what we have registered
        elif gateway.registering is not None:
            host.spawn_task(self._leave(gateway.registering, lame_duck))
            return
        if lame_duck:
            host.loop.call_later(lame_duck, self._stop_accepting)
        else:
            self._stop_accepting()

    async def _leave(self, registering: Registering, lame_duck: float) -> None:
        """Be registered nowhere any more, and serve until nobody asks us who has not heard of that."""
        began = self._host.loop.time()
        drain = await registering.leave()
        if (rest := max(drain, lame_duck - (self._host.loop.time() - began))) > 0:
            await asyncio.sleep(rest)
        self._stop_accepting()

    def _stop_accepting(self) -> None:
        if not self.is_stopping:
            self.is_stopping = True
            for worker in self._host.gateway.workers:
                worker.is_retiring = True
            self._host.spawn_task(self._drain())

    def stop_now(self) -> None:
        """SIGQUIT: end at once; what is under way is cut off."""
        self.is_stopping = True
        notify("STOPPING=1", "STATUS=stopping at once", environ=self._host.gateway.environ)
        self._host.log.warning("stopping at once")
        self.finish(0)

    async def _drain(self) -> None:
        host, gateway = self._host, self._host.gateway
        sockets = [one for listening in gateway.plan_in_use.listenings.values() for one in listening.separate]
        if is_shared(sockets):
            await silence(sockets)
        if is_shared([one for listening in host.admin_listening for one in listening.separate]):
            await host.admin.stop_listening()  # the successor answers for this host now
        gateway.close()  # our side; the workers hold theirs until they have accepted what waits
        self.retire(gateway.workers, gateway.plan_in_use.spec.shutdown)
        self.check()

    def retire(self, workers: list[WorkerProcess], graces: ShutdownSpec) -> None:
        """Have ``workers`` drain and end; kill those that do not."""
        host = self._host
        for worker in workers:
            worker.is_retiring = True
            if worker.is_alive and worker.channel is not None:
                worker.state = DRAINING
                worker.channel.send(Drain(graces.grace, graces.stream_grace))
        told = [(worker, worker.pid) for worker in workers if worker.state != DEAD]

        def make_sure() -> None:
            for worker, pid in told:
                if worker.pid == pid:  # else the place may have a process that serves
                    host.log.warning("a worker is killed, the grace is over", worker=worker.index, killed=worker.pid)
                    worker.kill()

        host.loop.call_later(graces.longest + END_LIMIT + KILL_AFTER, make_sure)

    def check(self) -> None:
        """End when all has: our workers, and the gateway before us, which a service manager would kill with us."""
        gateway = self._host.gateway
        if not self.is_stopping or self.done.done() or gateway.predecessor_draining:
            return
        if not any(worker.pid for worker in (*gateway.workers, *self._reload.leaving)):
            self._upgrade.say_gone()
            self._host.log.info("stopped")
            self.finish(self.status)
