"""What a gateway says of the members of a service, over time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bench.scenarios.faults.ground import Gateway
from bench.scenarios.measure import PROC, parse_stat

EVERY = 0.05
"""Seconds between two looks."""


class Watching:
    """Looks at ``/status`` again and again."""

    def __init__(self, gateway: Gateway, service: str) -> None:
        self._gateway = gateway
        self._service = service
        self._ejected: dict[str, float] = {}
        self._listed: dict[str, float] = {}  # the last look that has seen it
        self._looks: list[float] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look meanwhile."""
        task = asyncio.ensure_future(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def out(self, address: str) -> float:
        """When it was not asked any more for the first time; infinity: never."""
        return min(self._ejected.get(address, float("inf")), self.gone(address))

    def gone(self, address: str) -> float:
        """When it was not listed any more; infinity: it still is."""
        last = self._listed.get(address, 0.0)
        return next((look for look in self._looks if look > last), float("inf"))

    def see(self, now: float, endpoints: Mapping[str, Mapping[str, Any]]) -> None:
        """That is what it says ``now``, by the monotonic clock."""
        self._looks.append(now)
        for address, one in endpoints.items():
            self._listed[address] = now
            if one["state"] == "ejected":
                self._ejected.setdefault(address, now)

    async def _run(self) -> None:
        while True:
            found = await asyncio.to_thread(status, self._gateway)
            self.see(time.monotonic(), found["services"][self._service]["endpoints"])
            await asyncio.sleep(EVERY)


def status(gateway: Gateway) -> dict[str, Any]:
    """What it says of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.admin}/status", timeout=5) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def supervisor(said: dict[str, Any]) -> int:
    """The process that all others of a gateway descend from; ``said``: its status."""
    worker = next(int(one["pid"]) for one in said["workers"] if one["pid"])
    return parse_stat((PROC / str(worker) / "stat").read_text())[0]
