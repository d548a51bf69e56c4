"""What the dashboard shows, out of ``/status`` and the rates: rows that a page only has to write, bounded in number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastgw.server.source_words import dependency_words, source_words
from fastgw.telemetry.totals import CertificateFacts

MOST_ROUTES: Final = 200  #: those with the most requests
MOST_SERVICES: Final = 200
MOST_MEMBERS: Final = 100  #: of one service; those that are not up come first
MOST_PROBLEMS: Final = 20
MOST_DEPENDENCIES: Final = 50  #: those first that cannot be asked


def viewed(
    status: Mapping[str, Any],
    rates: Mapping[str, Mapping[str, Any]],
    certificates: Sequence[CertificateFacts],
    loads: Sequence[Mapping[str, Any]],
    now: float,
) -> dict[str, Any]:
    """``rates``: of ``Rates``; ``loads``: of ``History``; ``now``: seconds since 1970."""
    routes = sorted((name for name in rates if name), key=lambda name: (-rates[name]["rate"], name))
    services = status["services"]
    connections = status["connections"]
    return {
        "at": round(now, 3),
        "gateway": {key: status[key] for key in ("version", "build", "generation", "config", "uptime", "draining")},
        "problems": status["problems"][:MOST_PROBLEMS],
        "watch": status["watch"],
        "fleet": status["fleet"],
        "whole": {
            **rates[""],
            "connections": connections["open"],
            "exchanges": connections["exchanges"],
            "tunnels": connections["tunnels"],
            "waiting": sum(_waiting(one) for one in services.values()),
        },
        "routes": [{"name": name, **rates[name]} for name in routes[:MOST_ROUTES]],
        "services": [_service(name, one, now) for name, one in list(services.items())[:MOST_SERVICES]],
        "left_out": {
            "routes": max(0, len(routes) - MOST_ROUTES),
            "services": max(0, len(services) - MOST_SERVICES),
            "problems": max(0, len(status["problems"]) - MOST_PROBLEMS),
            "dependencies": max(0, len(status["dependencies"]) - MOST_DEPENDENCIES),
        },
        "dependencies": [
            {
                "kind": one["kind"],
                "name": one["name"],
                "state": one["state"],
                "told": dependency_words(one),
                "why": one["error"] or "",
            }
            for one in status["dependencies"][:MOST_DEPENDENCIES]
        ],
        "workers": status["workers"],
        "loads": list(loads),
        "certificates": [
            {"listener": one.listener, "file": one.file, "days": round((one.ends - now) / 86400, 1)}
            for one in sorted(certificates, key=lambda one: one.ends)
        ],
    }


def _waiting(service: Mapping[str, Any]) -> int:
    """Requests that wait for a connection, or in the queue of the service."""
    queued = (service.get("admission") or {}).get("queued", 0)
    return int(queued + sum(one["waiting"] for one in service["endpoints"].values()))


def _service(name: str, service: Mapping[str, Any], now: float) -> dict[str, Any]:
    endpoints = service["endpoints"]
    is_mixed = len({tuple(one.get("listed_by", ())) for one in endpoints.values()}) > 1
    members = [_member(address, one, is_mixed) for address, one in endpoints.items()]
    members.sort(key=lambda one: bool(one["state"] == "up"))
    admission, breaker = service.get("admission") or {}, service.get("breaker") or {}
    return {
        "name": name,
        "up": sum(one["is_up"] for one in endpoints.values()),
        "of": len(members),
        "waiting": _waiting(service),
        "queue": {key: admission[key] for key in ("limit", "places", "queued")} if admission else None,
        "shed": sum(admission["shed"].values()) if admission else 0,
        "breaker": {key: breaker[key] for key in ("state", "reason", "until")} if "state" in breaker else None,
        "sources": [
            {"place": one["source"], "state": one["state"], "why": _said(source_words(one, now), one["error"])}
            for one in service.get("discovery", ())
        ],
        "members": members[:MOST_MEMBERS],
        "left_out": max(0, len(members) - MOST_MEMBERS),
    }


def _member(address: str, one: Mapping[str, Any], is_mixed: bool) -> dict[str, Any]:
    """With what weighs most of what is wrong with it; else, where members come from several places, with its own."""
    state, why, until = next(_wrong(one), ("up" if one["is_up"] else "left out", "", None))
    if is_mixed and not why:
        why = f"from {' and '.join(one['listed_by'])}"
    numbers = {key: one[key] for key in ("requests", "failures", "active", "waiting")}
    return {"address": address, "state": state, "why": why, "until": until, **numbers}


def _wrong(one: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """State, reason, and until when."""
    if one["state"] != "up":
        yield one["state"], _said(one["cause"], one["error"]), one["until"]
    breaker = one.get("breaker") or {}
    if breaker.get("state", "closed") != "closed":
        yield f"breaker {breaker['state']}", breaker["reason"], breaker["until"]
    health = one.get("health") or {}
    for probed in [health] if isinstance(health.get("state"), str) else health.values():
        if probed["state"] != "healthy":
            yield probed["state"], _said(probed["cause"], probed["error"]) or "no probe is over", None
    for address, failing in one["addresses"].items():
        if failing["failing_for"]:
            yield "up", f"{address}: {_said(failing['cause'], failing['error'])}", None
    if slow := one.get("slow"):
        yield "up", f"slow: {slow['seconds']:.3g} s where the others take {slow['others']:.3g} s", None


def _said(*parts: str | None) -> str:
    return ": ".join(one for one in parts if one)
