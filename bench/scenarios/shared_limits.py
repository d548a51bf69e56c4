"""Beside the rows: two gateways that share a limit by a Redis, which is killed and started again while they are asked for too much."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from bench.scenarios import peers
from bench.scenarios.harness import Bench, Figure, Result, Scenario
from bench.scenarios.measure import ms, percentile

RATE, BURST, BLOCK = 500, 500, 50
OFFERED = 750
"""Requests a second to each of the two gateways."""
LANES = 16
USUAL = 0.050
"""Seconds that a slowest request may take more than the slowest before, on a shared machine; one that waited would take 500 ms."""

CONFIG = """\
workers: 1
listeners:
  - {{name: edge, address: "127.0.0.1:{port}"}}
routes:
  - {{path: "/*", reply: {{status: 200, body: ok}}, filters: [limit]}}
filters:
  limit:
    type: rate_limit
    limits: [{{rate: {rate}/s, burst: {burst}, block: {block}}}]
    cluster: {{redis: "unix://{socket}", when_gone: {mode}}}
"""
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"


class _Lane(asyncio.Protocol):
    """One kept connection with one request in flight at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._since = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.idle.append(self)

    def ask(self) -> None:
        self._since = time.monotonic()
        self._transport.write(GET)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._load.latencies.append(time.monotonic() - self._since)
            self._load.admitted += head[9:12] == b"200"
            self._buffer = b""
            self._load.idle.append(self)


class Load:
    """Requests to both gateways at a fixed rate, as far as connections are free."""

    def __init__(self) -> None:
        self.idle: list[_Lane] = []
        self.latencies: list[float] = []
        self.admitted = 0

    async def run(self, seconds: float) -> tuple[list[float], int]:
        """Send for so long; return the latencies, and how many were admitted."""
        self.latencies, self.admitted = [], 0
        started, sent = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            due = int(passed * OFFERED * 2)
            while sent < due and self.idle:
                self.idle.pop(0).ask()
                sent += 1
            sent = max(sent, due - LANES)
            await asyncio.sleep(0.001)
        return self.latencies, self.admitted


def _redis(folder: Path) -> subprocess.Popen[bytes]:
    where = ["--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder)]
    return subprocess.Popen(["redis-server", *where, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)


def _gateway(bench: Bench, folder: Path, mode: str, port: int) -> subprocess.Popen[bytes]:
    config = folder / f"{mode}-{port}.yaml"
    config.write_text(CONFIG.format(port=port, rate=RATE, burst=BURST, block=BLOCK, socket=folder / "s", mode=mode))
    command = peers.command("fastgw", config, bench.options.python)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@asynccontextmanager
async def _gateways(bench: Bench, folder: Path, mode: str) -> AsyncIterator[Load]:
    """Two gateways, and connections to both."""
    started: list[subprocess.Popen[bytes]] = []
    transports: list[asyncio.BaseTransport] = []
    load = Load()
    try:
        ports = [peers.free_port() for _ in range(2)]
        started += [_gateway(bench, folder, mode, port) for port in ports]
        for port in ports:
            if not await asyncio.to_thread(peers.wait_until, lambda port=port: peers.answers(port), 20.0):
                raise RuntimeError("a gateway does not start")
        loop = asyncio.get_running_loop()
        for place in range(LANES):
            transport, _ = await loop.create_connection(lambda: _Lane(load), "127.0.0.1", ports[place % 2])
            transports.append(transport)
        yield load
    finally:
        for transport in transports:
            cast(asyncio.Transport, transport).abort()
        for process in started:
            process.terminate()
            process.wait(15)


async def _story(bench: Bench, folder: Path, mode: str, seconds: float) -> dict[str, float]:
    """Up, killed with ``kill -9``, and up again without its memory; the figures."""
    redis = _redis(folder)
    try:
        async with _gateways(bench, folder, mode) as load:
            began = time.monotonic()
            before, up = await load.run(seconds)
            admitted, allowed = up, BURST + RATE * (time.monotonic() - began)
            os.kill(redis.pid, 9)
            redis.wait()
            killed = time.monotonic()
            during, more = await load.run(seconds)
            admitted += more
            (folder / "s").unlink(missing_ok=True)
            redis = _redis(folder)
            after, more = await load.run(seconds)
            ended = time.monotonic()
            admitted += more
    finally:
        redis.kill()
        redis.wait()
    gone = ended - killed  # at most: it was back at some time of that
    bound = BURST + RATE * (ended - began) + 2 * 2 * BLOCK
    if mode == "open":
        bound += BURST + RATE * gone
    return {
        "admitted": admitted,
        "bound": round(bound),
        "asked_while_up": len(before),
        "admitted_while_up": up,
        "allowed_while_up": round(allowed),
        "slowest_before": max(before),
        "slowest": max(during + after),
        "p99_before": percentile(before, 0.99),
        "p99": percentile(during + after, 0.99),
    }


async def run(bench: Bench) -> Result:
    """Both modes, one after the other."""
    if bench.name != "fastgw":
        return Result("has no such limit", None)
    if shutil.which("redis-server") is None:
        return Result("needs redis-server", None)
    seconds = bench.scale(5, 2)
    texts, figures, is_met = [], cast(dict[str, Figure], {}), True
    for mode in ("closed", "open"):
        with tempfile.TemporaryDirectory(prefix="redis-") as name:
            found = await _story(bench, Path(name), mode, seconds)
        figures |= {f"{mode}_{key}": value for key, value in found.items()}
        is_met = is_met and found["admitted"] <= found["bound"] and found["slowest"] <= found["slowest_before"] + USUAL
        texts.append(
            f"{mode}: {found['admitted']:.0f} of {found['bound']:.0f} admitted, while it was up "
            f"{found['admitted_while_up']:.0f} of {found['asked_while_up']:.0f} where {found['allowed_while_up']:.0f} are allowed, "
            f"slowest {ms(found['slowest_before'])} -> {ms(found['slowest'])}, p99 {ms(found['p99_before'])} -> {ms(found['p99'])}"
        )
    return Result("; ".join(texts), is_met, figures)


SCENARIO = Scenario(
    "+", "shared_limits", "two gateways share a limit by a Redis that is killed and comes back: admitted, slowest",
    "no more than the bound; nobody waits", run,
)  # fmt: skip
