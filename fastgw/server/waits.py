"""Waiting for events, and no longer than some time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


async def all_set(events: Iterable[asyncio.Event], limit: float) -> None:
    """Wait until each of ``events`` was set, but no longer than ``limit`` seconds."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    if waits:
        _, late = await asyncio.wait(waits, timeout=limit)
        for one in late:
            one.cancel()


async def rest(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
