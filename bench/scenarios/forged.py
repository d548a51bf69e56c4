"""Beside the rows: tokens that nobody has signed, each another one, at a rate that one worker can just bear."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from typing import cast

from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import ms

LANES = 32
REFUSED = (b"401", b"503")
"""Unauthorized, or unread because too many come at once."""
NOISE = 0.001
"""Seconds by which two p99 of a quiet run may differ on a shared machine."""


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


HEAD = _encoded(b'{"alg":"ES256"}') + b"." + _encoded(json.dumps({"sub": "ann", "exp": 4102444800}).encode()) + b"."


def forged() -> bytes:
    """A request with a token that is right in everything but its signature; no two are the same."""
    token = HEAD + _encoded(os.urandom(64))
    return b"GET /signed/x HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer " + token + b"\r\n\r\n"


class _Lane(asyncio.Protocol):
    """One kept connection with one forged request in flight at a time."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._flood.idle.append(self)

    def ask(self) -> None:
        self._transport.write(forged())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"}")  # of the only object in the body of a refusal
        if end >= 0:
            self._flood.answers[self._buffer[9:12]] = self._flood.answers.get(self._buffer[9:12], 0) + 1
            self._buffer = b""
            self._flood.idle.append(self)


class Flood:
    """Forged requests at a fixed rate, as far as connections are free."""

    def __init__(self) -> None:
        self.idle: list[_Lane] = []
        self.answers: dict[bytes, int] = {}

    async def run(self, port: int, rate: float, stop: asyncio.Event) -> float:
        """Send until `stop`; return the requests a second that were answered."""
        loop = asyncio.get_running_loop()
        pairs = [await loop.create_connection(lambda: _Lane(self), "127.0.0.1", port) for _ in range(LANES)]
        started, sent = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - started) * rate)
            while sent < due and self.idle:
                self.idle.pop().ask()
                sent += 1
            sent = max(sent, due - LANES)  # what found no connection is not made up for later
            await asyncio.sleep(0.001)
        seconds = time.monotonic() - started
        for transport, _ in pairs:
            transport.abort()
        return sum(self.answers.values()) / seconds


async def run(bench: Bench) -> Result:
    """Compare good traffic before and during the flood."""
    if bench.name != "fastgw":
        return Result("has no such filter", None)
    seconds, rate = bench.scale(8, 3), bench.scale(5000, 1000)
    async with bench.serving(with_tokens=True) as stage:
        calm = await stage.traffic(seconds)
        flood, stop = Flood(), asyncio.Event()
        task = asyncio.ensure_future(flood.run(stage.ports.edge, rate, stop))
        during = await stage.traffic(seconds)
        stop.set()
        answered = await task
    accepted = sum(count for status, count in flood.answers.items() if status not in REFUSED)
    return Result(
        f"{answered:.0f} refused a second; p99 of others {ms(calm.p99)} -> {ms(during.p99)}, {during.errors} errors",
        during.p99 <= max(2 * calm.p99, calm.p99 + NOISE) and not during.errors and not accepted,
        {
            "refused_per_second": round(answered),
            "not_refused": accepted,
            "p99_before": calm.p99,
            "p99_during": during.p99,
            "errors": during.errors,
        },
    )


SCENARIO = Scenario(
    "+", "forged", "5,000 forged ES256 tokens a second, each another one: others' p99", "p99 < x2; none accepted", run,
)  # fmt: skip
