"""What is wrong with a gateway now, worst first: each with its cause, and since when.

Made from what ``/status`` has anyway, and from what has grown lately (``episodes.py``).  ``fastgw status`` shows it on top, so that one
screen leads from "something is wrong" to why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from fastgw.server.episodes import Episode, Episodes
from fastgw.server.fleet_status import wrong_in_fleet
from fastgw.server.notices import CERTIFICATE_DAYS
from fastgw.server.process_status import ADMIN
from fastgw.server.source_words import span
from fastgw.server.standings import stamp

CRITICAL: Final = "critical"  #: requests fail for it now
ERROR: Final = "error"  #: some do, or something is not done
WARNING: Final = "warning"  #: they will, or nobody notices yet
SEVERITIES: Final = (CRITICAL, ERROR, WARNING)
MOST: Final = 100  #: problems that are told; a configuration may have thousands of endpoints

StatusTree = Mapping[str, Any]


class Concern(NamedTuple):
    """One of them."""

    severity: str
    kind: str  #: for tools; docs/operations.md has all of them
    about: str  #: "service llm", "worker 1", ...; empty: the gateway
    cause: str
    since: str | None  #: a time stamp


class When(NamedTuple):
    """The moment that problems are told of."""

    wall: float  #: seconds since 1970
    episodes: Episodes

    def began(self, episode: Episode) -> str | None:
        """When it did."""
        return stamp(self.wall - (self.episodes.clock() - episode.began))


def problems(document: StatusTree, episodes: Episodes, now: float) -> list[dict[str, Any]]:
    """Those of a gateway whose ``/status`` is ``document``; ``now``: seconds since 1970."""
    when = When(now, episodes)
    found = [
        *_gateway(document, when),
        *_workers(document, when),
        *_services(document, when),
        *_sources(document, now),
        *_logs(document, when),
        *_certificates(document, now),
    ]
    found.sort(key=lambda one: SEVERITIES.index(one.severity))
    if len(found) > MOST:
        left = found[MOST - 1 :]
        found[MOST - 1 :] = [Concern(left[0].severity, "more", "", f"and {len(left)} more, which are not told", None)]
    return [one._asdict() for one in found]


def _gateway(document: StatusTree, when: When) -> Iterator[Concern]:
    if document["draining"]:
        yield Concern(CRITICAL, "draining", "", "it drains: what is under way is finished, nothing new is taken", None)
    elif not any(one["state"] == "ready" for one in document["workers"]):
        yield Concern(CRITICAL, "no_worker", "", "no worker is ready", None)
    last = document["last_reload"]
    if not last["ok"]:
        lines = (last["error"] or "").splitlines()
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        cause = f"the last reload is refused, the configuration before is in use: {lines[0] if lines else ''}{more}"
        yield Concern(ERROR, "reload_refused", "", cause, last["when"])
    fleet = document.get("fleet") or {}
    if wrong := wrong_in_fleet(fleet):
        yield Concern(ERROR, "fleet", "", wrong, fleet["since"])
    for one in when.episodes.of("accept").values():
        cause = f"clients are not accepted, for want of descriptors or memory ({_times(one.count)}): raise LimitNOFILE"
        yield Concern(CRITICAL, "descriptors", "", cause, when.began(one))
    files = document["open_files"]
    if files and files["limit"] and files["needed"] > files["limit"]:
        cause = f"a worker may need {files['needed']} open files, and may have {files['limit']}: raise LimitNOFILE, or lower limits"
        yield Concern(WARNING, "open_files", "", cause, None)
    for one in when.episodes.of("board_full").values():
        cause = f"the board has no room for the keys of limits: {_count(one.count, 'request')} refused"
        yield Concern(ERROR, "board_full", "", cause, when.began(one))


def _workers(document: StatusTree, when: When) -> Iterator[Concern]:
    deaths = when.episodes.of("death")
    stalls = when.episodes.of("stall")
    for worker in document["workers"]:
        name, index = f"worker {worker['worker']}", str(worker["worker"])
        if (died := deaths.get((index,))) is not None:
            last = f", the last time by {worker['last_end']}" if worker["last_end"] else ""
            is_loop = worker["quick_deaths"] >= 2
            what = "dies as soon as it is started" if is_loop else "died"
            cause = f"it {what} ({_times(died.count)}{last}): the log says why"
            severity = ERROR if is_loop or worker["state"] != "ready" else WARNING
            yield Concern(severity, "crash_loop" if is_loop else "worker_died", name, cause, when.began(died))
        if worker["state"] == "stalled":
            yield Concern(ERROR, "stalled", name, "it gives no sign of life: something holds its loop", None)
        elif (stalled := stalls.get((index,))) is not None:
            cause = f"it gave no sign of life for seconds ({_times(stalled.count)})"
            yield Concern(WARNING, "stalled", name, cause, when.began(stalled))


def _services(document: StatusTree, when: When) -> Iterator[Concern]:
    services, versions = document["services"], document["versions"]
    groups = {name: [one["service"] for one in told["versions"].values()] for name, told in versions.items()}
    grouped = {name for group in groups.values() for name in group}
    groups |= {name: [name] for name in services if name not in grouped}
    for name, group in groups.items():
        members = [one for inner in group if inner in services for one in services[inner]["endpoints"].items()]
        if not any(member["is_up"] for _, member in members):
            # why is told of each member below
            since = max((member["since"] or "" for _, member in members), default="")  # when the last one went
            cause = "it has no member that can be used"
            yield Concern(CRITICAL, "no_member", f"service {name}", cause, since or None)
    shed = when.episodes.of("shed")
    failed = when.episodes.of("failed")
    for name, service in services.items():
        yield from _of_service(name, service, shed, when)
        for address, member in service["endpoints"].items():
            yield from _of_member(f"member {address} of {name}", member, failed.get((name, address)), service, when)


_SHED: Final = {
    "over_limit": "all its places are taken",
    "queue_full": "its queue is full",
    "queue_timeout": "there was no place in time",
    "worker_busy": "the event loop of the worker is late",
}


_NO_CONNECTION: Final = ("pool_full", "pending_timeout")  #: of requests that got none
_WORDS: Final = {"other": "another cause, such as the timeout of the route:"}


_SOURCE_STATES: Final = {
    "failing": "cannot be asked",
    "doubted": "is not believed",
    "pending": "says nothing",  # of which something is used all the same
}


def _of_service(name: str, service: StatusTree, shed: Mapping[Any, Episode], when: When) -> Iterator[Concern]:
    about = f"service {name}"
    breaker = service.get("breaker") or {}
    if breaker.get("state", "closed") != "closed":
        cause = f"its breaker is {breaker['state']}: {breaker['reason']}"
        yield Concern(CRITICAL, "breaker", about, cause, breaker["since"])
    for cause, told in _SHED.items():
        if (found := shed.get((name, cause))) is not None:
            limit = service["admission"]["limit"] if service.get("admission") else 0
            text = f"requests are turned away ({found.count}): {told}" + (
                f", {limit} may be under way" if limit else ""
            )
            yield Concern(CRITICAL, cause, about, text, when.began(found))
    for source in service.get("discovery", ()):
        if source["state"] in _SOURCE_STATES and (source["state"] != "pending" or source["recalled"]):
            what = _SOURCE_STATES[source["state"]]
            kept = (
                "nobody was listed yet"
                if source["members"] is None
                else f"{_count(source['members'], 'member')} in use"
            )
            if source["recalled"]:
                kept += f", who were listed {span(source['age'])} ago, before this gateway began"
            cause = f"{source['source']} {what}: {source['error'] or source['cause'] or 'no answer yet'}; {kept}"
            severity = ERROR if source["members"] else CRITICAL
            yield Concern(severity, "discovery", about, cause, source["listed_at"])
        elif source["state"] == "listed" and not source["members"]:
            cause = (
                f"{source['source']} lists nobody: is it the right place? fastgw check --online shows what is beside it"
            )
            yield Concern(WARNING, "discovery", about, cause, source["changed_at"])
    panic = service.get("panic") or {}
    if panic.get("state") == "on":
        cause = f"all members are asked, too few are well: {panic['reason']}"
        yield Concern(ERROR, "panic", about, cause, panic["since"])


def _of_member(
    about: str, member: StatusTree, failed: Episode | None, service: StatusTree, when: When
) -> Iterator[Concern]:
    if member["waiting"]:
        most = (service.get("limits") or {}).get("max_connections")
        cause = f"its pool is full: {_count(member['active'], 'connection')} busy" + (
            f" (max_connections: {most} in each worker)" if most else ""
        )
        lost = sum(failed.causes[one] for one in _NO_CONNECTION) if failed is not None else 0
        cause += f", {_count(member['waiting'], 'request')} waiting" + (f", {lost} failed" if lost else "")
        since = when.began(failed) if failed is not None and lost else None
        yield Concern(ERROR, "pool_full", about, cause, since)
        if failed is not None and lost == failed.count:
            failed = None  # all of it is told
    told = _standing(member)
    if told is not None:
        yield Concern(ERROR, told[0], about, told[1], told[2])
    elif failed is not None:
        common = [(_WORDS.get(cause, cause), count) for cause, count in failed.causes.most_common(3) if count]
        causes = ", ".join(f"{cause} {count}" for cause, count in common)
        kind = failed.causes.most_common(1)[0][0] if failed.causes else "failed"
        cause = f"{_count(failed.count, 'request')} failed there: {causes}"
        yield Concern(ERROR if kind == "pool_full" else WARNING, kind, about, cause, when.began(failed))
    slow = member.get("slow")
    if told is None and slow is not None:
        cause = f"it is slow: half of its answers begin within {slow['seconds']:.3g} s, those of the others of its service within"
        yield Concern(WARNING, "slow", about, f"{cause} {slow['others']:.3g} s", slow["since"])


def _standing(member: StatusTree) -> tuple[str, str, str | None] | None:
    """Kind, cause and since when, of a member that is not asked."""
    breaker = member.get("breaker") or {}
    if member["state"] != "up":
        reason = ": ".join(one for one in (member["cause"], member["error"]) if one)
        return member["state"], f"it is {member['state']}{': ' if reason else ''}{reason}", member["since"]
    if breaker.get("state", "closed") != "closed":
        return "breaker", f"its breaker is {breaker['state']}: {breaker['reason']}", breaker["since"]
    health = member.get("health") or {}
    for one in [health] if isinstance(health.get("state"), str) else health.values():
        if one["state"] == "unhealthy":
            reason = ": ".join(word for word in (one["cause"], one["error"]) if word)
            return "unhealthy", f"probes fail: {reason}", one["since"]
    return None


#: Kinds of dependencies that nothing else tells of, and how bad it is that one fails.
_OTHERS: Final = {"redis": ERROR, "telemetry": WARNING, "introspection": ERROR, "ext_authz": ERROR, "mqtt": ERROR}
_ABOUT: Final = {
    "redis": "Redis",
    "telemetry": "collector",
    "introspection": "judge of tokens",
    "ext_authz": "judge of requests",
    "mqtt": "broker",
}

#: What is kept over restarts, and what follows where it is not.
_ON_DISK: Final = {
    "members": "nobody is known until the registries answer",
    "names": "no address is known until name servers answer",
    "keys": "no token can be verified until its issuer answers",
}


def _sources(document: StatusTree, now: float) -> Iterator[Concern]:
    for host, name in document["names"].items():
        if name["cause"]:
            kept = f"; {_count(len(name['addresses']), 'address')} of before in use" if name["addresses"] else ""
            if name["recalled"]:
                kept += f", found {span(name['age'])} ago, before this gateway began"
            since = stamp(now - name["age"]) if name["age"] is not None else None
            severity = ERROR if name["addresses"] else CRITICAL
            yield Concern(
                severity, "dns", f"name {host}", f"it does not resolve: {name['error'] or name['cause']}{kept}", since
            )
    for what, then in _ON_DISK.items():
        kept = document[f"{what}_file"]
        if kept is not None and kept["error"] and kept["has_place"]:
            cause = f"{kept['error']}: after a restart {then}"
            yield Concern(WARNING, f"{what}_file", f"{what} on the disk", cause, kept["saved_at"])
    forecast = document["forecast"]
    if forecast is not None and forecast["error"]:
        yield Concern(WARNING, "forecast", "forecasts", f"what is counted is not kept: {forecast['error']}", None)
    for url, keys in document["key_sets"].items():
        if keys["cause"] and not (keys["cause"] == "pending" and keys["keys"]):
            cause = f"its keys cannot be fetched: {keys['error'] or keys['cause']}; {keys['keys']} in use"
            if keys["age"] is not None:
                cause += f", fetched {span(keys['age'])} ago" + (
                    ", before this gateway began" if keys["recalled"] else ""
                )
                cause += "" if keys["keys"] else ", which is too long (stale)"
            since = stamp(now - keys["age"]) if keys["age"] is not None else None
            yield Concern(ERROR if keys["keys"] else CRITICAL, "key_set", f"key set {url}", cause, since)
    yield from _others(document["dependencies"], now)
    for one in document["registration"]:
        about = f"registry {one['registry']}"
        if one["cause"]:
            there = f"{len(one['members'])} of {_count(one['wanted'], 'member')} there"
            cause = f"members cannot be registered: {one['error'] or one['cause']}; {there}"
            yield Concern(ERROR, "registration", about, cause, one["since"])
        if one["left_out"]:
            cause = f"{_count(one['left_out'], 'member')} more than can be registered are left out"
            yield Concern(WARNING, "registration", about, cause, None)


def _others(dependencies: Sequence[Mapping[str, Any]], now: float) -> Iterator[Concern]:
    """Those of which nothing is told above, or with a service."""
    for one in dependencies:
        severity = _OTHERS.get(one["kind"])
        if severity is not None and one["state"] == "failing":
            kept = f"; {one['goes_on']}" if one["goes_on"] else ""
            cause = f"it cannot be asked: {one['error'] or one['cause']}{kept}"
            since = stamp(now - one["age"]) if one["age"] is not None else None
            yield Concern(severity, one["kind"], f"{_ABOUT[one['kind']]} {one['name']}", cause, since)


def _logs(document: StatusTree, when: When) -> Iterator[Concern]:
    told = document["lost_logs"]
    for path, one in told.items():
        cause = f"lines are lost ({one['lines']}): {one['cause']}"
        yield Concern(ERROR, "log_lost", f"log {path}", cause, one["since"])
    if not told:
        for found in when.episodes.of("log_lost").values():
            cause = f"{_count(found.count, 'line')} of access logs lost: the log says which, and why"
            yield Concern(WARNING, "log_lost", "", cause, when.began(found))


def _certificates(document: StatusTree, now: float) -> Iterator[Concern]:
    for one in document["certificates"]:
        left = datetime.fromisoformat(one["ends"]).timestamp() - now
        about = one["listener"] if one["listener"] == ADMIN else f"listener {one['listener']}"
        if left <= 0:
            yield Concern(CRITICAL, "certificate", about, f"{one['certificate']} has expired", one["ends"])
        elif left <= CERTIFICATE_DAYS * 86400:
            days = _count(int(left // 86400), "day")
            cause = f"{one['certificate']} expires in {days}, at {one['ends']}"
            yield Concern(WARNING, "certificate", about, cause, None)


def _count(number: int, what: str) -> str:
    many = "es" if what.endswith("s") else "s"
    return f"{number} {what}" + ("" if number == 1 else many)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
