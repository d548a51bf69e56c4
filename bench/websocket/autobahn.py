"""The Autobahn test suite against a service directly, and through a gateway that passes bytes, or frames: what differs.

``python -m bench.websocket.autobahn --wstest WSTEST [--cases 1.*,2.*] [--out DIRECTORY]``

``WSTEST`` is the command of the suite (https://github.com/crossbario/autobahn-testsuite), which runs on Python 2.7 and is not part of this
project: ``python2.7 -m pip install autobahntestsuite`` in an environment of its own.  The service is the echo server of ``websockets``.
A case whose outcome is a matter of chance (4.1.5 and 4.2.5 are, with this service) is run again: it differs if what comes through the
gateway never comes directly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from bench.scenarios.peers import answers, free_port, wait_until

CONFIG = """\
workers: 1
admin: false
admin_socket: false
listeners: [{{address: "127.0.0.1:{edge}"}}]
routes:
  - {{path: /bytes, service: s}}
  - {{path: /frames, service: s, websocket: {{max_frame: 64MiB, max_message: 64MiB, compression: pass}}}}
services:
  s: {{endpoints: ["127.0.0.1:{service}"]}}
"""
DIRECT = "direct"
CASES = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.1.1,12.1.2,12.1.3,12.2.1,13.1.1,13.2.1,13.3.1,13.4.1"
AGAIN = 6  #: times that cases are run which differ
TOLD = ("behavior", "behaviorClose", "remoteCloseCode")

Outcome = tuple[Any, ...]
Seen = dict[str, dict[str, set[Outcome]]]  #: by case and agent


def specification(out: Path, ports: Mapping[str, int], cases: Sequence[str]) -> dict[str, Any]:
    """What ``wstest`` is told."""
    agents = {DIRECT: (ports["service"], ""), "bytes": (ports["edge"], "bytes"), "frames": (ports["edge"], "frames")}
    servers = [{"agent": name, "url": f"ws://127.0.0.1:{port}/{path}"} for name, (port, path) in agents.items()]
    told = {"outdir": str(out), "servers": servers, "cases": list(cases)}
    return told | {"exclude-cases": [], "exclude-agent-cases": {}}


def add(seen: Seen, index: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """The outcomes of one run, as its ``index.json`` has them."""
    for agent, cases in index.items():
        for name, found in cases.items():
            seen[name][agent].add(tuple(found[key] for key in TOLD))


def differing(seen: Seen) -> list[str]:
    """Cases of which something came through the gateway that never came directly."""
    return [
        name for name, agents in seen.items() if any(not found <= agents[DIRECT] for found in agents.values())
    ]  # fmt: skip


def table(seen: Seen) -> str:
    """How many cases had which outcome, and which differ."""
    agents = sorted({agent for found in seen.values() for agent in found}, key=lambda one: (one != DIRECT, one))
    counts: dict[str, dict[str, int]] = {agent: defaultdict(int) for agent in agents}
    for found in seen.values():
        for agent, outcomes in found.items():
            counts[agent][" or ".join(sorted({str(one[0]) for one in outcomes}))] += 1
    kinds = sorted({kind for one in counts.values() for kind in one})
    lines = ["| | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    lines += [f"| {agent} | " + " | ".join(str(counts[agent][kind]) for kind in kinds) + " |" for agent in agents]
    others = differing(seen)
    lines += ["", f"{len(seen)} cases, {len(others)} of them differ{': ' if others else ''}{', '.join(others)}"]
    return "\n".join(lines)


async def echo(port: int) -> None:
    """The service."""

    async def back(peer: ServerConnection) -> None:
        async for message in peer:
            await peer.send(message)

    async with serve(back, "127.0.0.1", port, max_size=64 << 20, ping_interval=None) as server:
        await server.serve_forever()


def run(wstest: str, out: Path, ports: Mapping[str, int], cases: Sequence[str]) -> Seen:
    """Run ``cases``, and those that differ again."""
    seen: Seen = defaultdict(lambda: defaultdict(set))
    for number in range(1 + AGAIN):
        if not cases:
            break
        folder = out / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        told = folder / "specification.json"
        told.write_text(json.dumps(specification(folder, ports, cases)))
        with (folder / "log").open("wb") as log:
            subprocess.run([wstest, "-m", "fuzzingclient", "-s", str(told)], stdout=log, stderr=log, check=True)
        add(seen, json.loads((folder / "index.json").read_text()))
        cases = differing(seen)
    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Start service and gateway, run the suite, print the table; 1: something differs."""
    parser = argparse.ArgumentParser(
        prog="autobahn", description="The Autobahn test suite, directly and through a gateway."
    )
    parser.add_argument("--wstest", required=True, help="command of the suite")
    parser.add_argument(
        "--cases",
        default=CASES,
        help="comma-separated patterns (default: few of those of compression, which take hours)",
    )
    parser.add_argument("--out", type=Path, help="where its reports go (default: nowhere)")
    parser.add_argument("--service", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.service:
        asyncio.run(echo(chosen.service))
    ports = {"edge": free_port(), "service": free_port()}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gateway.yaml"
        config.write_text(CONFIG.format(**ports))
        here = ["bench.websocket.autobahn", "--wstest", "-", "--service", str(ports["service"])]
        running = [subprocess.Popen([sys.executable, "-m", *one]) for one in (here, ["fastgw", "run", str(config)])]
        try:
            if not all(wait_until(lambda port=port: answers(port), 30) for port in ports.values()):
                raise RuntimeError("service or gateway do not answer")
            seen = run(chosen.wstest, (chosen.out or Path(folder)).resolve(), ports, chosen.cases.split(","))
        finally:
            for one in running:
                one.terminate()
                one.wait(20)
    print(table(seen))
    return 1 if differing(seen) else 0


if __name__ == "__main__":
    sys.exit(main())
