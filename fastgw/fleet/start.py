"""The configuration that a node starts with.

    promoted    what etcd says, if it answers within ``ASK_LIMIT`` seconds and this gateway can use it
    good        else what was promoted and served here last (``copies``)
    file        else what stands in the file, which an operator may have put there
    waiting     else there is nothing: the node is of the fleet, checks what is pushed, and goes on when something is promoted

A configuration from etcd is checked before it takes the place of the file, so that a start is not lost with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from fastgw.config.trust import TrustRules
from fastgw.core.sources import EtcdSettings
from fastgw.discovery.etcd_client import EtcdClient, EtcdError
from fastgw.fleet.coordinator import Says
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.follower import FleetFollower, NodeFacts, Used
from fastgw.fleet.records import FleetKeys, Generation, RecordError
from fastgw.fleet.store import Store, StoreError

ASK_LIMIT: Final = 3.0  #: seconds
LOOK: Final = 0.2  #: seconds between two looks whether the process is to end

Check = Callable[[Generation], tuple[str, ...]]  #: what is wrong with a configuration, for this gateway


class Begun(NamedTuple):
    """What a node starts with."""

    held: Generation | None  #: None: what stands in the file is no generation, as far as is known
    why: str = ""  #: why it is not the promoted one; empty: it is
    lease: int = 0  #: that it has already


class FleetOptions(NamedTuple):
    """What the command line says of the fleet."""

    settings: EtcdSettings
    keys: FleetKeys
    node: str  #: name of this gateway in the fleet
    copy: str  #: path of the configuration on the disk
    trust: TrustRules  #: how far what comes from etcd is trusted


class Membership(NamedTuple):
    """What a gateway is in a fleet when it begins to serve."""

    options: FleetOptions
    begun: Begun


class NothingError(Exception):
    """There is no configuration to start with; the text says why."""


async def begin_with(client: EtcdClient, keys: FleetKeys, name: str, copies: NodeCopies, check: Check) -> Begun:
    """Write the configuration that the node starts with into its file.

    Raises:
        NothingError: there is none.
        OSError: the file cannot be written.
    """
    with client.used():
        try:
            async with asyncio.timeout(ASK_LIMIT):
                found = await _promoted(Store(client, keys), name)
        except TimeoutError:
            found = f"etcd did not answer within {ASK_LIMIT:g} s"
        except (EtcdError, StoreError, RecordError) as error:
            found = str(error)
    why = found if isinstance(found, str) else ""
    if isinstance(found, Generation):
        problems = check(found)
        if not problems:
            copies.write(found.text)
            return Begun(found)
        why = f"generation {found.number} cannot be used here: {problems[0]}"
    try:
        good = copies.good()
    except RecordError as error:
        why, good = f"{why}; {error}", None
    if good is not None:
        copies.write(good.text)
        return Begun(good, why)
    if copies.text():
        return Begun(None, why)
    raise NothingError(why)


async def _promoted(store: Store, name: str) -> Generation | str:
    """What the fleet wants of this node, or why there is nothing."""
    rollout = (await store.sight()).rollout
    wanted = rollout.wanted_of(name) if rollout is not None else 0
    return await store.generation(wanted) if wanted else f"nothing is promoted in {store.keys.root} yet"


class _FirstWait:
    """A gateway that has no configuration yet; a ``NodeHost``."""

    can_change = True

    def __init__(self, facts: NodeFacts, check: Check) -> None:
        self._facts, self._check = facts, check
        self.begun: Generation | None = None

    def facts(self) -> NodeFacts:
        return self._facts

    async def check(self, generation: Generation) -> tuple[str, ...]:
        return self._check(generation)

    async def use(self, generation: Generation) -> Used:
        """It will be used by the gateway that begins now, which then says so; until it does, nobody says that it is served."""
        self.begun = generation
        await asyncio.get_running_loop().create_future()
        raise AssertionError("who waits for a first configuration goes on with it")


async def wait_for_one(
    client: EtcdClient,
    keys: FleetKeys,
    name: str,
    copies: NodeCopies,
    facts: NodeFacts,
    check: Check,
    log: Says,
    is_over: Callable[[], bool],
    in_thread: Callable[..., Awaitable[None]] = asyncio.to_thread,
) -> Begun | None:
    """Be of the fleet until there is a configuration to start with; None: ``is_over`` says that the process is to end first.

    ``in_thread``: calls what waits for the disk.
    """
    host = _FirstWait(facts, check)
    with client.used():
        follower = FleetFollower(client, keys, name, copies, host, log, in_thread=in_thread)
        follower.begin()
        while host.begun is None:
            if is_over():
                await follower.leave()
                return None
            await asyncio.sleep(LOOK)
        follower.close()
        return Begun(host.begun, lease=follower.lease)
