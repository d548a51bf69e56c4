"""Reloads of a large configuration, with one worker, while one client asks: how long it waits at the longest. fastgw alone.

On a machine that others use too the wait says little, so the time that the worker was on a processor during each request is told beside it:
what its own loop has held up.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.lifecycle import Gateway, living, ours_only
from bench.scenarios.measure import ms

HEAD = """\
workers: 1
admin: {{address: "127.0.0.1:{admin}"}}
admin_socket: {folder}/admin.sock
listeners: [{{name: edge, address: "127.0.0.1:{edge}"}}]
filters:
  ids: {{type: request_id}}
  marks: {{type: headers, response: {{set: {{x-large: "yes"}}}}}}
"""
KINDS = (
    'path: "/api/{n}/items"',
    'path: "/api/{n}/{{id}}"',
    'path: "/files/{n}/*", host: "h{m}.example"',
    'path: "/{n}", methods: [GET]',
)
ASKED = b"GET /api/0/items HTTP/1.1\r\nHost: a.test\r\n\r\n"
STALL = 0.02  #: seconds of its own that a worker may hold up a request


class Large(Gateway):
    """A gateway with many routes and services."""

    def write(self, name: str) -> None:
        """Another timeout of every route: `name`."""
        routes, services = self.bench.scale(10_000, 1_000), self.bench.scale(2_000, 200)
        ports = self.ports
        lines = [HEAD.format(admin=ports.admin, edge=ports.edge, folder=self.folder), "services:\n"]
        lines += [f'  s{n}: {{endpoints: ["127.0.0.1:{ports.main}"]}}\n' for n in range(services)]
        lines += ["routes:\n", *_routes(routes, services, 30 + len(name))]
        self.file.write_text("".join(lines))


def _routes(count: int, services: int, timeout: int) -> Iterator[str]:
    for n in range(count):
        match = KINDS[n % 4].format(n=n, m=n % 500)
        filters = ("", ", filters: [marks]", ", filters: [ids, marks]")[n % 3]
        yield f"  - {{{match}, service: s{n % services}, timeout: {timeout}s{filters}}}\n"


class Asking:
    """One client; each request is noted: its seconds, and those that the worker was on a processor meanwhile."""

    def __init__(self, port: int, worker: int) -> None:
        self._port, self._worker = port, worker
        self.noted: list[tuple[float, float]] = []
        self.errors = 0

    async def run(self) -> None:
        """Ask until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        with contextlib.closing(writer):
            while True:
                began, spent = time.monotonic(), self._spent()
                writer.write(ASKED)
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length[15:]))
                self.noted.append((time.monotonic() - began, self._spent() - spent))
                self.errors += b" 200 " not in head
                await asyncio.sleep(0.001)

    def _spent(self) -> float:
        return int(Path(f"/proc/{self._worker}/schedstat").read_text().split()[0]) / 1e9


@ours_only
async def large_reloads(bench: Bench) -> Result:
    """Two of them."""
    async with living(bench, Large, start=120) as (gateway, _):
        worker = (await asyncio.to_thread(gateway.status))["workers"][0]["pid"]
        asking = Asking(gateway.ports.edge, worker)
        task = asyncio.ensure_future(asking.run())
        took, codes = [], []
        for name in ("a", "ab"):
            gateway.write(name)
            began = time.monotonic()
            codes.append((await gateway.command("reload"))[0])
            took.append(time.monotonic() - began)
        await asyncio.sleep(bench.scale(35, 2))  # the next full collection is in it
        is_cut = task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    longest, busiest = (max(column) for column in zip(*asking.noted, strict=True))
    return Result(
        f"longest of {len(asking.noted)} requests {ms(longest)}, {ms(busiest)} of it the worker's; "
        f"{asking.errors} failed; a reload takes {max(took):.1f} s",
        not any(codes) and not asking.errors and not is_cut and busiest <= STALL,
        {"longest": longest, "busiest": busiest, "failed": asking.errors, "seconds": max(took)},
    )


SCENARIOS = (
    Scenario(
        "44",
        "large_reloads",
        "reloads of 10,000 routes and 2,000 services",
        f"no request held up {ms(STALL)} by its worker",
        large_reloads,
    ),
)
