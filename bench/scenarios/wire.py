"""Rows 1 to 4: the wire checker, which plays client and service and judges both sides of the peer."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench.scenarios.harness import Bench, Result, Scenario, Stage

FAILURES = ("UNSAFE", "LEAK", "LENIENT", "OVERREJECT", "TRUNC", "HANG", "NOREPLY", "ERROR")
QUICK = "^(valid|clte|cl-|te-|host-|resp-)"
"""Cases of a quick run."""


async def check(stage: Stage, cases: Path, only: str = "") -> dict[str, dict[str, Any]]:
    """Run the checker in front of and behind the peer and return its findings by case.

    Raises:
        RuntimeError: the checker is not there, or could not reach the peer.
    """
    script = stage.bench.options.wire / "wirecheck.py"
    if not script.exists():
        raise RuntimeError(f"no wire checker at {script} (see --wire)")
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.json"
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), "--proxy", f"127.0.0.1:{stage.ports.edge}", "--upstream-port",
            str(stage.ports.main), "--cases", str(cases), "--out", str(out), *(["--only", only] if only else []),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        text, _ = await process.communicate()
        if not out.exists():
            raise RuntimeError(f"the wire checker stopped: {text.decode(errors='replace')[-300:]}")
        found: dict[str, dict[str, Any]] = json.loads(out.read_text())
        return found


async def run(bench: Bench) -> Result:
    """Count the verdicts over all cases."""
    async with bench.serving(with_services=False) as stage:
        found = await check(stage, bench.options.wire / "cases.json", QUICK if bench.options.quick else "")
    counts = Counter(case["v"] for case in found.values())
    failed = {name: case["v"] for name, case in found.items() if case["v"] in FAILURES}
    shown = [verdict for verdict in FAILURES if counts[verdict] or verdict in FAILURES[:4]]
    text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in shown)
    return Result(f"{text} of {len(found)}", not failed, {**counts, "cases": len(found), "failed": json.dumps(failed)})


SCENARIO = Scenario("1-4", "wire", "wire cases: unsafe, leaked, lenient, legal refused", "0, 0, 0, 0", run)
