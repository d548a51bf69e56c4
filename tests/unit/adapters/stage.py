"""An Edge whose one route is answered in this process."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import orjson

from fastgw.adapters.handlers import Routes
from fastgw.adapters.instance import Instance, pool_of
from fastgw.core import counters
from fastgw.core.live.endpoint import EndpointKey, EndpointSettings
from fastgw.core.settings import Address, InsideSettings
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Service
from fastgw.policy.balancers import RoundRobin
from tests.support import usual
from tests.support.edge import Edge
from tests.support.gateway import wait_until
from tests.support.mock import MockTransport


def own(service: Service, **options: Any) -> Edge:
    """``options``: of ``Edge``; those of ``route`` stand beside ``service``."""
    route = {"service": service, **options.pop("route", {})}
    return Edge(endpoints=0, route=route, **options)


def request(path: str = "/", method: str = "GET", *fields: str, body: bytes = b"", minor: int = 1) -> bytes:
    """One request."""
    lines = [f"{method} {path} HTTP/1.{minor}", "Host: a.test", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(edge: Edge, *what: str, client: MockTransport | None = None, **options: Any) -> bytes:
    """What a client gets for ``request(*what, **options)``."""
    client = client or edge.client()
    client.feed(request(*what, **options))
    edge.run()
    return client.take()


def inside(kind: Any, **changes: Any) -> InsideSettings:
    """What a configuration says of the service ``kind``, with the usual defaults but for ``changes``.

    ``kind``: a class of a test's module, an ASGI application, or the ``APP`` there.
    """
    defaults = {"run": "auto", "workers": None, "queue": 64, "max_input": 1000, "root_path": "", "batch": None}
    given = orjson.dumps(changes.pop("settings", {}))
    is_app = isinstance(kind, Routes)
    reference = f"{kind.handlers[0].call.__module__}:APP" if is_app else f"{kind.__module__}:{kind.__qualname__}"
    word = "app" if is_app else "asgi" if inspect.isfunction(kind) else "python"
    return InsideSettings(word, reference, "", given, **{**defaults, **changes})


class Called:
    """An Edge whose one route leads to a service in this process."""

    def __init__(
        self,
        kind: Any,
        *,
        route: dict[str, Any] | None = None,
        limits: Any = None,
        trusted: Sequence[str] = (),
        filters: Sequence[Any] = (),
        **changes: Any,
    ) -> None:
        self.edge = edge = Edge(endpoints=0, limits=limits, filters=filters, trusted=trusted)
        self._route = route or {}
        self.instance = self.made(inside(kind, **changes))
        self.key = EndpointKey("s", Address(inside="python:it"))
        self.install(self.instance)
        edge.loop.run_ready()

    def made(self, settings: InsideSettings) -> Instance:
        """An instance that one snapshot has, without a thread to make it."""
        instance = Instance("s", settings)
        instance.make()
        instance.equip(self.edge.plane)
        instance.hold()
        return instance

    def install(self, instance: Instance) -> None:
        """A snapshot that leads there."""
        edge = self.edge
        roster = ((self.key, EndpointSettings(instance, make_pool=pool_of(instance.inside))),)
        members = edge.plane.registry.members("s")
        edge.service = Service("s", members, roster, RoundRobin(), edge.service.settings, takes_chunks=False)
        options = {"chain": Chain(edge.filters), "body_buffer": 0, **self._route}
        edge.route = usual.route("all", 1, service=edge.service, **options)
        edge.install(edge.listen(), edge.service)

    @property
    def pool(self) -> Any:
        """The places of the service."""
        return next(iter(self.edge.plane.registry)).pool

    def ask(self, *what: str, **options: Any) -> bytes:
        """What a client gets; of what runs in a thread when that has done it."""
        client = options.pop("client", None) or self.edge.client()
        client.feed(request(*what, **options))
        return self.taken(client)

    def taken(self, client: MockTransport) -> bytes:
        """What ``client`` gets when all that is under way has come to rest."""
        self.edge.run()
        if self.instance.shape.run != "loop":
            wait_until(self._is_at_rest)
        return client.take()

    def _is_at_rest(self) -> bool:
        self.edge.run()
        return not self.pool.running

    def end(self) -> None:
        """Everything closes, and nothing may be left."""
        self.edge.end()
        assert not self.pool.running and not self.pool.waiting and not self.instance.calls
        for index in counters.ENDPOINT.gauges:
            assert self.edge.of_endpoint(index) == 0, index
