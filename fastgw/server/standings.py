"""How the addresses of endpoints do, as the workers report it: which are used, which fail and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from fastgw.core.live.news import FAILING, USED, Standing
from fastgw.core.timestamp import timestamp


class Standings:
    """What each worker said last of each address it has tried."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock``: seconds since 1970."""
        self._clock = clock
        self._said: dict[tuple[str, str], dict[str, dict[int, tuple[Standing, float]]]] = {}

    def learn(self, worker: int, standings: Iterable[Standing]) -> None:
        """Take the report of a worker."""
        for one in standings:
            by_worker = self._said.setdefault((one.service, one.endpoint), {}).setdefault(one.address, {})
            by_worker[worker] = (one, self._clock())

    def forget(self, worker: int) -> None:
        """The worker is gone, and with it what it knew."""
        for addresses in self._said.values():
            for by_worker in addresses.values():
                by_worker.pop(worker, None)

    def retain(self, places: Mapping[tuple[str, str], Collection[str]]) -> None:
        """Keep what was said of these: addresses by service and endpoint."""
        self._said = {
            name: {address: one for address, one in found.items() if address in places[name]}
            for name, found in self._said.items()
            if name in places
        }

    def leave(self, names: Iterable[tuple[str, str]]) -> None:
        """Forget what was said of these: services and endpoints."""
        for name in names:
            self._said.pop(name, None)

    def of(self, service: str, endpoint: str, addresses: Iterable[str]) -> dict[str, Any]:
        """For ``/status``: each of ``addresses`` with the number of workers that use it, and for which it fails, and why."""
        said = self._said.get((service, endpoint), {})
        return {address: _summary([*said.get(address, {}).values()]) for address in addresses}


def _summary(said: list[tuple[Standing, float]]) -> dict[str, Any]:
    failing = [(when, one.cause, one.reason) for one, when in said if one.state == FAILING]
    when, cause, reason = max(failing, default=(0.0, "", ""))
    return {
        "used_by": sum(one.state == USED for one, _ in said),
        "failing_for": len(failing),
        "cause": cause or None,
        "error": reason or None,
        "since": stamp(when),
    }


def stamp(when: float) -> str | None:
    """``timestamp`` of seconds since 1970; None for 0, which is never."""
    return timestamp(when) if when else None
