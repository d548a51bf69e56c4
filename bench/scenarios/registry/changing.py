"""Members that come, go and change their weights, many times a second, as keys of etcd."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle
from random import Random
from typing import Any

from bench.scenarios.registry import cluster as etcd

BATCH = 25
"""Changes in one transaction."""
OUT = 500
"""Members that are gone at a time, at most."""


class Changes:
    """What happens to these keys: one leaves, one that has left is back, one weighs something else, and so on."""

    def __init__(self, keys: Sequence[str], random: Random) -> None:
        self._random = random
        order = list(keys)
        random.shuffle(order)
        self._next = cycle(order)
        self._gone: deque[str] = deque()
        self._kinds = cycle((self._leave, self._return, self._weigh))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Operations of a transaction, for ever."""
        while True:
            yield next(self._kinds)()

    def ends(self) -> list[dict[str, Any]]:
        """Who is gone comes back."""
        back = [etcd.put_operation(key, "active") for key in self._gone]
        self._gone.clear()
        return back

    def _leave(self) -> dict[str, Any]:
        if len(self._gone) >= OUT:
            return self._return()
        key = self._present()
        self._gone.append(key)
        return etcd.delete_operation(key)

    def _return(self) -> dict[str, Any]:
        return etcd.put_operation(self._gone.popleft(), "active") if len(self._gone) > BATCH else self._weigh()

    def _weigh(self) -> dict[str, Any]:
        value = json.dumps({"status": "active", "weight": self._random.randint(1, 9)})
        return etcd.put_operation(self._present(), value)

    def _present(self) -> str:
        gone = set(self._gone)
        return next(key for key in self._next if key not in gone)


async def flood(url: str, changes: Changes, rate: float, seconds: float) -> float:
    """Let so many changes a second happen; return how many a second there were.  Raises OSError, ValueError."""
    operations, began, done = iter(changes), time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        if done >= passed * rate:
            await asyncio.sleep(done / rate - passed)
            continue
        some = {"success": [next(operations) for _ in range(BATCH)]}
        await asyncio.to_thread(etcd.ask, url, "/v3/kv/txn", some, 10)
        done += BATCH
    return done / (time.monotonic() - began)
