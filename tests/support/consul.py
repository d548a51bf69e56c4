"""A stand-in for an agent of Consul: the health of one kind of thing, services, with what HashiCorp documents of blocking queries.

It is no Consul.  What it does is written in developer.hashicorp.com/consul/api-docs: ``features/blocking``, ``health`` and ``acl``.

    async with Consul() as consul:
        consul.register("web", "web-1", "10.0.0.1", 80)
        ...settings with consul.endpoint
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web


class Consul:
    """One agent, on the running loop; everything that is registered passes its checks unless it is told otherwise."""

    def __init__(self, token: str = "", wait_most: float = 600.0) -> None:
        """``token``: that may read; empty: everybody may.  ``wait_most``: seconds of a blocking query."""
        self.index = 10  #: of the last change of anything
        self.asked: deque[dict[str, list[str]]] = deque(maxlen=1000)  #: parameters of each question
        self.tokens: list[str] = []  #: of each question
        self.has_leader = True
        self.says_index = True
        self.waiting = 0  #: questions that are being held
        self._token = token
        self._wait_most = wait_most
        self._entries: dict[str, dict[str, dict[str, Any]]] = {}
        self._indexes: dict[str, int] = {}
        self._change = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self.port = 0

    @property
    def endpoint(self) -> tuple[bool, str, int]:
        """Is it TLS, host, port."""
        return False, "127.0.0.1", self.port

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        self.wake()
        await self._runner.cleanup()

    def register(self, service: str, name: str, address: str, port: int, **more: Any) -> None:
        """An instance is there, or is otherwise: ``tags``, ``meta``, ``weight``, ``node_meta``, ``node_address``, ``is_passing``."""
        self._entries.setdefault(service, {})[name] = {
            "Node": {
                "Node": "node-1",
                "Address": more.get("node_address", "10.9.9.9"),
                "Datacenter": "dc1",
                "Meta": more.get("node_meta"),
            },
            "Service": {
                "ID": name,
                "Service": service,
                "Tags": more.get("tags", []),
                "Address": address,
                "Meta": more.get("meta"),
                "Port": port,
                "Weights": {"Passing": more.get("weight", 1), "Warning": 1},
            },
            "Checks": [{"Status": "passing" if more.get("is_passing", True) else "critical"}],
        }
        self.touch(service)

    def put(self, service: str, name: str, entry: Any) -> None:
        """Something stands in the place of an instance."""
        self._entries.setdefault(service, {})[name] = entry
        self.touch(service)

    def deregister(self, service: str, name: str) -> None:
        """An instance is gone."""
        del self._entries[service][name]
        self.touch(service)

    def touch(self, service: str) -> None:
        """The service has another index."""
        self.index += 1
        self._indexes[service] = self.index
        self.wake()

    def restore(self, index: int) -> None:
        """The cluster is restored from an older snapshot: its index is lower now."""
        self.index = index
        self._indexes = dict.fromkeys(self._indexes, index)
        self.wake()

    def wake(self) -> None:
        """Questions that wait are answered, whether anything has changed or not."""
        self._change.set()
        self._change = asyncio.Event()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        split = urlsplit(request.raw_path)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(split.query):
            query.setdefault(name, []).append(value)
        self.asked.append(query)
        self.tokens.append(request.headers.get("x-consul-token", ""))
        if not self.has_leader:
            return web.Response(status=500, text="No cluster leader")
        if self._token and self.tokens[-1] != self._token:
            return web.Response(status=403, text="Permission denied: token lacks permission 'service:read'")
        if not split.path.startswith("/v1/health/service/"):
            return web.Response(status=404)
        service = split.path.rsplit("/", 1)[1]
        index = int(query.get("index", ["0"])[0])
        if index and index == self._index(service):
            wait = min(float(query.get("wait", ["300s"])[0].rstrip("s")), self._wait_most)
            self.waiting += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._change.wait(), wait)
            self.waiting -= 1
        headers = {"X-Consul-Index": str(self._index(service))} if self.says_index else {}
        return web.json_response(self._found(service, query), headers=headers)

    def _index(self, service: str) -> int:
        return self._indexes.get(service, self.index)

    def _found(self, service: str, query: dict[str, list[str]]) -> list[Any]:
        found = []
        for entry in self._entries.get(service, {}).values():
            if "Checks" in (entry or ()):
                if "passing" in query and any(one["Status"] != "passing" for one in entry["Checks"]):
                    continue
                if not set(query.get("tag", ())) <= set(entry["Service"]["Tags"]):
                    continue
            found.append(entry)
        return found
