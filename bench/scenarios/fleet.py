"""Beside the rows: five gateways that share a configuration in etcd, each with one worker, each asked all the time.

    promoted    good configurations are pushed, one after another: from the push until the last gateway serves it
    bad         one that a single gateway cannot use: nobody takes it, and that is said
    canary      one that makes errors is tried by one gateway: how long until that has left it, and who has seen an error
    at_once     the same without a canary: all take it, and all go back
    death       the gateway that coordinates is killed with ``kill -9`` while canaries hold: when another goes on, and how that ends
    away        etcd is killed; a gateway is started anew meanwhile; etcd comes back

The fleet's machines are one machine here: what ten processes of five gateways load and check at once shares two processors.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, cast

from bench.scenarios.harness import Bench, Figure, Result, Scenario
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.measure import ms, percentile
from bench.scenarios.registry.cluster import Cluster, cluster
from bench.scenarios.registry.nodes import KEY, Asking, Node, asked, configuration, nodes_of
from fastgw.core.sources import ClientTls, EtcdSettings, RegistryUrl
from fastgw.discovery.etcd_client import EtcdClient, EtcdError
from fastgw.fleet.records import CANARY, OVER, PROMOTED, REFUSED, WENT_BACK, Canary, FleetKeys, Generation
from fastgw.fleet.store import FleetSight, Pushed, Store

SIZE: Final = 5
TTL: Final = 10.0
"""Seconds of a lease of a node."""
GUARD: Final = 5
"""Seconds."""
SERVED_MOST: Final = 2.0
"""Seconds from a push until all serve it."""
LEADING_MOST: Final = TTL + 1
"""Seconds from the death of a coordinator to the next one."""
BACK_MOST: Final = 2.0
"""Seconds from the return of etcd until a push is served by all, beside those that a push takes."""
LIMIT: Final = 60.0
"""Seconds until anything is given up."""


class Story:
    """The fleet, and who asks it."""

    def __init__(self, etcd: Cluster, store: Store, nodes: list[Node], asking: dict[str, Asking]) -> None:
        self.etcd, self.store, self.nodes, self.asking = etcd, store, nodes, asking

    async def push(self, text: str, canary: Canary | None = None) -> tuple[Generation, float]:
        """Push; return the generation, and when that began."""
        began = time.monotonic()
        return await self.store.push(Pushed(text, "bench", time.time(), canary=canary)), began

    async def seen(self, what: Callable[[FleetSight], bool], limit: float = LIMIT) -> tuple[FleetSight, float]:
        """Look at the fleet until it is so; return it, and when.  Raises RuntimeError."""
        deadline = time.monotonic() + limit
        sight = None
        while (now := time.monotonic()) < deadline:
            try:
                sight = await self.store.sight()
                if what(sight):
                    return sight, now
            except EtcdError:
                pass
            await asyncio.sleep(0.01)
        raise RuntimeError(f"the fleet did not come to that: {sight}")

    async def over(self, number: int) -> tuple[FleetSight, float]:
        """The end of the rollout of a generation."""
        return await self.seen(
            lambda sight: sight.rollout is not None and sight.rollout.number == number and sight.rollout.phase in OVER
        )

    async def served(self, word: str, began: float, names: set[str] | None = None) -> float:
        """Seconds from ``began`` until the last of them has answered ``word``; infinity: not in time."""
        chosen = [one for name, one in self.asking.items() if names is None or name in names]
        while time.monotonic() < began + LIMIT:
            took = max(one.since(word, began) for one in chosen) - began
            if math.isfinite(took):
                return took
            await asyncio.sleep(0.005)
        return math.inf

    def errors(self) -> dict[str, int]:
        """Answers of 5xx until now, by gateway."""
        return {name: one.errors for name, one in self.asking.items()}


Told = tuple[str, bool, dict[str, Figure]]


async def _promoted(story: Story, pushes: int) -> Told:
    took = []
    for number in range(pushes):
        generation, began = await story.push(configuration(f"good {number}"))
        took.append(await story.served(f"good {number}", began))
        await story.over(generation.number)
    median, worst = percentile(took, 0.5), max(took)
    text = f"served by all {ms(median)} behind a push, median of {pushes}, at most {ms(worst)}"
    return text, worst <= SERVED_MOST, {"median": median, "worst": worst}


async def _bad(story: Story, _: int) -> Told:
    """A variable that one gateway has not, and a mistake that all see."""
    texts, is_met, figures = list[str](), True, cast(dict[str, Figure], {})
    for word, more, refusing in (("one", 'zone: "${FLEET_ZONE}"\n', 1), ("all", "nonsense: 1\n", SIZE)):
        before = {name: one.now for name, one in story.asking.items()}
        generation, began = await story.push(configuration(f"bad {word}", more=more))
        sight, when = await story.over(generation.number)
        rollout = sight.rollout
        assert rollout is not None
        who = [node.name for node in sight.nodes.values() if node.refuses(generation.number)]
        taken = sum(one.since(f"bad {word}", began) < math.inf for one in story.asking.values())
        is_same = before == {name: one.now for name, one in story.asking.items()}
        is_met &= rollout.phase == REFUSED and len(who) == refusing and not taken and is_same and bool(rollout.reason)
        texts.append(f"refused by {len(who)} of {SIZE} after {ms(when - began)}, taken by {taken}")
        figures |= {f"{word}_seconds": when - began, f"{word}_refused": len(who), f"{word}_taken": taken}
    return "; ".join(texts), is_met, figures


async def _harmful(story: Story, canary: Canary | None) -> Told:
    good, harm = "before harm", "harm"
    generation, began = await story.push(configuration(good, guard=f"{GUARD}s"))
    await story.served(good, began)
    await story.over(generation.number)
    errors = story.errors()
    generation, began = await story.push(configuration(harm, status=503, guard=f"{GUARD}s"), canary)
    sight, _ = await story.over(generation.number)
    names = {name for name, one in story.asking.items() if one.since(harm, began) < math.inf}
    first = min((one.since(harm, began) for one in story.asking.values()), default=began)
    took = await story.served(good, first, names)
    failed = {name: story.errors()[name] - errors[name] for name in errors}
    rollout = sight.rollout
    assert rollout is not None
    wanted = 1 if canary is not None else SIZE
    is_met = rollout.phase == WENT_BACK and took <= GUARD and len(names) <= wanted
    is_met &= all(not failed[name] for name in failed.keys() - names) and all(
        one.now == good for one in story.asking.values()
    )
    text = f"taken by {len(names)} of {SIZE}, left by all {took:.1f} s later, {sum(failed.values())} errors"
    return text, is_met, {"taken": len(names), "back": took, "errors": sum(failed.values())}


async def _canary(story: Story, _: int) -> Told:
    return await _harmful(story, Canary(1 / SIZE, 1.0))


async def _at_once(story: Story, _: int) -> Told:
    return await _harmful(story, None)


async def _death(story: Story, _: int) -> Told:
    generation, began = await story.push(configuration("held"), Canary(0.4, 3.0))
    sight, when = await story.seen(lambda sight: sight.rollout is not None and sight.rollout.phase == CANARY)
    dead = next(one for one in story.nodes if one.name == sight.coordinator)
    dead.kill()
    died = time.monotonic()
    sight, when = await story.seen(lambda sight: sight.coordinator not in ("", dead.name))
    sight, ended = await story.over(generation.number)
    assert sight.rollout is not None
    dead.launch()
    took = await story.served("held", began)
    text = f"another coordinates {when - died:.1f} s later, {sight.rollout.phase} after {ended - died:.1f} s"
    is_met = when - died <= LEADING_MOST and sight.rollout.phase == PROMOTED and took < math.inf
    return text, is_met, {"leading": when - died, "ended": ended - died}


async def _away(story: Story, _: int) -> Told:
    await asyncio.sleep(0.5)
    before = {name: (one.now, one.failed) for name, one in story.asking.items()}
    story.etcd.kill()
    again = story.nodes[0]
    await asyncio.to_thread(again.end)
    again.launch()
    await asyncio.sleep(TTL)
    is_kept = all(story.asking[name].now == before[name][0] for name in before)
    failed = sum(story.asking[one.name].failed - before[one.name][1] for one in story.nodes[1:])
    story.etcd.launch(is_new=False)
    back = await story.etcd.returned("/ready")
    began = (await story.push(configuration("back")))[1]
    took = await story.served("back", began) + began - back
    text = f"{failed} failed while etcd was away, one that began meanwhile serves; {ms(took)} from its return to a push on all"
    is_met = is_kept and not failed and took <= SERVED_MOST + BACK_MOST
    return text, is_met, {"failed": failed, "kept": is_kept, "back": took}


STORIES: Final[dict[str, Callable[[Story, int], Awaitable[Told]]]] = {
    "promoted": _promoted,
    "bad": _bad,
    "canary": _canary,
    "at once": _at_once,
    "death": _death,
    "away": _away,
}


@ours_only
async def run(bench: Bench) -> Result:
    """All of them, one after the other."""
    if shutil.which("etcd") is None:
        return Result("needs etcd", None)
    texts, figures, is_met = [], cast(dict[str, Figure], {}), True
    with tempfile.TemporaryDirectory(prefix="fleet-") as name:
        folder = Path(name)
        async with cluster(1, folder, bench.cpus[-1]) as etcd:
            url = etcd.endpoints[0]
            settings = EtcdSettings(
                (RegistryUrl(False, "127.0.0.1", etcd.members[0].port),), "", "", "", ClientTls(), 3.0
            )
            client = EtcdClient(settings)
            with client.used(), nodes_of(SIZE, folder, url, bench.options.python, bench.cpus) as nodes:
                async with asked(nodes) as asking:
                    story = Story(etcd, Store(client, FleetKeys(KEY)), nodes, asking)
                    await story.seen(lambda sight: len(sight.nodes) == SIZE)
                    _, began = await story.push(configuration("first"))
                    if math.isinf(await story.served("first", began)):
                        raise RuntimeError(f"the fleet does not begin: {nodes[0].log()}")
                    for word, tell in STORIES.items():
                        text, is_good, told = await tell(story, bench.scale(11, 3))
                        texts.append(f"{word}: {text}" + ("" if is_good else " (missed)"))
                        figures |= {f"{word.replace(' ', '_')}_{key}": value for key, value in told.items()}
                        is_met = is_met and is_good
    return Result("; ".join(texts), is_met, figures)


SCENARIO = Scenario(
    "+", "fleet", f"{SIZE} gateways take a configuration from etcd: a good one, bad ones, one that does harm, deaths",
    f"all within {SERVED_MOST:g} s; none; back within {GUARD} s; TTL + 1 s", run,
)  # fmt: skip
