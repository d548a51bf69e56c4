"""Sends what the metrics page says to the collector, every ``interval`` and once more at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastgw.server.exporter import METRICS, Exporter
from fastgw.server.log import Log
from fastgw.telemetry.totals import Facts, Totals

if TYPE_CHECKING:
    from fastgw.config.telemetry_spec import MetricPushSpec


class Pushing:
    """Of one gateway."""

    def __init__(
        self,
        exporter: Exporter,
        counted: Callable[[], tuple[Facts, Totals]],
        log: Log,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``counted``: returns what the page is made of; ``wall``: seconds since 1970."""
        self._exporter = exporter
        self._counted = counted
        self._log = log
        self._wall = wall
        self._interval = 0.0
        self._task: asyncio.Task[None] | None = None

    def keep(self, spec: MetricPushSpec | None) -> None:
        """Send as ``spec`` says from now on; None: nothing."""
        interval = 0.0 if spec is None else spec.interval
        if interval == self._interval:
            return
        self.close()
        self._interval = interval
        if interval:
            self._task = asyncio.get_running_loop().create_task(self._work(interval))

    def close(self) -> None:
        """Send nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def finish(self) -> None:
        """Send the last of it, if the collector takes anything."""
        self.close()
        if self._interval and not self._exporter.cause:
            await self.push()

    async def push(self) -> None:
        """Send what is counted now; nobody wants it any more when there is something newer."""
        facts, totals = self._counted()
        exporter, now = self._exporter, self._wall()

        def encode() -> tuple[bytes, int]:
            from fastgw.telemetry.metrics import families  # 80 ms and 8 MB that are paid where somebody wants it
            from fastgw.telemetry.otlp_metrics import metrics

            began = int((now - facts.uptime) * 1e9)
            return metrics(exporter.resource, exporter.scope, families(facts, totals), began, int(now * 1e9))

        message, points = await asyncio.to_thread(encode)
        await exporter.post(METRICS, points, message, self._interval)

    async def _work(self, interval: float) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.push()
            except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
                self._log.error("metrics cannot be sent", error=repr(error))
            await asyncio.sleep(max(0.0, began + interval - time.monotonic()))
