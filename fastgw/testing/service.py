"""An ``Edge`` whose route leads to a service in this process: a class, a ``fastgw.App``, or an ASGI application."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

import fastgw.testing.usual as usual
from fastgw.adapters.handlers import Routes
from fastgw.adapters.instance import Instance, pool_of
from fastgw.config import schema
from fastgw.core import counters
from fastgw.core.live.endpoint import EndpointKey, EndpointSettings
from fastgw.core.settings import Address, InsideSettings
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Service
from fastgw.policy.balancers import RoundRobin
from fastgw.testing.edge import Edge
from fastgw.testing.mock_transport import MockTransport

WAIT_SECONDS: Final = 10.0  #: for what runs in a thread
GIVEN: Final = SimpleNamespace()  #: what has no name in a module, so that a configuration can name it


def request(path: str = "/", method: str = "GET", *fields: str, body: bytes = b"", minor: int = 1) -> bytes:
    """The bytes of one request to the host ``a.test``; ``fields``: as ``"Name: value"``; ``minor``: of its version of HTTP."""
    lines = [f"{method} {path} HTTP/1.{minor}", "Host: a.test", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def inside(kind: Any, **options: Any) -> InsideSettings:
    """What a configuration says of the service that is ``kind``, see ``ServiceEdge``; ``options``: keys of a service in it, such as
    ``settings``, ``workers`` or ``batch``, spelled as there.

    Raises:
        ValueError: an option is none that a service can have.
    """
    word = "app" if isinstance(kind, Routes) else "python" if isinstance(kind, type) else "asgi"
    found = schema.Service.model_validate({word: _reference(kind), **options}).inside("")
    assert found is not None
    return found


def _reference(kind: Any) -> str:
    if isinstance(kind, type) and "<" not in kind.__qualname__:
        return f"{kind.__module__}:{kind.__qualname__}"
    name = f"given_{id(kind)}"
    setattr(GIVEN, name, kind)
    return f"{__name__}:GIVEN.{name}"


class ServiceEdge(Edge):
    """An ``Edge`` whose one route leads to a service in this process, instead of to endpoints that a test plays.

        edge = ServiceEdge(WordCount, settings={"most": 1})
        answer = edge.ask("/", "POST", "Content-Type: application/json", body=b'{"text": "a rose is a rose"}')
        assert body_of(answer) == b'{"words":5,"most":{"a":2}}'
        edge.end()

    What is ``async def`` runs on the mock loop, so that time moves by ``edge.loop.advance(seconds)``; what is ``def`` in a thread, for
    which ``ask`` waits.  The lifespan of an ASGI application, and ``start`` of a class, are not called, and nothing runs in processes:
    that needs a loop of its own, and a gateway.
    """

    def __init__(
        self,
        kind: Any,
        *,
        filters: Sequence[Any] = (),
        route: dict[str, Any] | None = None,
        limits: Any = None,
        trusted: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """``kind``: the class, ``fastgw.App`` or ASGI application; ``options``: of ``inside``; the others: of ``Edge``.

        Raises:
            PluginError: it is none that can be a service, or does not take its settings.
        """
        Edge.__init__(self, endpoints=0, limits=limits, filters=filters, trusted=trusted)
        self._options = {"chain": Chain(self.filters), "body_buffer": 0, **(route or {})}
        self.key = EndpointKey("s", Address(inside="python:it"))
        self.instance = self.instance_of(inside(kind, **options))
        self.lead_to(self.instance)
        self.run()

    def instance_of(self, settings: InsideSettings) -> Instance:
        """An instance that one snapshot has, without a thread to make it."""
        instance = Instance("s", settings)
        instance.make()
        instance.equip(self.plane)
        instance.hold()
        return instance

    def lead_to(self, instance: Instance) -> None:
        """Swap the snapshot for one that leads to ``instance``."""
        roster = ((self.key, EndpointSettings(instance, make_pool=pool_of(instance.inside))),)
        members = self.plane.registry.members("s")
        self.service = Service("s", members, roster, RoundRobin(), self.service.settings, takes_chunks=False)
        self.route = usual.route("all", 1, service=self.service, **self._options)
        self.install(self.listen(), self.service)

    @property
    def pool(self) -> Any:
        """The places of the service."""
        return next(iter(self.plane.registry)).pool

    def ask(
        self, path: str = "/", method: str = "GET", *fields: str, client: MockTransport | None = None, **options: Any
    ) -> bytes:
        """What a client gets for ``request(path, method, *fields, **options)``: ``client``, or a new one."""
        client = client or self.client()
        client.feed(request(path, method, *fields, **options))
        return self.taken(client)

    def taken(self, client: MockTransport) -> bytes:
        """What ``client`` gets when all that is under way has come to rest.

        Raises:
            AssertionError: a thread is not done after ``WAIT_SECONDS``.
        """
        self.run()
        end = time.monotonic() + WAIT_SECONDS
        while self.instance.shape.run != "loop" and self.pool.running:
            assert time.monotonic() < end, f"the service is still at work after {WAIT_SECONDS:g} s"
            time.sleep(0.001)
            self.run()
        return client.take()

    def end(self) -> None:
        """Everything closes, and nothing may be left."""
        Edge.end(self)
        assert not self.pool.running and not self.pool.waiting and not self.instance.calls
        for index in counters.ENDPOINT.gauges:
            assert self.of_endpoint(index) == 0, index
