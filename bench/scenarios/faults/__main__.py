"""Command line of the stories; see `docs/scenarios.md`."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from bench.macro.charts import bar_chart
from bench.scenarios import peers
from bench.scenarios.__main__ import raise_file_limit
from bench.scenarios.faults.ground import Found, Ground, Story
from bench.scenarios.harness import ROOT

NAMES = ("killed", "bursts", "closed", "overload", "outlier", "streams", "hedged")


def story(name: str) -> Story:
    """The story of a name."""
    found: Story = importlib.import_module(f"bench.scenarios.faults.{name}").STORY
    return found


def table(one: Story, found: Found) -> str:
    """The lines of a story as Markdown."""
    columns = list(found.lines[0][1])
    out = [f"## {one.title}", "", f"Target: {found.target}: **{'met' if found.is_met else 'missed'}**.", ""]
    out += ["| | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    for name, figures in found.lines:
        out.append(f"| {name} | " + " | ".join(str(figures.get(column, "")) for column in columns) + " |")
    return "\n".join([*out, "", *found.notes, f"![{one.title}]({one.name}.svg)", ""])


def chart(one: Story, found: Found) -> str:
    """The bars of a story as SVG."""
    column, unit = found.bars
    bars = [(name, (float(figures[column] or 0),)) for name, figures in found.lines if column in figures]
    return bar_chart(one.title, unit, bars)


def heading(is_quick: bool) -> str:
    """Which machine, which versions, when."""
    versions = ", ".join(peers.version(name) for name in ("fastgw", "nginx", "haproxy") if peers.available(name))
    kind = "quick run" if is_quick else "full run"
    return (
        f"{versions}; {kind}, {time.strftime('%Y-%m-%d %H:%M')}, {os.cpu_count()} CPUs, "
        f"{platform.release()}, Python {platform.python_version()}"
    )


def publish(out: Path, pages: list[str], figures: dict[str, object]) -> None:
    """Write what was found so far."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "README.md").write_text("# Services that fail\n\n" + "\n\n".join(pages))
    (out / "figures.json").write_text(json.dumps({"about": pages[0], "stories": figures}, indent=1) + "\n")


async def tell(names: list[str], ground: Ground, out: Path | None) -> int:
    """Run them one after the other; the number of targets missed."""
    pages, figures, missed = [heading(ground.is_quick)], {}, 0
    for name in names:
        one = story(name)
        try:
            found = await one.run(ground)
        except (OSError, RuntimeError, ValueError) as error:
            print(f"{name}: did not run: {error}", file=sys.stderr, flush=True)
            missed += 1
            continue
        missed += not found.is_met
        page = table(one, found)
        print(page, flush=True)
        pages.append(page)
        figures[name] = {"target": found.target, "is_met": found.is_met, "lines": found.lines, "notes": found.notes}
        if out is not None:
            publish(out, pages, figures)
            (out / f"{name}.svg").write_text(chart(one, found))
    return missed


def main() -> int:
    """Run the chosen stories, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/faults", description="Services that fail behind a gateway, on loopback."
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="tell this story (repeatable)")
    parser.add_argument("--quick", action="store_true", help="shorter: a check, not a figure")
    parser.add_argument("--out", type=Path, help="directory for README.md, figures.json and a chart of each")
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs fastgw")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target was missed")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    raise_file_limit()
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    os.sched_setaffinity(0, {cpus[-1]})
    missed = asyncio.run(tell(chosen.only or list(NAMES), Ground(chosen.python, chosen.quick, cpus), chosen.out))
    return 1 if missed and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
