"""What an operator may ask at the admin socket, and what becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastgw.policy.shares import WHOLE
from fastgw.server.admin_http import AdminHttp
from fastgw.server.admin_socket import AdminSocket
from fastgw.server.log import Log
from fastgw.server.messages import Weigh
from fastgw.server.page import Order
from fastgw.server.plans import Plans, counts_of
from fastgw.server.rollouts import RolloutError, Weights

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway
    from fastgw.server.workers import WorkerProcess

FOLLOW_LIMIT: Final = 5.0  #: seconds for every worker to do as it was told
_LOOK: Final = 0.1  #: seconds between two looks for workers that have died instead


class Operations:
    """Answers what is asked, and has the workers follow."""

    def __init__(self, gateway: Gateway, log: Log, orders: Mapping[str, Order], http: AdminHttp) -> None:
        """``orders``: what is carried out for a gateway of any kind, by its word; ``http``: what else is answered at the socket."""
        self._gateway = gateway
        self._log = log
        self._orders = orders
        self._socket = AdminSocket(self.ask, http, log)
        self._watching: asyncio.Task[None] | None = None
        self._serial = 0
        self._waited: dict[WorkerProcess, int] = {}  # who has not followed yet, with the process that was told
        self._followed = asyncio.Event()
        self._lock = asyncio.Lock()

    async def keep(self) -> None:
        """Serve where the configuration in use says."""
        gateway = self._gateway
        spec = gateway.plan_in_use.spec
        if gateway.rollouts is not None:
            if gateway.rollouts.problem:
                self._log.warning(
                    "the state file is not used, the configured weights are",
                    file=gateway.rollouts.path,
                    reason=gateway.rollouts.problem,
                )
                gateway.rollouts.problem = ""
            try:
                for name in await gateway.rollouts.adopt(spec):
                    said = "a service has other versions now, so its configured weights are used"
                    self._log.warning(said, service=name)
            except RolloutError as error:
                self._log.error("the state file does not say what is kept of versions", reason=str(error))
            has_plans = bool(gateway.rollouts.plans) or any(one.rollout is not None for one in spec.versioned)
            if self._watching is None and has_plans:
                plans = Plans(partial(counts_of, gateway), self.follow, self._log)
                self._watching = asyncio.get_running_loop().create_task(plans.watch(gateway.rollouts))
        await self._socket.move(spec.admin_socket, takeover=gateway.predecessor != 0)

    def pause(self) -> None:
        """Look at no plan until ``keep``."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    async def stop(self) -> None:
        """Serve nowhere, and look at no plan."""
        self.pause()
        await self._socket.stop()

    def on_weighed(self, worker: WorkerProcess, serial: int) -> None:
        """``worker`` does as it was told."""
        if serial == self._serial:
            self._waited.pop(worker, None)
            self._followed.set()

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of the admin socket."""
        action = request.get("do")
        if isinstance(action, str) and (order := self._orders.get(action)) is not None:
            return await order(request)
        if self._gateway.is_upgrading and action != "versions":
            return {"ok": False, "error": "upgrading", "detail": "an upgrade is under way; ask again when it is done"}
        rollouts = self._gateway.rollouts
        if rollouts is None:
            return {"ok": False, "error": "no_versions", "detail": "no service has versions"}
        service, version = (str(request.get(key, "")) for key in ("service", "version"))
        change: Callable[[], Awaitable[Weights]]
        try:
            if action == "promote" and request.get("plan") is True:
                change = partial(rollouts.begin, service, version)
            elif action == "promote":
                change = partial(rollouts.promote, service, version, share_of(request.get("weight", 100)))
            elif action == "rollback":
                change = partial(rollouts.rollback, service)
            elif action == "reset":
                change = partial(rollouts.reset, service)
            elif action == "versions":
                return {"ok": True, "versions": rollouts.document()}
            else:
                raise RolloutError(f"'do' is one of {', '.join(self._orders)}, promote, rollback, reset, versions")
            late = await self.follow(service, change)
        except RolloutError as error:
            return {"ok": False, "error": "refused", "detail": str(error)}
        found = {"ok": not late, "versions": {service: rollouts.document()[service]}}
        if late:
            detail = f"kept, but workers {', '.join(map(str, late))} have not followed within {FOLLOW_LIMIT:g} s"
            return found | {"error": "late", "detail": detail}
        return found

    async def follow(self, service: str, change: Callable[[], Awaitable[Weights]]) -> list[int]:
        """Make ``change``, have every worker do it, and return the numbers of those that do not yet; raise RolloutError."""
        async with self._lock:
            shares = await change()
            late = await self._tell(shares)
        weights = {name: share * 100 / WHOLE for name, share in shares[service].items()}
        rollouts = self._gateway.rollouts
        if rollouts is not None and rollouts.unsaved:
            self._log.error("weights of versions would not outlive a restart", service=service, reason=rollouts.unsaved)
        self._log.info("versions have other weights", service=service, weights=weights, late=late)
        return late

    async def _tell(self, shares: Weights) -> list[int]:
        """Have every worker divide requests so; return the numbers of those that do not yet."""
        self._serial += 1
        self._waited = {worker: worker.pid for worker in self._gateway.weigh(Weigh(self._serial, shares))}
        loop = asyncio.get_running_loop()
        end = loop.time() + FOLLOW_LIMIT
        while self._waited and loop.time() < end:
            self._followed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._followed.wait(), _LOOK)
            for worker, pid in list(self._waited.items()):
                if worker.pid != pid:  # its successor begins with them
                    del self._waited[worker]
        return sorted(worker.index for worker in self._waited)


def share_of(weight: object) -> int:
    """A weight in percent as a share of ``WHOLE``; raise RolloutError."""
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 100:
        raise RolloutError(f"a weight is a number from 0 to 100, in percent, and not {weight!r}")
    return round(weight * WHOLE / 100)
