"""What is told of a registry in one line: of a source of members, in the table of ``fastgw status`` and on the dashboard, and of where the
gateway is registered; and of whatever else the gateway depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any


def span(seconds: float) -> str:
    """A time for people, in one unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def source_words(source: Mapping[str, Any], now: float) -> str:
    """Such as "etcd: 3 listed at 42, changed 5 min ago; 2 skipped".

    Args:
        source: as ``/status`` has it.
        now: seconds since 1970.
    """
    return f"{source['kind']}: " + "; ".join(_clauses(source, now))


def registry_words(registry: Mapping[str, Any], now: float) -> str:
    """Such as "2 of 2 members in etcd http://a:2379 /services, renewed 3 s ago".

    Args:
        registry: where the gateway registers members, as ``/status`` has it.
        now: seconds since 1970.
    """
    there, state = (
        f"{len(registry['members'])} of {registry['wanted']} members in {registry['registry']}",
        registry["state"],
    )
    if state == "registered":
        return there + _ago(", renewed", registry["renewed_at"], now)
    why = f" for {span(now - _seconds(registry['since']))}: {registry['error']}" if registry["since"] else ""
    return f"{there}; {state}{why}"


def dependency_words(one: Mapping[str, Any]) -> str:
    """Such as "failing (refused): 2 keys, 3 h old".

    ``one``: what the gateway depends on, as ``/status`` has it.
    """
    is_wrong = one["state"] not in ("connected", "quiet")
    cause = f" ({one['cause']})" if one["cause"] and is_wrong and one["cause"] != one["state"] else ""
    kept = [one["goes_on"]] if one["goes_on"] else []
    if one["age"] is not None and is_wrong:
        kept.append(f"of {span(one['age'])} ago")
    return f"{one['state']}{cause}" + (f": {', '.join(kept)}" if kept else "")


def _clauses(source: Mapping[str, Any], now: float) -> Iterator[str]:
    count, state = source["members"], source["state"]
    if state == "listed":
        at = f" at {source['revision']}" if source["revision"] else ""
        yield f"{count} listed{at}" + _ago(", changed", source["changed_at"], now)
    else:
        cause = f" ({source['cause']})" if source["cause"] else ""
        yield f"{state}{cause} for {span(now - _seconds(source['since']))}"
        if count is not None:
            yield f"{count} in use" + _ago(", listed", source["listed_at"], now)
    if source["recalled"]:
        yield "from before the start"
    if source["skipped"]:
        yield f"{source['skipped']} skipped, such as {source['skipped_entries'][0]['entry']}"
    if source["damped"]:
        yield f"left out as they come and go: {', '.join(source['damped_members'])}"


def _ago(word: str, when: str | None, now: float) -> str:
    return f"{word} {span(now - _seconds(when))} ago" if when else ""


def _seconds(when: str) -> float:
    return datetime.fromisoformat(when).timestamp()
