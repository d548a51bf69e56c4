"""Row 8: the same bytes in one piece and one byte at a time must have the same outcome."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.wire import check

LONGEST = 1200
"""Longer messages are left out: at one byte per 2 ms they would take minutes."""


def splittable(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the request cases that can be sent byte by byte in reasonable time."""
    return [
        case
        for case in cases
        if case["direction"] == "request" and "segs" not in case and len(case.get("raw", "x" * LONGEST)) < LONGEST
    ]


def outcome(found: dict[str, Any]) -> tuple[bool, list[int], int]:
    """Return what must not depend on the split: failed or not, the statuses, and the requests the service saw.

    Which of its defects a message is refused for, and so the status, may depend on which is seen first.
    """
    statuses = [min(status, 400) for status in found["st"]]
    return found["v"] not in ("PASS", "ALT", "POLICY"), statuses, found["n"]


async def run(bench: Bench) -> Result:
    """Run the checker twice, whole and byte by byte, and compare the outcomes."""
    source = bench.options.wire / "cases.json"
    if not source.exists():
        raise RuntimeError(f"no wire cases at {source} (see --wire)")
    cases = splittable(json.loads(source.read_text())["cases"])
    cases = cases[:: bench.scale(1, 6)]
    with tempfile.TemporaryDirectory() as directory:
        whole_file, split_file = Path(directory) / "whole.json", Path(directory) / "split.json"
        whole_file.write_text(json.dumps({"cases": cases}))
        split_file.write_text(json.dumps({"cases": [{**case, "segs": "bytes"} for case in cases]}))
        async with bench.serving(with_services=False) as stage:
            whole = await check(stage, whole_file)
            split = await check(stage, split_file)
    differing = sorted(name for name in whole if outcome(whole[name]) != outcome(split[name]))
    return Result(
        f"{len(whole) - len(differing)} / {len(whole)}",
        not differing,
        {"cases": len(whole), "same": len(whole) - len(differing), "differing": ", ".join(differing)},
    )


SCENARIO = Scenario("8", "split", "request cases whose outcome is the same whole and byte by byte", "all", run)
