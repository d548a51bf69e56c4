"""``fastgw status``: how a running gateway is, in a table that is read in five seconds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fastgw.cli.asking import asked
from fastgw.cli.parts import add_gateway
from fastgw.server.source_words import dependency_words, registry_words, source_words

UNUSABLE: Final = 3  #: exit code: it answers, but there is something that it cannot serve
MOST_DEPENDENCIES: Final = 12  #: that are shown, those first that cannot be asked
MOST_PROBLEMS: Final = 12  #: that are shown: the table shall be on the same screen
_UNUSABLE: Final = ("draining", "no_worker", "no_member")  #: kinds of problems
_LATE: Final = 0.05  #: seconds an event loop may be late before it is worth a line

_ABOUT = """\
Show how a running gateway is, asked at its admin socket: the last reload, workers, and every service with its members,
their state and why.  What is wrong stands on top, worst first, with its cause and since when: a member that is dead or slow, a
full pool or queue, an open breaker, a refused reload, a worker that dies again and again, descriptors that are exhausted, a name that
does not resolve, a log that cannot be written, a certificate that ends within 14 days.

Exit code: 0 it serves, and each service has a member that can be used; 1 it cannot be asked; 2 wrong arguments;
3 a service has no member that can be used, or no worker is ready, or it drains."""

_EXAMPLES = """\
examples:
  fastgw status -c gateway.yaml
  fastgw status --socket /run/fastgw/gateway.sock --json     what /status has, for tools
  watch fastgw status -c gateway.yaml"""

Row = tuple[str, str, str, str, str, str, str]
_HEAD: Final[Row] = ("SERVICE", "STATE", "REQUESTS", "FAILED", "ACTIVE", "WAITING", "WHY")


def add(parser: argparse.ArgumentParser) -> None:
    """Its arguments."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    add_gateway(parser)


def run(options: argparse.Namespace) -> int:
    """Print it; return the exit code."""
    answer = asked(options.config, options.socket, {"do": "status"})
    if answer is None:
        return 1
    if not answer.get("ok"):
        print(f"fastgw: {answer.get('detail', answer)}", file=sys.stderr)
        return 1
    status = answer["status"]
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        for line in lines(
            status, time.time()
        ):  # in which a service may have words of its own, and no control characters
            print("".join(one if one.isprintable() else "?" for one in line))
    return UNUSABLE if is_unusable(status) else 0


def is_unusable(status: Mapping[str, Any]) -> bool:
    """Is there something that it cannot serve: no worker, a drain, a service without a member?"""
    return any(one["kind"] in _UNUSABLE for one in status["problems"])


def lines(status: Mapping[str, Any], now: float) -> Iterator[str]:
    """The table; ``now``: seconds since 1970."""
    yield (
        f"fastgw {status['version']} ({status['build']}), up {_span(status['uptime'])}, generation {status['generation']}, "
        f"{status['config']}"
    )
    yield from _problems(status["problems"], now)
    yield from _reload(status, now)
    yield from _workers(status["workers"])
    connections = status["connections"]
    waiting = sum(_waiting(service) for service in status["services"].values())
    yield (
        f"now        {_count(connections['open'], 'connection')} of clients, "
        f"{_count(connections['exchanges'], 'request')} under way, {waiting} waiting"
    )
    yield from _websockets(status.get("routes", {}).values())
    yield from _wasm(status.get("wasm"))
    yield from _telemetry(status.get("telemetry"), now)
    for one in status.get("registration", ()):
        yield f"registered {registry_words(one, now)}"
    yield from _dependencies(status.get("dependencies", ()))
    yield ""
    yield from _table([_HEAD, *_rows(status, now)])


