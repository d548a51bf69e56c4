"""A record of a node in etcd, under its lease: there as long as the node is, and always what it said last.

granted    a lease, and the record with it
renewed    at a third of its time to live; a record that somebody has deleted is put again
lost       (an outage longer than that, a wiped cluster): a new lease after a moment by chance, and the record again
left       the lease is revoked, which deletes the record
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from fastgw.discovery.etcd_client import EtcdClient, EtcdError, encoded
from fastgw.discovery.etcd_lease import EtcdLease

TTL: Final = 10.0  #: seconds
PAUSE: Final = 0.25  #: seconds to the next attempt; they grow to ``PAUSE_MOST``
PAUSE_MOST: Final = 2.0
SAID: Final = 32  #: records that are known to be ours
LEAVING: Final = 1.0  #: seconds for the end of the lease, after which it is left to expire


class Reporting:
    """One record."""

    def __init__(
        self,
        client: EtcdClient,
        key: str,
        heard: Callable[[EtcdError | None], None],
        lease: int = 0,
        *,
        ttl: float = TTL,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Nothing is asked yet.

        Args:
            heard: is told after each question whether etcd has answered (None), or why not.
            lease: of an earlier part of this node, that is gone on with; 0: there is none.
            chance: 0 to 1.
        """
        self._client, self._key, self._heard, self._chance = client, encoded(key.encode()), heard, chance
        self._lease = EtcdLease(client, ttl, lease)
        self._record = b""
        self._put_last: deque[bytes] = deque(maxlen=SAID)  # what was put, the last of it
        self._is_news = asyncio.Event()

    @property
    def lease(self) -> int:
        """Of the node, as far as is known; 0: it has none."""
        return self._lease.number

    def is_foreign(self, record: bytes) -> bool:
        """Is it what somebody else has put there, since this node has?"""
        return bool(self._put_last) and record not in self._put_last

    def say(self, record: bytes) -> None:
        """Have this be the record."""
        if record != self._record:
            self._record = record
            self._is_news.set()

    async def run(self) -> None:
        """Keep it there, for ever.  At the end it is left there: ``leave`` takes it away."""
        pause = PAUSE
        while True:
            await self._said()
            try:
                if not self._lease.number:
                    await self._lease.grant()
                await self._keep()
                pause = PAUSE
                await asyncio.sleep(self._chance() * min(1.0, self._lease.ttl / 10))  # everybody's is lost at once
            except EtcdError as error:
                self._heard(error)
                if error.cause == "missing":
                    self._lease.number = 0
                await asyncio.sleep(pause * (0.5 + self._chance() / 2))
                pause = min(pause * 2, PAUSE_MOST)

    async def leave(self) -> None:
        """The node is gone."""
        with contextlib.suppress(TimeoutError, EtcdError):  # then it expires
            async with asyncio.timeout(LEAVING):
                await self._lease.revoke()

    async def _said(self) -> None:
        if not self._record:
            await self._is_news.wait()

    async def _keep(self) -> None:
        """Put what is said and renew the lease, until it is lost.  Raises EtcdError."""
        time, third = asyncio.get_running_loop().time, self._lease.ttl / 3
        due = time() + third
        if not await self._lease.renew():  # one that was gone on with
            return
        await self._put()
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._is_news.wait()
            except TimeoutError:
                due = time() + third
                if not await self._lease.renew():
                    return
                await self._put(is_absent=True)
            else:
                await self._put()

    async def _put(self, *, is_absent: bool = False) -> None:
        """Put the record; ``is_absent``: only if it is not there."""
        self._is_news.clear()
        self._put_last.append(self._record)
        put = {"key": self._key, "value": encoded(self._record), "lease": str(self._lease.number)}
        message: dict[str, Any] = {"success": [{"requestPut": put}]}
        if is_absent:
            message["compare"] = [{"key": self._key, "target": "VERSION", "result": "EQUAL", "version": "0"}]
        try:
            await self._client.ask("/v3/kv/txn", message)
        except EtcdError:
            self._is_news.set()
            raise
        self._heard(None)
