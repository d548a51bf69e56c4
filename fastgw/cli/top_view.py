"""What ``fastgw top`` shows of one look: tables of ``rich``, which only this command needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fastgw.cli.looks import Look

#: By what routes are sorted, in the order of the key ``s``: names of columns, and what is largest first.
SORTS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "rate": lambda one: -one["rate"],
    "errors": lambda one: -one["errors"],
    "p99": lambda one: -(one["latency"][2] or 0.0),
    "active": lambda one: -one["active"],
    "name": lambda one: one["name"],
}
MOST_PROBLEMS: Final = 6  #: that are shown
_LATE: Final = 0.05  #: seconds
_SEVERITY: Final = {"critical": "bold red", "error": "red", "warning": "yellow"}


def view(look: Look, sort: str, gone: str, rows: int) -> RenderableType:
    """``sort``: one of ``SORTS``; ``gone``: why the gateway cannot be asked now, if so; ``rows``: of the screen."""
    parts: list[RenderableType] = [_head(look, gone)]
    parts += [_problem(one) for one in look["problems"][:MOST_PROBLEMS]]
    more = len(look["problems"]) + look["left_out"].get("problems", 0) - MOST_PROBLEMS
    if more > 0:
        parts.append(Text(f"and {more} more, which fastgw status --json tells", style="yellow"))
    services = _services(look["services"])
    used = len(parts) + 6 + services.row_count + len(look["workers"])
    parts += [Text(), _routes(look, sort, max(3, rows - used - 4)), Text(), services, Text(), _workers(look["workers"])]
    return Group(*parts)


def _head(look: Look, gone: str) -> Text:
    gateway, whole = look["gateway"], look["whole"]
    line = Text(
        f"fastgw {gateway['version']}  generation {gateway['generation']}  {whole['rate']:.1f} requests/s  "
        f"{share(whole)} errors  p50 {span(whole['latency'][0])}  p99 {span(whole['latency'][2])}  "
        f"{whole['exchanges']} under way  {whole['waiting']} waiting  {whole['connections']} connections",
        style="bold",
    )
    if gateway["draining"]:
        line.append("  DRAINING", style="yellow")
    if gone:
        line.append(f"  GONE: {printable(gone)}; asked again", style="bold red")
    return line


def _problem(one: Mapping[str, Any]) -> Text:
    about = f"{one['about']}: " if one["about"] else ""
    return Text(f"! {printable(about + one['cause'])}", style=_SEVERITY.get(one["severity"], ""), no_wrap=True)


def _routes(look: Look, sort: str, most: int) -> Table:
    table = _table(("ROUTE", "req/s", "errors", "p50", "p95", "p99", "active", "requests"))
    routes = sorted(look["routes"], key=lambda one: (SORTS[sort](one), one["name"]))
    for one in routes[:most]:
        spans = (span(seconds) for seconds in one["latency"])
        style = "red" if one["errors"] else ""
        _row(table, (one["name"], f"{one['rate']:.1f}", share(one), *spans, one["active"], one["requests"]), style)
    more = len(routes) - most + look["left_out"]["routes"]
    if more > 0:
        _row(table, (f"and {more} more", *[""] * 7), "dim")
    return table


def _services(services: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(("SERVICE", "state", "active", "waiting", "requests", "failed", "why"), text=(0, 1, 6))
    for service in services:
        notes = []
        if service["queue"]:
            notes.append(f"{service['queue']['places']} of {service['queue']['limit']} places")
        if service["breaker"] and service["breaker"]["state"] != "closed":
            notes.append(f"breaker {service['breaker']['state']}: {service['breaker']['reason']}")
        state = f"{service['up']} of {service['of']} up"
        style = "" if service["up"] == service["of"] else "yellow" if service["up"] else "red"
        _row(table, (service["name"], state, "", service["waiting"], "", "", "; ".join(notes)), style)
        for one in service["members"]:
            numbers = (one[key] for key in ("active", "waiting", "requests", "failures"))
            is_up = one["state"] == "up" and not one["why"]
            _row(table, (f"  {one['address']}", one["state"], *numbers, one["why"]), "" if is_up else "yellow")
    return table


def _workers(workers: Sequence[Mapping[str, Any]]) -> Table:
    table = _table(("WORKER", "state", "loop lag", "memory", "restarts", "stuck"), text=(0, 1))
    for one in workers:
        is_well = one["state"] == "ready" and one["loop_lag"] < _LATE
        cells = (
            one["worker"],
            one["state"],
            span(one["loop_lag"]),
            f"{one['rss'] / (1 << 20):.0f} MiB",
            one["restarts"],
        )
        _row(table, (*cells, one["stalls"]), "" if is_well else "yellow")
    return table


def _table(columns: Sequence[str], text: Sequence[int] = (0,)) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place in text else "right", no_wrap=True)
    return table


def _row(table: Table, cells: Sequence[object], style: str) -> None:
    """A name is text, whatever it looks like: no markup, no control characters."""
    table.add_row(*(Text(printable(str(one))) for one in cells), style=style)


def printable(text: str) -> str:
    """``text`` without what moves a cursor."""
    return "".join(one if one.isprintable() else "?" for one in text)


def span(seconds: float | None) -> str:
    """A duration in three digits."""
    if seconds is None:
        return "-"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 999.5 else f"{seconds / 60:.0f} min"


def share(one: Mapping[str, Any]) -> str:
    """How many of the requests failed."""
    return (
        f"{100 * min(1.0, one['errors'] / one['rate']):.3g} %"
        if one["rate"]
        else "0 %"
        if not one["errors"]
        else "100 %"
    )
