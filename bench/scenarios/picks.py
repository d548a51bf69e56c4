"""Beside the rows: what it costs to pick a member of a service that has 5,000, beside one of 5, in instructions (``bench.guard``'s way).

By callgrind, so whatever else the machine does is not in it.  Every balancer of the configuration, with equal weights and with others, and
the pick for a request that was sent to a member that failed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.guard.count import build_marks, parse_dump
from bench.scenarios.harness import ROOT, Bench, Figure, Result, Scenario
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.registry.picking import AGAIN, FEW, MANY

COUNT = MANY + 1
SHARE_MOST = 1.25
"""Times."""
SOUGHT_MOST = 2.0
"""The same where a place is looked for by halves, in a ring or by weights: there are a thousand times as many, and so ten more steps."""
SOUGHT = ("hash", ".weights")
"""Parts of the names of those."""


async def counted(folder: Path) -> dict[str, dict[int, int]]:
    """Instructions of one pick by what is counted, and by the number of members.  Raises RuntimeError."""
    marks = await asyncio.to_thread(build_marks, folder)
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
    command += [sys.executable, "-m", "bench.scenarios.registry.picking", str(marks), str(COUNT)]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the picks failed under valgrind: {errors.decode(errors='replace')[-500:]}")
    return await asyncio.to_thread(_read, folder)


def _read(folder: Path) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for path in sorted(folder.glob("out.*")):
        word, instructions = parse_dump(path.read_text(errors="replace"))
        name, _, size = word.rpartition(":")
        picks = AGAIN if name.endswith(".again") else COUNT - 1
        found.setdefault(name, {})[int(size)] = round(instructions / picks)
    return found


def share(one: dict[int, int]) -> float:
    """Of the many, times the few."""
    return one[MANY] / one[FEW]


def judge(found: dict[str, dict[int, int]]) -> bool:
    """Whether all cost about the same."""
    return all(share(one) <= most(name) for name, one in found.items())


def most(name: str) -> float:
    """How many times as much it may cost."""
    return SOUGHT_MOST if any(part in name for part in SOUGHT) else SHARE_MOST


@ours_only
async def run(bench: Bench) -> Result:
    """Count."""
    if shutil.which("valgrind") is None:
        return Result("needs valgrind", None)
    with tempfile.TemporaryDirectory(prefix="picks-") as name:
        found = await counted(Path(name))
    figures: dict[str, Figure] = {f"{name}:{size}": count for name, one in found.items() for size, count in one.items()}
    texts = [
        f"{name} {one[FEW]:,} -> {one[MANY]:,}{'' if share(one) <= most(name) else ' (!)'}"
        for name, one in sorted(found.items())
    ]
    return Result(f"instructions at {FEW} -> {MANY:,} members: {'; '.join(texts)}", judge(found), figures)


SCENARIO = Scenario(
    "+", "picks", f"a pick of one of {MANY:,} members beside one of {FEW}, by each balancer, in instructions",
    f"<= {SHARE_MOST} times; by a ring or weights {SOUGHT_MOST:g} times", run,
)  # fmt: skip
