"""A stand-in for an agent of Consul: services and their health, with what HashiCorp documents of blocking queries and TTL checks.

It is no Consul.  What it does is written in developer.hashicorp.com/consul/api-docs: ``features/blocking``, ``health``, ``acl``,
``agent/service`` and ``agent/check``.  Its time passes when it is told so.

    async with Consul() as consul:
        consul.register("web", "web-1", "10.0.0.1", 80)
        ...settings with consul.endpoint
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web


@dataclass
class _Check:
    """That of a service which registered itself."""

    service: str
    name: str  #: the ID of the service
    check: str  #: its own
    notes: str
    ttl: float
    deregister_after: float
    passed: float
    status: str = "critical"

    @property
    def is_passing(self) -> bool:
        return self.status == "passing"


def seconds(text: str) -> float:
    """A duration as Go writes it: one number and one unit here."""
    found = re.fullmatch(r"([0-9]+)(ms|s|m)", text)
    assert found is not None, text
    return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]]


class Consul:
    """One agent, on the running loop; everything that is registered passes its checks unless it is told otherwise."""

    def __init__(self, token: str = "", wait_most: float = 600.0) -> None:
        """``token``: that may read; empty: everybody may.  ``wait_most``: seconds of a blocking query."""
        self.index = 10  #: of the last change of anything
        self.asked: deque[dict[str, list[str]]] = deque(maxlen=1000)  #: parameters of each question
        self.tokens: list[str] = []  #: of each question
        self.has_leader = True
        self.says_index = True
        self.hides = False  #: the token may see no service
        self.waiting = 0  #: questions that are being held
        self._token = token
        self._wait_most = wait_most
        self._entries: dict[str, dict[str, dict[str, Any]]] = {}
        self._indexes: dict[str, int] = {}
        self.now = 0.0  #: seconds
        self.said: list[str] = []  #: what was asked of the agent: the path, with its verb
        self.is_old = False  #: before 1.11: what it does not know is 500
        self._checks: dict[str, _Check] = {}  #: of services that registered themselves, by the ID of the service
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

    def advance(self, seconds: float) -> None:
        """So much time passes: checks that nobody passes are critical, and services that are so for long go."""
        self.now += seconds
        for name, check in list(self._checks.items()):
            if check.is_passing and self.now > check.passed + check.ttl:
                self._judge(check, "critical")
            if not check.is_passing and self.now > check.passed + check.ttl + check.deregister_after:
                self._take_away(name)

    def forget(self) -> None:
        """The agent starts again, with nothing of what had registered itself."""
        for name in list(self._checks):
            self._take_away(name)

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
        if self._token and self.tokens[-1] != self._token and split.path != "/v1/status/leader":
            return web.Response(
                status=403,
                text=f"Permission denied: token lacks permission '{'service:write' if 'agent' in split.path else 'service:read'}'",
            )
        if split.path == "/v1/status/leader":
            return web.json_response("10.0.0.9:8300")
        if split.path == "/v1/acl/token/self":
            return (
                web.json_response({"AccessorID": "x"})
                if self._token
                else web.Response(status=401, text="ACL support disabled")
            )
        if split.path.startswith("/v1/agent/"):
            self.said.append(f"{request.method} {split.path.removeprefix('/v1/agent/')}")
            return self._agent(request.method, split.path, await request.text())
        if split.path == "/v1/catalog/services":
            if self.hides:
                return web.json_response({}, headers={"X-Consul-Results-Filtered-By-ACLs": "true"})
            return web.json_response({name: [] for name in (*self._entries, "consul")})
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

    # -- what the agent is told

    def _agent(self, method: str, path: str, body: str) -> web.Response:
        message = json.loads(body) if body else {}
        verb, _, name = path.removeprefix("/v1/agent/").rpartition("/")
        name = unquote(name)
        if method == "PUT" and (verb, name) == ("service", "register"):
            return self._register(message)
        if method == "PUT" and verb == "check/update":
            return self._update(name.removeprefix("service:"), name, message["Status"])
        if method == "PUT" and verb == "check/pass":
            return self._update(name.removeprefix("service:"), name, "passing")
        if method == "PUT" and verb == "service/deregister":
            if name not in self._checks:
                return web.Response(
                    status=404, text=f'Unknown service ID "{name}". Ensure that the service ID is passed'
                )
            self._take_away(name)
            return web.Response()
        if method == "GET" and verb == "health/service/id":
            return self._about(name)
        return web.Response(status=405)

    def _register(self, given: dict[str, Any]) -> web.Response:
        message = {name.lower(): value for name, value in given.items()}  # Consul tells no case of names
        (check,) = message.get("checks") or [message["check"]]
        check = {name.lower(): value for name, value in check.items()}
        service, meta, weight = message["name"], message.get("meta") or {}, message["weights"]["Passing"]
        name = message.get("id", service)
        for key, value in meta.items():
            if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", key) or len(value) > 512 or key.startswith("consul-"):
                return web.Response(status=400, text=f"Invalid Service Meta: Couldn't load metadata pair ('{key}')")
        if weight < 1:
            return web.Response(status=400, text="Passing must be greater than 0")
        times = seconds(check["ttl"]), max(60.0, seconds(check["deregistercriticalserviceafter"]))
        checked = check.get("checkid", f"service:{name}")
        found = _Check(service, name, checked, check.get("notes", ""), *times, self.now)
        found.status = check.get("status", "critical")
        self._checks[name] = found
        more = {"tags": message["tags"], "meta": meta, "weight": weight, "is_passing": found.is_passing}
        self.register(service, name, message["address"], message["port"], **more)
        return web.Response()

    def _update(self, name: str, check: str, status: str) -> web.Response:
        found = self._checks.get(name)
        if found is None or found.check != check:
            if self.is_old:
                return web.Response(status=500, text=f'CheckID "{check}" does not have associated TTL')
            return web.Response(status=404, text=f'Unknown check ID "{check}". Ensure that the check ID is passed')
        found.passed = self.now
        if found.status != status:
            self._judge(found, status)
        return web.Response()

    def _about(self, name: str) -> web.Response:
        found = self._checks.get(name)
        if found is None:
            return web.Response(status=404, text=f"ServiceId {name} not found")
        status = {"passing": 200, "warning": 429}.get(found.status, 503)
        checks = [{"CheckID": found.check, "Notes": found.notes, "Status": found.status}]
        about = {"AggregatedStatus": found.status, "Service": {"ID": name}, "Checks": checks}
        return web.json_response(about, status=status)

    def _judge(self, check: _Check, status: str) -> None:
        check.status = status
        self._entries[check.service][check.name]["Checks"][0]["Status"] = status
        self.touch(check.service)

    def _take_away(self, name: str) -> None:
        self.deregister(self._checks.pop(name).service, name)

    # -- what it says

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
