"""A rollout, followed from the push to its end: what each gateway says, one line each, when it says it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Final

from fastgw.discovery.etcd_client import ELSEWHERE, EtcdError
from fastgw.fleet.records import OVER, PROMOTED, SERVING, FleetNode, FleetRollout, Generation
from fastgw.fleet.store import FleetSight, Store

LOOK: Final = 0.2  #: seconds between two looks
NOBODY: Final = 2.0  #: seconds without a gateway after which there is none


async def follow(store: Store, generation: Generation, limit: float, say: Callable[[str], None] | None = None) -> int:
    """Tell how the fleet takes ``generation``; return 0 if it is promoted, or there is nobody to take it, else 1.

    ``limit``: seconds; ``say``: prints a line.
    """
    time = asyncio.get_running_loop().time
    begun, told = time(), _Told(generation.number, say or _print)
    failed = ""
    while time() - begun < limit:
        try:
            sight = await store.sight()
            failed = ""
        except EtcdError as error:
            if error.cause not in ELSEWHERE:
                raise
            if not failed:
                told.say(f"etcd cannot be asked, the rollout goes on without us: {error}")
            failed = str(error)
        else:
            if (code := told.tell(sight)) is not None:
                return code
            if not sight.nodes and time() - begun > NOBODY:
                told.say("no gateway is there: the first that comes checks it, and takes it")
                return 0
        await asyncio.sleep(LOOK)
    told.say(f"not over after {limit:g} s; `fastgw fleet` shows how it goes on")
    return 1


class _Told:
    """What was told already."""

    def __init__(self, number: int, say: Callable[[str], None]) -> None:
        self.say = say
        self._number = number
        self._phase = ""
        self._nodes: dict[str, str] = {}

    def tell(self, sight: FleetSight) -> int | None:
        """Tell what is new; return the exit code when it is over."""
        rollout = sight.rollout
        if sight.latest > self._number or (rollout is not None and rollout.number > self._number):
            later = max(sight.latest, rollout.number if rollout is not None else 0)
            self.say(f"generation {later} was pushed meanwhile, and is rolled out instead")
            return 1
        for name, node in sight.nodes.items():
            line = self._line(node)
            if line and self._nodes.get(name) != line:
                self._nodes[name] = line
                self.say(f"  {name}: {line}")
        if rollout is None or rollout.number != self._number:
            return None
        if rollout.phase != self._phase:
            self._phase = rollout.phase
            self.say(_phase(rollout))
        if rollout.phase not in OVER:
            return None
        return 0 if rollout.phase == PROMOTED else 1

    def _line(self, node: FleetNode) -> str:
        """What a node says of this generation; empty: nothing."""
        if node.refuses(self._number):
            return "\n    ".join(["refuses it", *node.problems])
        if node.uses == self._number:
            return node.state + (f": {node.reason}" if node.reason else "")
        if node.accepts(self._number):
            return "can use it" + (f"; {node.state}: {node.reason}" if node.reason and node.state != SERVING else "")
        return ""


def _phase(rollout: FleetRollout) -> str:
    named = f": {', '.join(rollout.canaries)}" if rollout.canaries else f": {rollout.reason}" if rollout.reason else ""
    return rollout.phase.replace("_", " ") + named


def _print(line: str) -> None:
    print(line, file=sys.stdout, flush=True)
