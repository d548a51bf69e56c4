"""Row 20: clients that reset their connection in the middle of a download or of an upload."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, until
from bench.scenarios.harness import Bench, Result, Scenario, Stage

COUNT = 300
DOWNLOAD = b"GET /stream/bytes/52428800 HTTP/1.1\r\nHost: a.test\r\n\r\n"
UPLOAD = b"POST /stream/up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20971520\r\n\r\n" + b"u" * 65536


async def abort(stage: Stage, payload: bytes, kind: str, is_reading: bool, within: float) -> tuple[int, int, float]:
    """Reset all clients once their exchanges are under way.

    Returns:
        How many were under way at the service, how many of those it saw closed in time, and the seconds to the last.
    """
    clients: list[Held] = await connect_many(stage.ports.edge, COUNT, payload, is_reading=is_reading)

    async def count() -> int:
        return await stage.services_open(kind)

    async def are_all() -> bool:
        return await count() >= COUNT

    async def are_none() -> bool:
        return await count() == 0

    await until(are_all, 15)
    begun = await count()
    for client in clients:
        client.abort()
    in_time = asyncio.ensure_future(asyncio.sleep(within))
    took = await until(are_none, within)
    await in_time
    closed = begun - await count()
    if took == float("inf"):
        took = within + await until(are_none, 10)
    return begun, closed, took


async def run(bench: Bench) -> Result:
    """Abort downloads, then uploads, and count what the service still sees open."""
    async with bench.serving() as stage:
        before = stage.peer.usage()
        began, down, down_took = await abort(stage, DOWNLOAD, "bytes", False, 0.5)
        began_up, up, up_took = await abort(stage, UPLOAD, "upload", True, 1.0)
        await asyncio.sleep(0.5)
        left = stage.peer.usage().sockets - before.sockets
    return Result(
        f"{down}/{began} in {down_took:.2f} s, {up}/{began_up} in {up_took:.2f} s",
        down == began == COUNT and up == began_up == COUNT,
        {
            "download_begun": began,
            "download_closed": down,
            "download_seconds": down_took,
            "upload_begun": began_up,
            "upload_closed": up,
            "upload_seconds": up_took,
            "sockets_left": left,
        },
    )


SCENARIO = Scenario(
    "20", "aborts", "300 client aborts: upstream closed within 0.5 s (download), 1 s (upload)", "300 / 300", run
)
