"""A filter that tells what there is in its worker now: tasks, timers, objects of the gateway, descriptors."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import Counter
from typing import Any

import orjson

from fastgw.core.exchange.reply import Reply


class Inside:
    """Answers every request with it, as JSON."""

    def __init__(self, name: str, options: Any) -> None:
        self.name = name

    def request(self, exchange: Any) -> Reply:
        """What there is, behind a collection of garbage."""
        gc.collect()
        found = Counter(
            type(one).__name__
            for one in gc.get_objects()
            if type(one).__module__.startswith(("fastgw", "uvloop")) or isinstance(one, asyncio.Task)
        )
        told = {
            "pid": os.getpid(),
            "tasks": sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks()),  # type: ignore[union-attr]
            "objects": found,
            "descriptors": len(os.listdir("/proc/self/fd")),
        }
        return Reply(200, orjson.dumps(told))
