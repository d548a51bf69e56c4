"""The life of fastgw under load: reloads, an upgrade, a worker that is killed, a stop. Other gateways are not judged.

Load is on kept connections (nine tenths) and on new ones, from processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.scenarios import peers
from bench.scenarios.clients import Held, Traffic, connect_many, drop, good_traffic, until
from bench.scenarios.harness import Bench, Result, Scenario, start_services
from bench.scenarios.measure import ms, usage
from bench.scenarios.peers import Ports

CONFIG = """\
workers: 2
shutdown: {{grace: 40s}}
admin: {{address: "127.0.0.1:{admin}"}}
admin_socket: {folder}/admin.sock
listeners: [{{name: edge, address: "127.0.0.1:{edge}"}}]
routes: [{{path: /*, service: {name}}}]
services: {{{name}: {{endpoints: ["127.0.0.1:{main}"], pool: {{max_connections: 4096}}}}}}
"""
RATE = 5000
STREAMS = 100
QUICK_RATE = 500
Load = Callable[[float], Awaitable[Traffic]]


class Stream(Held):
    """A stream of events whose last bytes are looked at."""

    tail = b""

    def data_received(self, data: bytes) -> None:
        """Keep the end."""
        super().data_received(data)
        self.tail = (self.tail + data)[-7:]

    @property
    def is_whole(self) -> bool:
        """It has come to its end."""
        return self.tail == b"\r\n0\r\n\r\n"


class Gateway:
    """A gateway of its own, with two workers."""

    def __init__(self, bench: Bench, ports: Ports, folder: Path) -> None:
        self.bench, self.ports, self.folder = bench, ports, folder
        self.file = folder / "fastgw.yaml"
        self.write("main")
        with (folder / "log").open("wb") as log:
            command = [bench.options.python, "-m", "fastgw", "run", "-c", str(self.file)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pids = [self.process.pid]

    def write(self, name: str) -> None:
        """Have the file say another thing."""
        ports = self.ports
        self.file.write_text(
            CONFIG.format(name=name, admin=ports.admin, edge=ports.edge, main=ports.main, folder=self.folder)
        )

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports.admin}/status", timeout=5) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    async def command(self, word: str) -> tuple[int, dict[str, Any]]:
        """A command of the operator: its exit code, and what it was answered."""
        process = await asyncio.create_subprocess_exec(
            self.bench.options.python, "-m", "fastgw", word, "--json", "--socket", str(self.folder / "admin.sock"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        out, _ = await process.communicate()
        answer: dict[str, Any] = json.loads(out)
        if "pid" in answer:
            self.pids.append(answer["pid"])
        return process.returncode or 0, answer

    def requests(self) -> int:
        """How many it has counted."""
        return sum(int(route["finished"]) for route in self.status()["routes"].values())

    def stop(self) -> None:
        """End whatever of it is there."""
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.asynccontextmanager
async def living(bench: Bench, make: type[Gateway] = Gateway, start: float = 15) -> AsyncIterator[tuple[Gateway, Load]]:
    """A gateway with services behind it, and what loads it; `start`: seconds until it serves, at most."""
    ports = Ports(*(peers.free_port() for _ in range(6)))
    with tempfile.TemporaryDirectory(prefix="lifecycle-") as name:
        services = start_services(ports, bench.cpus[-1])
        gateway = make(bench, ports, Path(name))
        try:
            if not await asyncio.to_thread(peers.wait_until, lambda: peers.answers(ports.edge), start):
                raise RuntimeError((gateway.folder / "log").read_text()[-2000:])
            rate = bench.scale(RATE, QUICK_RATE)

            async def load(seconds: float) -> Traffic:
                kept, new = await asyncio.gather(
                    good_traffic(ports.edge, seconds, rate=0.9 * rate, connections=40),
                    good_traffic(ports.edge, seconds, rate=0.1 * rate, connections=20, is_kept=False),
                )
                return Traffic(kept.latencies + new.latencies, kept.errors + new.errors)

            yield gateway, load
        finally:
            await asyncio.to_thread(gateway.stop)
            services.kill()
            services.wait()


def ours_only(run: Callable[[Bench], Awaitable[Result]]) -> Callable[[Bench], Awaitable[Result]]:
    """What only fastgw is judged by."""

    async def judged(bench: Bench) -> Result:
        return await run(bench) if bench.name == "fastgw" else Result("-", None)

    return judged


@ours_only
async def reloads(bench: Bench) -> Result:
    """A hundred of them in a minute, each tenth of a broken file."""
    count, seconds = bench.scale(100, 10), bench.scale(60, 6)
    async with living(bench) as (gateway, load):
        alone = await load(bench.scale(20, 3))
        before = usage(gateway.process.pid)
        loading = asyncio.ensure_future(load(seconds + 2))
        began, wrong = time.monotonic(), 0
        for number in range(count):
            is_broken = number % 10 == 9
            if is_broken:
                gateway.file.write_text("rutes: []")
            else:
                gateway.write(f"main{number % 7}")
            code, _ = await gateway.command("reload")
            wrong += (code != 0) is not is_broken
            await asyncio.sleep(max(0.0, began + (number + 1) * seconds / count - time.monotonic()))
        traffic = await loading
        growth = usage(gateway.process.pid).pss - before.pss
    p99, before_p99 = traffic.p99, alone.p99
    return Result(
        f"{traffic.errors} failed of {len(traffic.latencies)}, p99 {ms(p99)} (without {ms(before_p99)}), "
        f"{wrong} answered wrongly, {growth / 2**20:+.1f} MiB",
        not traffic.errors and not wrong and p99 <= 2 * before_p99,
        {"failed": traffic.errors, "p99": p99, "p99_before": before_p99, "wrong": wrong, "growth": growth},
    )


@ours_only
async def upgrade(bench: Bench) -> Result:
    """In the middle of the load and of a hundred streams."""
    streams, seconds = bench.scale(STREAMS, 10), bench.scale(30, 6)
    async with living(bench) as (gateway, load):
        request = b"GET /events/%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % seconds
        clients = await connect_many(gateway.ports.edge, streams, request, make=Stream)
        loading = asyncio.ensure_future(load(seconds))
        await asyncio.sleep(seconds / 4)
        code, answer = await gateway.command("upgrade")
        traffic = await loading
        await until(lambda: all(isinstance(one, Stream) and one.is_whole for one in clients), 15)
        whole = sum(isinstance(one, Stream) and one.is_whole for one in clients)
        await drop([*clients])
    return Result(
        f"{traffic.errors} failed of {len(traffic.latencies)}, {whole} of {streams} streams complete, p99 {ms(traffic.p99)}",
        not traffic.errors and whole == streams and not code,
        {"failed": traffic.errors, "whole": whole, "code": code, "counters": str(answer.get("counters"))},
    )


@ours_only
async def death(bench: Bench) -> Result:
    """`kill -9` of a worker: what it held fails, and nothing else."""
    async with living(bench) as (gateway, load):
        loading = asyncio.ensure_future(load(bench.scale(20, 4)))
        await asyncio.sleep(2)
        counted = await asyncio.to_thread(gateway.requests)
        victim = (await asyncio.to_thread(gateway.status))["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)

        async def is_back() -> bool:
            found = (await asyncio.to_thread(gateway.status))["workers"][0]
            return found["pid"] not in (victim, None) and found["state"] == "ready"

        took = await until(is_back, 10)
        is_continuous = await asyncio.to_thread(gateway.requests) >= counted
        traffic = await loading
    return Result(
        f"{traffic.errors} failed of {len(traffic.latencies)}, back in {took:.2f} s",
        traffic.errors <= 60 and took <= 1 and is_continuous,  # as many as there are connections
        {"failed": traffic.errors, "back": took, "continuous": is_continuous},
    )


@ours_only
async def stop(bench: Bench) -> Result:
    """SIGTERM under load: what was accepted is answered."""
    async with living(bench) as (gateway, load):
        counted = await asyncio.to_thread(gateway.requests)
        loading = asyncio.ensure_future(load(4))
        await asyncio.sleep(2)
        gateway.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(gateway.process.wait, 60)
        log = (gateway.folder / "log").read_text()
        await loading  # whoever came later was refused
    is_whole = "is killed" not in log and "did not end cleanly" not in log
    return Result(
        f"exit {code}{'' if is_whole else ', not clean'}", code == 0 and is_whole, {"code": code, "before": counted}
    )


SCENARIOS = (
    Scenario(
        "40", "reloads", "100 reloads in 60 s under load, broken files among them", "0 failed, p99 at most 2x", reloads
    ),
    Scenario("41", "upgrade", "an upgrade under load, with 100 streams of 30 s", "0 failed, all complete", upgrade),
    Scenario("42", "death", "kill -9 of a worker under load", "only its own fail, back in 1 s", death),
    Scenario("43", "stop", "SIGTERM under load", "exit 0, nothing cut", stop),
)