def _websockets(routes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Those by frames, of all routes together, where there are or were any."""
    told = [route["websocket"] for route in routes]
    is_open = sum(one["open"] for one in told)
    closes = Counter[str]()
    for one in told:
        closes.update(one["closes"])
    if is_open or closes:
        sides = [f"{sum(one['messages'][side] for one in told)} messages of {side}s" for side in ("client", "service")]
        ended = ", ".join(f"{count} {by}" for by, count in closes.most_common())
        yield f"websockets {is_open} open, {' and '.join(sides)}; closed: {ended or 'none'}"


def _wasm(wasm: Mapping[str, Any] | None) -> Iterator[str]:
    """Of modules of WebAssembly, where there are any."""
    if wasm is not None:
        traps = ", ".join(f"{cause} {count}" for cause, count in wasm["traps"].items())
        yield f"wasm       {wasm['open']} of {_count(wasm['exchanges'], 'exchange')} open; traps: {traps or 'none'}"


def _problems(problems: Sequence[Mapping[str, Any]], now: float) -> Iterator[str]:
    """Worst first, as they come."""
    if not problems:
        yield "problems   none"
    shown = problems[:MOST_PROBLEMS]
    spans = ["" if one["since"] is None else _span(now - (_seconds(one["since"]) or now)) for one in shown]
    width = max(map(len, spans), default=0)
    for one, span in zip(shown, spans, strict=True):
        about = f"{one['about']}: " if one["about"] else ""
        yield f"! {one['severity']:<8}  {span:>{width}}{'  ' if width else ''}{about}{one['cause']}"
    if len(problems) > MOST_PROBLEMS:
        yield f"! and {len(problems) - MOST_PROBLEMS} more, which --json tells"


def _reload(status: Mapping[str, Any], now: float) -> Iterator[str]:
    last, counts = status["last_reload"], status["reloads"]
    word = "ok" if last["ok"] else "REFUSED, the configuration before is in use"
    if last.get("went_back"):
        word = "WENT BACK to the configuration before"
    by = f", by {last['by']}" if last.get("by", "start") != "start" else ""
    back = f", {counts['went_back']} went back" if counts.get("went_back") else ""
    yield f"last load  {word}{_ago(last['when'], now)}{by} (reloads: {counts['ok']} ok, {counts['refused']} refused{back})"
    for line in (last["error"] or "").splitlines():
        yield f"           {line}"
    if rehearsal := last.get("rehearsal"):
        yield f"rehearsal  {rehearsal['state']}: {rehearsal['reason']}"
    guard = status.get("guard") or {}
    if guard.get("state") == "watching":
        told = " -> ".join(f"{one['errors']} of {one['requests']} failed" for one in (guard["before"], guard["after"]))
        yield f"guard      {guard['seconds_left']:.0f} s left: {told}"
    yield from _fleet(status.get("fleet"), now)
    yield from _watch(status.get("watch"), now)
    for line in status["warnings"]:
        yield f"           warning: {line}"


def _watch(watch: Mapping[str, Any] | None, now: float) -> Iterator[str]:
    if watch is None:
        return
    every = f"every {_span(watch['poll_interval'])}" if watch["poll_interval"] else ""
    how = " and ".join(one for one in ("by inotify" if watch["by"] == "inotify" else "", every) if one)
    changed = f", changed{_ago(watch['last_trigger'], now)}" if watch["last_trigger"] else ""
    yield f"watching   {_count(watch['files'], 'file')}, {how}{changed} (reloads: {watch['reloads']})"
    if watch["cause"]:
        yield f"           not told of every change: {watch['cause']}"
    if watch["missing"]:
        yield f"           missing: {', '.join(watch['missing'])}"


def _fleet(fleet: Mapping[str, Any] | None, now: float) -> Iterator[str]:
    if fleet is None:
        return
    uses = f"generation {fleet['generation']}" if fleet["generation"] else "nothing of it"
    state, rollout = fleet["state"].replace("_", " "), fleet["rollout"]
    others = f", {_count(fleet['nodes'], 'gateway')}" if fleet["nodes"] is not None else ""
    leads = ", coordinates it" if fleet["coordinates"] else ""
    yield f"fleet      {fleet['key']} as {fleet['node']}: {uses}, {state}{_since(fleet['since'], now)}{others}{leads}"
    if fleet["reason"]:
        yield f"           {fleet['reason']}"
    if rollout is not None and rollout["generation"] != fleet["generation"]:
        why = f": {rollout['reason']}" if rollout["reason"] else ""
        yield f"           generation {rollout['generation']} {rollout['phase'].replace('_', ' ')}{why}"


def _workers(workers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    ready = sum(one["state"] == "ready" for one in workers)
    restarts = sum(one["restarts"] for one in workers)
    memory = sum(one["rss"] for one in workers) / (1 << 20)
    pinned = [str(one["processor"]) for one in workers if one.get("processor") is not None]
    where = f", pinned to processors {', '.join(pinned)}" if pinned else ""
    yield f"workers    {ready} of {len(workers)} ready, {_count(restarts, 'restart')}, {memory:.0f} MiB{where}"
    for one in workers:
        told = [one["state"]] if one["state"] != "ready" else []
        told += [_count(one["restarts"], "restart")] if one["restarts"] else []
        told += [f"stuck {_count(one['stalls'], 'time')}"] if one["stalls"] else []
        told += [f"its loop is {one['loop_lag']:.2f} s late"] if one["loop_lag"] > _LATE else []
        if told:
            yield f"           worker {one['worker']}: {', '.join(told)}"


def _telemetry(telemetry: Mapping[str, Any] | None, now: float) -> Iterator[str]:
    if telemetry is None:
        return
    dropped = sum(count for causes in telemetry["dropped"].values() for count in causes.values())
    state = (
        "up"
        if telemetry["up"]
        else f"DOWN, {telemetry['cause']}: {telemetry['error']}{_since(telemetry['since'], now)}"
    )
    yield f"telemetry  {telemetry['url']} {state}; {sum(telemetry['exported'].values()):,} sent, {dropped:,} dropped"


def _dependencies(dependencies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What it lives from, and by what it goes on where that cannot be asked."""
    for place, one in enumerate(dependencies[:MOST_DEPENDENCIES]):
        name = one["name"] if one["name"].startswith(f"{one['kind']} ") else f"{one['kind']} {one['name']}"
        yield f"{'' if place else 'depends on':<10} {name}: {dependency_words(one)}"
    if len(dependencies) > MOST_DEPENDENCIES:
        yield f"{'':<10} and {len(dependencies) - MOST_DEPENDENCIES} more, which --json tells"


def _rows(status: Mapping[str, Any], now: float) -> Iterator[Row]:
    weights = {
        one["service"]: f"{one['weight']:g} %" + (", shadow" if one["shadow"] else "")
        for told in status["versions"].values()
        for one in told["versions"].values()
    }
    for name, service in status["services"].items():
        members = service["endpoints"]
        up = sum(one["is_up"] for one in members.values())
        is_mixed = len({tuple(one.get("listed_by", ())) for one in members.values()}) > 1
        why = [weights[name]] if name in weights else []
        yield (
            name,
            f"{up} of {len(members)} up",
            *(str(sum(one[key] for one in members.values())) for key in ("requests", "failures", "active")),
            str(_waiting(service)),
            "; ".join([*why, *_service_notes(service, now)]),
        )
        for address, one in members.items():
            state, why_not = _member(one, now)
            if is_mixed and not why_not:
                why_not = f"from {' and '.join(one['listed_by'])}"
            counts = (str(one[key]) for key in ("requests", "failures", "active", "waiting"))
            yield (f"  {address}", state, *counts, why_not)  # type: ignore[misc]


def _waiting(service: Mapping[str, Any]) -> int:
    """Requests that wait for a connection, or in the queue of the service."""
    queued = (service.get("admission") or {}).get("queued", 0)
    return int(queued + sum(one["waiting"] for one in service["endpoints"].values()))


def _service_notes(service: Mapping[str, Any], now: float) -> Iterator[str]:
    breaker = service.get("breaker") or {}
    if breaker.get("state", "closed") != "closed":
        yield f"breaker {breaker['state']}: {breaker['reason']}{_next(breaker['until'], now)}"
    admission = service.get("admission")
    if admission:
        yield f"{admission['places']} of {admission['limit']} places"
        if shed := sum(admission["shed"].values()):
            yield f"{shed} turned away"
    panic = service.get("panic") or {}
    if panic.get("state") == "on":
        yield f"all are asked: {panic['reason']}"
    for source in service.get("discovery", ()):
        yield source_words(source, now)


def _member(member: Mapping[str, Any], now: float) -> tuple[str, str]:
    """State and reason of an endpoint: of what is wrong what weighs most."""
    breaker = member.get("breaker") or {}
    if member["state"] != "up":
        reason = ": ".join(one for one in (member["cause"], member["error"]) if one)
        return member["state"], reason + _next(member["until"], now)
    if breaker.get("state", "closed") != "closed":
        return f"breaker {breaker['state']}", f"{breaker['reason']}{_next(breaker['until'], now)}"
    for address, health in _probed(member.get("health") or {}):
        if health["state"] != "healthy":
            reason = ": ".join(one for one in (health["cause"], health["error"]) if one)
            where = f"{address} " if address else ""
            return health["state"], f"{where}{reason or 'no probe is over'}{_since(health['since'], now)}"
    failing = [(address, one) for address, one in member["addresses"].items() if one["failing_for"]]
    for address, one in failing:
        where = f"{address} " if len(member["addresses"]) > 1 else ""
        return "up", f"{where}fails in {_count(one['failing_for'], 'worker')}: {one['error'] or one['cause']}"
    return "up" if member["is_up"] else "left out", ""


def _probed(health: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """By address; of an endpoint that is no name the address is empty."""
    return [("", health)] if isinstance(health.get("state"), str) else list(health.items())


def _table(rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    for row in rows:
        texts = (row[column].ljust(widths[column]) for column in (0, 1))
        numbers = (row[column].rjust(widths[column]) for column in range(2, len(widths)))
        yield "  ".join([*texts, *numbers, row[-1]]).rstrip()


def _seconds(when: str | None) -> float | None:
    return datetime.fromisoformat(when).timestamp() if when else None


def _ago(when: str | None, now: float) -> str:
    found = _seconds(when)
    return "" if found is None else f" {_span(now - found)} ago"


def _since(when: str | None, now: float) -> str:
    found = _seconds(when)
    return "" if found is None else f", for {_span(now - found)}"


def _next(when: str | None, now: float) -> str:
    found = _seconds(when)
    if found is None:
        return ""
    return f"; next try in {_span(found - now)}" if found > now else "; being tried"


def _span(seconds: float) -> str:
    """A time for people, in its two largest units."""
    left = max(0, round(seconds))
    for size, unit, smaller, below in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if left >= size:
            rest = left % size // smaller
            return f"{left // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{left} s"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
