"""A lease of etcd: what its keys live by.  It is granted, renewed, and lost when nobody renews it for its time to live."""

from __future__ import annotations

import math
from typing import Final

from fastgw.discovery.etcd_client import EtcdClient, EtcdError, number

TTL_LEAST: Final = 2.0  #: seconds


class EtcdLease:
    """One lease at a time."""

    def __init__(self, client: EtcdClient, ttl: float, number: int = 0) -> None:
        """``ttl``: seconds, rounded up to whole ones; ``number``: of a lease that is there already, and gone on with; 0: there is none.

        Raises:
            ValueError: the time to live is too short.
        """
        if not ttl >= TTL_LEAST:
            raise ValueError(f"a time to live of {ttl:g} s is less than the {TTL_LEAST:g} s that etcd keeps apart")
        self.ttl = math.ceil(ttl)
        self.number = number  #: 0: there is none
        self._client = client

    async def grant(self) -> None:
        """Have a new one.  Raises EtcdError."""
        granted = await self._client.ask("/v3/lease/grant", {"TTL": str(self.ttl)})
        self.number = number(granted.get("ID"))
        if not self.number:  # with none, its keys would be there for ever
            raise EtcdError("broken", f"{self._client} granted no lease")

    async def renew(self) -> bool:
        """Renew it; return if it was still there.  Raises EtcdError: nobody knows."""
        try:
            answer = await self._client.ask("/v3/lease/keepalive", {"ID": str(self.number)})
        except EtcdError as error:
            if error.cause != "missing":
                raise
            answer = {}
        result = answer.get("result")
        if isinstance(result, dict) and number(result.get("TTL")):  # it has none: the lease is not known
            return True
        self.number = 0
        return False

    async def revoke(self) -> None:
        """End it, and with it its keys.  Raises EtcdError: it may be there until nobody has renewed it for its time to live."""
        lease, self.number = self.number, 0
        if lease:
            try:
                await self._client.ask("/v3/lease/revoke", {"ID": str(lease)})
            except EtcdError as error:
                if error.cause != "missing":
                    raise
