"""Many requests at one time, by one client and the tasks of one loop: threads of it may take one number for two streams of HTTP/2."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2


def together(count: int, base_url: str, path: str, **options: Any) -> list[httpx2.Response]:
    """The answers to ``count`` requests that are under way at once on one connection; ``options``: of the client."""

    async def ask() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(base_url=base_url, **options) as client:
            await client.get(path)  # there is a connection now, for all of them
            return list(await asyncio.gather(*[client.get(path) for _ in range(count)]))

    return asyncio.run(ask())
