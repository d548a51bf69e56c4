"""A run as a Markdown page with charts beside it."""

from __future__ import annotations

from pathlib import Path

from bench.macro.charts import bar_chart
from bench.macro.errors import brief
from bench.macro.goals import judge
from bench.macro.metrics import METRICS, show
from bench.macro.peers import REFERENCE
from bench.macro.results import CaseResult, Measured, RunResult, save
from bench.macro.stats import Ratio

METHOD = (
    "How these figures come about: `docs/benchmarks.md`. Figures are medians of interleaved rounds; ratios are medians of the "
    "ratios of each round, with the lowest and highest round in brackets."
)
ALWAYS_HIDDEN = ("stolen", "late_share")


def write(run: RunResult, directory: Path) -> Path:
    """``results.json``, ``README.md`` and one SVG for each case, into ``directory``; the page's path."""
    directory.mkdir(parents=True, exist_ok=True)
    save(run, directory / "results.json")
    for case in run.cases:
        if case.measured:
            (directory / f"{case.name}.svg").write_text(chart(case))
    page = directory / "README.md"
    page.write_text(render(run))
    return page


def render(run: RunResult) -> str:
    """The Markdown page."""
    parts = [f"# Benchmark of {run.started[:10]}, {run.profile} profile", METHOD, _machine(run)]
    if any(run.case(verdict.goal.case) for verdict in judge(run)):
        parts.append(_goals(run))
    parts += [_case(case) for case in run.cases]
    if run.missing:
        parts.append("## Not here\n\n" + "\n".join(f"- {peer}: {why}" for peer, why in run.missing.items()))
    return "\n\n".join(parts) + "\n"


def chart(case: CaseResult) -> str:
    """The headline of a case as bars; CPU time divided into user and system."""
    bars: list[tuple[str, list[float]]] = []
    for one in case.measured:
        value = one.median(case.headline)
        if value is None:
            continue
        user, system = one.median("user_us"), one.median("sys_us")
        whole = case.headline == "cpu_us" and user is not None and system is not None
        parts = [user or 0.0, system or 0.0]
        total: float = parts[0] + parts[1]
        scale = value / total if whole and total else 1.0  # medians of parts need not sum up to the whole's
        bars.append((one.label, [part * scale for part in parts] if whole else [max(value, 0.0)]))
    legend = ["user", "system"] if case.headline == "cpu_us" else []
    return bar_chart(case.title, METRICS[case.headline].title, bars, legend, METRICS[case.headline].decimals)


def _machine(run: RunResult) -> str:
    facts = "\n".join(f"| {name} | {value} |" for name, value in run.machine.items() if value)
    versions = "\n".join(f"| {peer} | {version} |" for peer, version in run.versions.items())
    return f"| machine | |\n|---|---|\n{facts}\n\n| peer | version |\n|---|---|\n{versions}"


def _goals(run: RunResult) -> str:
    lines = ["## Goals", "", "| goal | at most | measured | held |", "|---|---|---|---|"]
    for verdict in judge(run):
        goal, value = verdict.goal, verdict.value
        if run.case(goal.case) is None and run.profile != "full":
            continue
        measured = "not measured" if value is None else f"{value:,.2f} {goal.unit}"
        held = {True: "yes", False: "**no**", None: ""}[verdict.is_held]
        lines.append(f"| {goal.text} | {goal.most:,g} {goal.unit} | {measured} | {held} |")
    return "\n".join(lines)


def _case(case: CaseResult) -> str:
    parts = [f"## {case.title}"]
    facts = [f"`{case.name}`", f"{case.rounds} rounds", f"{case.seconds:g} s each"]
    if case.rate:
        facts.append(f"{case.rate:,.0f} requests/s")
    parts.append(", ".join(facts) + ("." if not case.notes else f". {case.notes}"))
    if case.measured:
        parts += [f"![{case.title}]({case.name}.svg)", _table(case)]
    if case.skipped:
        parts.append("\n".join(f"- without {who}: {brief(why)}" for who, why in case.skipped))
    return "\n\n".join(parts)


def _table(case: CaseResult) -> str:
    columns = _columns(case)
    own_growth = len(case.variants) > 1 and not case.compare_first
    reference = case.measured[0].label if case.compare_first else REFERENCE
    titles = ["", *(METRICS[name].title for name in columns[:1]), f"to {reference}"]
    titles += ["to own first"] if own_growth else []
    titles += [METRICS[name].title for name in columns[1:]]
    lines = ["| " + " | ".join(titles) + " |", "|---" + "|---:" * (len(titles) - 1) + "|"]
    for one in case.measured:
        cells = [
            one.label,
            show(columns[0], one.median(columns[0])),
            _ratio(one.ratio(_reference(case, one), case.headline)),
        ]
        cells += [_ratio(one.ratio(case.find(one.peer), case.headline))] if own_growth else []
        cells += [show(name, one.median(name)) for name in columns[1:]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _columns(case: CaseResult) -> list[str]:
    """The headline, then whatever any of them has, in the order of ``METRICS``; errors only if there were any."""
    present = {name for one in case.measured for sample in one.samples for name in sample}
    if not any(value for one in case.measured for value in one.values("errors")):
        present.discard("errors")
    rest = [name for name in METRICS if name in present and name != case.headline and name not in ALWAYS_HIDDEN]
    return [case.headline, *rest]


def _reference(case: CaseResult, one: Measured) -> Measured | None:
    return case.measured[0] if case.compare_first else case.find(REFERENCE, one.variant)


def _ratio(ratio: Ratio | None) -> str:
    return f"{ratio.median:.2f} [{ratio.low:.2f}-{ratio.high:.2f}]" if ratio else "-"
