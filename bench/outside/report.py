"""A run as JSON and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.outside.measure import Cell, Reading, Rung

SCHEMA = 1
THEIRS = "`docs/benchmarks.md`, By another harness"


@dataclass(slots=True)
class CellResult:
    """What one dialect at another came to."""

    ingress: str
    egress: str
    latency: dict[str, float] = field(default_factory=dict)
    frontier: list[Reading] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    streams: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)  #: what could not be measured, and why


@dataclass(slots=True)
class GatewayResult:
    """One gateway."""

    name: str
    display: str
    version: str
    grid: list[Cell] = field(default_factory=list)
    cells: list[CellResult] = field(default_factory=list)


@dataclass(slots=True)
class OutsideRun:
    """A whole run."""

    started: str  #: ISO 8601, UTC
    effort: str
    command: str
    loader: str
    notes: list[str]
    machine: dict[str, str]
    bounds_us: tuple[int, ...]
    direct: dict[str, float]  #: the service alone: clients -> answers a second
    gateways: list[GatewayResult] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def document(run: OutsideRun) -> bytes:
    """Everything, as JSON."""
    return orjson.dumps(
        _rounded({"schema": SCHEMA, "run": asdict(run)}), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    )


def write(run: OutsideRun, directory: Path) -> Path:
    """``results.json`` and ``README.md``; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_bytes(document(run))
    page = directory / "README.md"
    page.write_text(render(run))
    return page


def render(run: OutsideRun) -> str:
    """The page."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in run.machine.items() if value)
    parts = [
        f"# By the scenarios of GetBusbar's benchmarking, {run.started[:10]}, {run.effort}",
        f"`{run.command}`; load by {run.loader}. What is theirs and what is ours: {THEIRS}.",
        "\n".join(f"- {note}" for note in run.notes),
        f"| machine | |\n|---|---|\n{facts}",
    ]
    for pair in dict.fromkeys((cell.ingress, cell.egress) for one in run.gateways for cell in one.cells):
        parts += _cell(run, *pair)
    parts += ["## Which dialects are served", _grid(run)]
    if run.missing:
        parts.append("## Not here\n\n" + "\n".join(f"- {name}: {why}" for name, why in run.missing.items()))
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(run: OutsideRun, ingress: str, egress: str) -> list[str]:
    chosen = [
        (one, cell) for one in run.gateways for cell in one.cells if (cell.ingress, cell.egress) == (ingress, egress)
    ]
    title = (
        f"Clients of {ingress}, a service of {egress}" if ingress != egress else f"Clients and a service of {ingress}"
    )
    bounds = [*run.bounds_us, 0]
    names = [f"under {bound / 1000:g} ms" if bound else "no bound" for bound in bounds]
    heads = [
        "",
        "added p50 us",
        "added p99 us",
        *names,
        "CPU us",
        "TTFT added p50 us",
        "gap added p99 us",
        "streams",
        "MiB idle",
        "peak",
        "after",
    ]
    lines = [_row(heads), "|---" + "|---:" * (len(heads) - 1) + "|"]
    complaints = []
    for one, cell in chosen:
        readings = {reading.bound_us: reading for reading in cell.frontier}
        rates = [_reading(readings.get(bound), run.direct) for bound in bounds]
        busiest = max(cell.rungs, key=lambda rung: rung.window.rate, default=None)
        cost = f"{busiest.cpu_us:,.1f}" if busiest else "-"
        streams = [_figure(cell.streams, name) for name in ("added_ttft_p50_us", "added_gap_p99_us", "sustained")]
        memory = [_figure(cell.memory, name, 1) for name in ("idle_mib", "peak_mib", "recovered_mib")]
        latency = [_figure(cell.latency, name) for name in ("added_p50_us", "added_p99_us")]
        lines.append(
            _row(
                [
                    f"{one.display} ({one.version})" if one.version else one.display,
                    *latency,
                    *rates,
                    cost,
                    *streams,
                    *memory,
                ]
            )
        )
        complaints += [f"- {one.display}: {complaint}" for complaint in cell.complaints]
    return [f"## {title}", "\n".join(lines), "\n".join(complaints)]


def _reading(reading: Reading | None, direct: dict[str, float]) -> str:
    """Answers a second at so many clients; ``>``: no more were tried; ``*``: the service alone gives hardly more, so this is the rig's."""
    if reading is None:
        return "-"
    alone = direct.get(str(reading.clients), 0.0)
    return f"{'>' if reading.is_floor else ''}{reading.rate:,.0f} at {reading.clients}{'*' if alone and reading.rate > 0.9 * alone else ''}"


def _grid(run: OutsideRun) -> str:
    dialects = list(dict.fromkeys(cell.ingress for one in run.gateways for cell in one.grid))
    lines = [_row(["clients of", *(one.display for one in run.gateways)]), "|---" * (len(run.gateways) + 1) + "|"]
    for ingress in dialects:
        row = [ingress]
        for one in run.gateways:
            served = [cell.egress for cell in one.grid if cell.ingress == ingress and cell.is_served]
            row.append(", ".join(served) or "-")
        lines.append(_row(row))
    return "The dialects of a service that clients of each reach.\n\n" + "\n".join(lines)


def _figure(values: dict[str, float], name: str, decimals: int = 0) -> str:
    return f"{values[name]:,.{decimals}f}" if name in values else "-"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value
