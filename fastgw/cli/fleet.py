"""``fastgw fleet``: the gateways that share one configuration in etcd, how far they are with it, and what keeps them from it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.cli.etcd import add_etcd, fleet_of

if TYPE_CHECKING:
    from fastgw.fleet.records import FleetNode, FleetRollout
    from fastgw.fleet.store import FleetSight, Store

LOOK: Final = 1.0  #: seconds between two looks
CLEAR: Final = "\x1b[H\x1b[2J"  #: of a terminal

_ABOUT = """\
Show the gateways of a fleet (those that run with --etcd and the same --key): which generation of the configuration each
of them serves, its state, since when and why; above them how far the fleet is with the generation that was pushed last.
The gateway that coordinates is marked with *.

waiting     it has nothing to serve yet
checking    it checks the generation that is rolled out
guarding    it serves a new generation, whose errors are compared with those before
serving     all is well
refused     it cannot use the generation that it has checked last
went_back   it has left a generation that made more errors
stale       it does not hear of etcd, and goes on with what it has

Exit code: 0 all gateways serve what is promoted, or are on the way; 1 one of them refuses, went back, is stale or does
not follow, nobody is there or coordinates, or etcd cannot be asked; 2 wrong arguments."""

_EXAMPLES = """\
examples:
  fastgw fleet --etcd http://10.0.0.2:2379 --key /fastgw/edge
  fastgw fleet --watch                           again and again, of $FASTGW_ETCD and $FASTGW_KEY
  fastgw fleet --format json | jq '.nodes[] | select(.state != "serving")'"""

_HEAD: Final = ("NODE", "VERSION", "GENERATION", "STATE", "SINCE", "WORKERS", "ADMIN", "REASON")


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: for tools")
    parser.add_argument(
        "--watch", action="store_true", help="once a second, until Ctrl-C; json: a line for each change"
    )
    add_etcd(parser)


def run(options: argparse.Namespace) -> int:
    """Show it; return the exit code."""
    import asyncio

    from fastgw.discovery.etcd_client import EtcdClient
    from fastgw.fleet.store import Store

    try:
        settings, keys = fleet_of(options)
    except ValueError as error:
        print(f"fastgw fleet: {error}", file=sys.stderr)
        return 2

    async def asked() -> int:
        client = EtcdClient(settings)
        with client.used():
            store = Store(client, keys)
            return await (_watched if options.watch else _shown)(store, options.format == "json")

    try:
        return asyncio.run(asked())
    except KeyboardInterrupt:
        return 130


async def _shown(store: Store, as_json: bool) -> int:
    from fastgw.discovery.etcd_client import EtcdError

    try:
        sight = await store.sight()
    except EtcdError as error:
        print(f"fastgw fleet: {error}", file=sys.stderr)
        return 1
    print(json.dumps(document(store.keys.root, sight), indent=2) if as_json else _text(store, sight))
    return 1 if wrong_with(sight) else 0


async def _watched(store: Store, as_json: bool) -> int:
    import asyncio

    from fastgw.discovery.etcd_client import EtcdError

    is_terminal, last = sys.stdout.isatty(), ""
    while True:
        try:
            sight = await store.sight()
            told = json.dumps(document(store.keys.root, sight)) if as_json else _text(store, sight)
        except EtcdError as error:
            told = json.dumps({"error": str(error)}) if as_json else f"fastgw fleet: {error}"
        if not as_json and is_terminal:
            print(CLEAR + told, flush=True)
        elif told != last:
            print(told if as_json else f"{told}\n", flush=True)
        last = told
        await asyncio.sleep(LOOK)


def _text(store: Store, sight: FleetSight) -> str:
    return "\n".join(lines(store.keys.root, sight, time.time()))


def wrong_with(sight: FleetSight) -> list[str]:
    """What is not as it should be, one line each."""
    from fastgw.fleet.records import OVER, REFUSED, STALE, WENT_BACK

    found = [f"cannot be read: {error}" for error in sight.wrong]
    if not sight.nodes:
        return [*found, "no gateway is there"]
    if not sight.coordinator:
        found.append("nobody coordinates: a gateway does within seconds, if it can write below the key")
    rollout = sight.rollout
    for name, node in sight.nodes.items():
        if node.state in (REFUSED, WENT_BACK, STALE):
            found.append(f"{name}: {node.state}" + (f": {node.reason}" if node.reason else ""))
        elif rollout is not None and rollout.phase in OVER and rollout.promoted not in (0, node.uses):
            found.append(f"{name}: uses generation {node.uses}, not {rollout.promoted}")
    return found


def lines(root: str, sight: FleetSight, now: float) -> Iterator[str]:
    """The table; ``now``: seconds since 1970."""
    yield from _rollout(root, sight, now)
    for error in sight.wrong:
        yield f"! cannot be read: {error}"
    if not sight.nodes:
        yield "no gateway is there"
        return
    if not sight.coordinator:
        yield "! nobody coordinates"
    yield ""
    rows = [_HEAD, *(_row(node, sight, now) for node in sight.nodes.values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    for row, node in zip(rows, [None, *sight.nodes.values()], strict=True):
        yield "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        if node is not None:
            yield from (f"    {problem}" for problem in _problems(node, sight.rollout))


def _rollout(root: str, sight: FleetSight, now: float) -> Iterator[str]:
    rollout = sight.rollout
    if rollout is None:
        pushed = f"generation {sight.latest} is pushed, and nobody has begun with it" if sight.latest else ""
        yield f"{root}: {pushed or 'nothing was pushed yet'}"
        return
    canaries = f" on {', '.join(rollout.canaries)}" if rollout.canaries else ""
    phase = rollout.phase.replace("_", " ")
    yield f"{root}: generation {rollout.number} {phase}{canaries}, {_span(now - rollout.since)}{_used(rollout)}"
    if rollout.reason:
        yield f"  {rollout.reason}"
    if sight.latest > rollout.number:
        yield f"  generation {sight.latest} is next"


def _used(rollout: FleetRollout) -> str:
    if rollout.promoted == rollout.number:
        return ""
    return f"; in use: generation {rollout.promoted}" if rollout.promoted else "; nothing was promoted yet"


def _row(node: FleetNode, sight: FleetSight, now: float) -> tuple[str, ...]:
    return (
        node.name + (" *" if node.name == sight.coordinator else ""),
        node.version,
        str(node.uses) if node.uses else "-",
        node.state,
        _span(now - node.since),
        str(node.workers),
        node.admin or "-",
        node.reason,
    )


def _problems(node: FleetNode, rollout: FleetRollout | None) -> Sequence[str]:
    """What it finds wrong with the generation that is rolled out."""
    return node.problems if rollout is not None and node.refuses(rollout.number) else ()


def document(root: str, sight: FleetSight) -> dict[str, Any]:
    """All of it, for tools."""
    return {
        "key": root,
        "latest": sight.latest,
        "rollout": sight.rollout._asdict() if sight.rollout is not None else None,
        "coordinator": sight.coordinator or None,
        "nodes": [node._asdict() for node in sight.nodes.values()],
        "unreadable": [{"key": error.key, "reason": error.reason} for error in sight.wrong],
        "wrong": wrong_with(sight),
    }


def _span(seconds: float) -> str:
    """A time for people, in its largest unit."""
    left = max(0, round(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if left >= size:
            return f"{left // size} {unit}"
    return f"{left} s"
