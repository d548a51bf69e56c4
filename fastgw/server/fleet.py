"""A gateway as a node of a fleet (``fastgw.fleet``): where it is told its configuration, what it starts with, and how it follows.

Imported only by a gateway that was started so.  What is promoted stands in a file on its disk, which is loaded and reloaded as any
other: everything that holds for a reload holds for it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import fastgw
from fastgw.discovery.etcd_client import EtcdClient
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.follower import FleetFollower, NodeFacts, Used
from fastgw.fleet.records import Generation, RecordError
from fastgw.fleet.start import Begun, Check, FleetOptions, Membership, NothingError, begin_with, wait_for_one
from fastgw.server import machine
from fastgw.server.log import Log
from fastgw.server.notify import notify
from fastgw.server.reload_guard import WENT_BACK, Verdict
from fastgw.server.standings import stamp
from fastgw.server.workers import READY

if TYPE_CHECKING:
    from fastgw.config.trust import TrustRules
    from fastgw.server.gateway import Gateway
    from fastgw.server.reload import Outcome

BY: Final = "etcd"  #: who wants such a reload, as ``last_reload`` tells
ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
PATIENCE: Final = 30  #: seconds that a service manager is asked for at a time, while there is no configuration yet


def membership(options: FleetOptions, environ: Mapping[str, str], *, is_heir: bool) -> Membership | None:
    """Find the configuration to start with, and write it to the disk; None: a signal ends the process before there is one.

    ``is_heir``: what the gateway before us serves stands there already.

    Raises:
        OSError: it cannot be written.
    """
    copies = NodeCopies(options.copy)
    if is_heir:
        return Membership(options, _inherited(copies))
    log = Log("supervisor")
    client = EtcdClient(options.settings)

    def check(generation: Generation) -> tuple[str, ...]:
        return problems_of(generation, copies.path, environ, options.trust)

    try:
        begun = asyncio.run(begin_with(client, options.keys, options.node, copies, check))
    except NothingError as error:
        log.warning("there is no configuration yet, it is waited for", key=options.keys.root, reason=str(error))
        waited = asyncio.run(_wait(options, copies, check, log, environ))
        return Membership(options, waited) if waited is not None else None
    if begun.why:
        found = {"generation": begun.held.number} if begun.held is not None else {"file": copies.path}
        log.warning("the configuration is the last good one on the disk", **found, reason=begun.why)
    return Membership(options, begun)


def _inherited(copies: NodeCopies) -> Begun:
    """What stands on the disk, and which generation that is as far as is known without asking."""
    try:
        good = copies.good()
    except RecordError:
        good = None
    return Begun(good if good is not None and good.text == copies.text() else None)


async def _wait(
    options: FleetOptions, copies: NodeCopies, check: Check, log: Log, environ: Mapping[str, str]
) -> Begun | None:
    asked = 0.0

    def is_over() -> bool:
        nonlocal asked
        if time.monotonic() - asked > PATIENCE / 2:
            asked = time.monotonic()
            patience = f"EXTEND_TIMEOUT_USEC={PATIENCE * 1_000_000}"
            notify(f"STATUS=waiting for a first configuration in {options.keys.root}", patience, environ=environ)
        return signal.sigtimedwait(ENDING, 0) is not None  # they are blocked until there is a gateway

    client = EtcdClient(options.settings)
    facts = NodeFacts(fastgw.__version__, "", 0)
    return await wait_for_one(client, options.keys, options.node, copies, facts, check, log, is_over)


def problems_of(generation: Generation, path: str, environ: Mapping[str, str], trust: TrustRules) -> tuple[str, ...]:
    """What is wrong with it as the configuration at ``path`` of this gateway; it is read as for a load, and not used."""
    from fastgw.config.load import inspect

    name = f"generation {generation.number}"  # the same for all nodes, so that those who say the same are told together
    found = inspect(path, environ, time.time(), content=generation.text.encode(), name=name, trust=trust)
    if found.spec is None:
        return tuple(map(str, found.problems))
    pinning = machine.unpinnable(found.spec.cpu_affinity)
    return (pinning,) if pinning else ()


class InFleet:
    """The gateway that a node is; a ``NodeHost``."""

    def __init__(self, gateway: Gateway, reload: Callable[[str], Awaitable[Outcome]], log: Log) -> None:
        """``reload``: loads the file again, for whom it is told."""
        assert gateway.membership is not None
        self._gateway, self._reload, self._log = gateway, reload, log
        self._options, self._begun = gateway.membership
        self.follower: FleetFollower | None = None  #: there once the gateway serves

    def begin(self) -> None:
        """Follow the fleet from now on."""
        options, begun = self._options, self._begun
        client = EtcdClient(options.settings)
        self.follower = FleetFollower(
            client,
            options.keys,
            options.node,
            NodeCopies(options.copy),
            self,
            self._log,
            held=begun.held,
            lease=begun.lease,
            why=begun.why,
        )
        self.follower.begin()

    async def leave(self, *, has_successor: bool) -> None:
        """Follow it no more; a successor goes on as the same node."""
        if self.follower is None:
            return
        await (self.follower.hand_over() if has_successor else self.follower.leave())

    def document(self) -> dict[str, Any] | None:
        """For ``/status``; None: it has not begun yet."""
        found = self.follower.document() if self.follower is not None else None
        return {**found, "since": stamp(found["since"])} if found is not None else None

    # -- see ``NodeHost``

    @property
    def can_change(self) -> bool:
        """See ``NodeHost``."""
        gateway = self._gateway
        return gateway.is_started and not gateway.is_draining and not gateway.is_upgrading

    def facts(self) -> NodeFacts:
        """See ``NodeHost``."""
        gateway = self._gateway
        admin = gateway.plan_in_use.spec.admin
        workers = sum(worker.state == READY for worker in gateway.workers)
        return NodeFacts(fastgw.__version__, str(admin.bind.address) if admin is not None else "", workers)

    async def check(self, generation: Generation) -> tuple[str, ...]:
        """See ``NodeHost``."""
        gateway, trust = self._gateway, self._options.trust
        return await asyncio.to_thread(problems_of, generation, gateway.path, gateway.environ, trust)

    async def use(self, _: Generation) -> Used:
        """See ``NodeHost``."""
        outcome = await self._reload(BY)
        if not outcome.ok:
            return Used(outcome.problems or ("the reload failed; the log says how",))
        return Used((), None if outcome.guard is None else _went_back(outcome.guard))


async def _went_back(guard: asyncio.Future[Verdict]) -> str:
    """Why the gateway went back, when the guard is over; empty: it did not."""
    verdict = await asyncio.shield(guard)  # others wait for it too
    return verdict.reason if verdict.how == WENT_BACK else ""
