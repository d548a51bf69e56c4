"""A stand-in for an API server of Kubernetes: EndpointSlices by list and watch.

It is no Kubernetes: it does what kubernetes.io/docs/reference/using-api/api-concepts says.  Lists come in pages (``limit``, ``continue``),
watches begin at a ``resourceVersion`` and tell what came behind it; what was compacted is 410 Gone, as a status or as an event.

    async with ApiServer() as api:
        api.put("web-1", slice_of("10.0.0.1"))
        ...settings with api.endpoint
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, Self

from aiohttp import web

SERVICE = "kubernetes.io/service-name"


def slice_of(*addresses: str, kind: str = "IPv4", ports: Any = None, **conditions: bool) -> dict[str, Any]:
    """A slice whose endpoints are at ``addresses`` and all have these ``conditions``."""
    return {
        "addressType": kind,
        "ports": [{"name": "http", "port": 8000, "protocol": "TCP"}] if ports is None else ports,
        "endpoints": [{"addresses": [one], "conditions": conditions} for one in addresses],
    }


class ApiServer:
    """One API server, on the running loop; all slices are of the service ``web``."""

    def __init__(self, token: str = "") -> None:
        """``token``: that may read; empty: everybody may."""
        self.token = token
        self.version = 100
        self.queries: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.tokens: list[str] = []
        self.watching = 0  #: watches that are open
        self.refusal: tuple[int, str] | None = None  #: status and message that all are answered with
        self.gone_as = "status"  #: how 410 is told: "status" or "event"
        self.ends_at_once = False  #: watches
        self.port = 0
        self._slices: dict[str, dict[str, Any]] = {}
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._compacted = 0
        self._epoch = 0  # watches of an older one end
        self._ended_at = 0  # the version until which those tell
        self._raw: list[bytes] = []
        self._change = asyncio.Event()
        self._runner: web.ServerRunner | None = None

    @property
    def endpoint(self) -> tuple[bool, str, int]:
        """Is it TLS, host, port."""
        return False, "127.0.0.1", self.port

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end_watches()
        assert self._runner is not None
        await self._runner.cleanup()

    # -- what happens in the cluster

    def put(self, name: str, spec: dict[str, Any]) -> None:
        """A slice is there, or is otherwise."""
        kind = "MODIFIED" if name in self._slices else "ADDED"
        self.version += 1
        metadata = {"name": name, "labels": {SERVICE: "web"}, "resourceVersion": str(self.version)}
        self._slices[name] = {"metadata": metadata, **spec}
        self._tell(kind, self._slices[name])

    def delete(self, name: str) -> None:
        """A slice is gone."""
        self.version += 1
        item = self._slices.pop(name)
        self._tell("DELETED", item | {"metadata": item["metadata"] | {"resourceVersion": str(self.version)}})

    def bookmark(self) -> None:
        """Tell who watches how far it has come; other kinds of objects have changed meanwhile."""
        self.version += 50
        self._tell("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})

    def compact(self) -> None:
        """Forget the history; watches end."""
        self._compacted = self.version
        self._events.clear()
        self.end_watches()

    def restore(self, version: int) -> None:
        """The cluster is restored from a copy: nobody is told, and versions are lower."""
        self.version, self._compacted = version, 0
        self._events.clear()
        for item in self._slices.values():
            item["metadata"]["resourceVersion"] = str(version)

    def end_watches(self) -> None:
        """As when their time is over."""
        self._epoch += 1
        self._ended_at = self.version
        self._wake()

    def send(self, data: bytes) -> None:
        """Have all watches send that."""
        self._raw.append(data)
        self._wake()

    def _tell(self, kind: str, item: dict[str, Any]) -> None:
        self._events.append((self.version, {"type": kind, "object": item}))
        self._wake()

    def _wake(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    # -- what it answers

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        query = dict(request.query)
        self.queries.append(query)
        self.paths.append(request.path)
        self.tokens.append(request.headers.get("authorization", ""))
        if self.refusal is not None:
            return _status(*self.refusal)
        if self.token and self.tokens[-1] != f"Bearer {self.token}":
            return _status(401, "Unauthorized")
        if "watch" in query:
            return await self._watch(request, query)
        return self._list(query)

    def _list(self, query: dict[str, str]) -> web.Response:
        version, _, begin = query.get("continue", f"{self.version} 0").partition(" ")
        if int(version) < self._compacted:
            return _status(410, "The provided continue parameter is too old")
        names = sorted(self._slices)
        begin_at, limit = int(begin), int(query.get("limit", "1000000"))
        end = begin_at + limit
        metadata = {"resourceVersion": version, "continue": f"{version} {end}" if end < len(names) else ""}
        return web.json_response({"metadata": metadata, "items": [self._slices[one] for one in names[begin_at:end]]})

    async def _watch(self, request: web.BaseRequest, query: dict[str, str]) -> web.StreamResponse:
        version = int(query["resourceVersion"])
        is_gone = version < self._compacted
        if is_gone and self.gone_as == "status":
            return _status(410, "too old resource version")
        answer = web.StreamResponse()
        await answer.prepare(request)
        if is_gone:
            event = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
            await answer.write(json.dumps(event).encode() + b"\n")
            return answer
        if self.ends_at_once:
            return answer
        epoch, raw = self._epoch, len(self._raw)
        self.watching += 1
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(float(query["timeoutSeconds"])):
                    while epoch == self._epoch:
                        change = self._change
                        version = await self._send(answer, version, raw, self.version)
                        raw = len(self._raw)
                        await change.wait()
                    await self._send(answer, version, raw, self._ended_at)
        finally:
            self.watching -= 1
        return answer

    async def _send(self, answer: web.StreamResponse, version: int, raw: int, last: int) -> int:
        for data in self._raw[raw:]:
            await answer.write(data)
        for number, event in list(self._events):
            if version < number <= last:
                version = number
                await answer.write(json.dumps(event).encode() + b"\n")
        return version


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)
