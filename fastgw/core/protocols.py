"""Which protocols are spoken, to clients and to services: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.http1.client import Http1Client
from fastgw.core.http1.pool import Http1Pool

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Client
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.core.snapshot.snapshot import Listener


def make_client(plane: DataPlane, listener: Listener) -> Client:
    """The end of a connection that ``listener`` has accepted."""
    return Http1Client(plane, listener)


def client_factory(plane: DataPlane, name: str) -> Callable[[], Any]:
    """What makes the protocol of each connection that the listener ``name`` accepts: a ``Client``, and for a loop what it asks of a
    protocol (a compiled class cannot derive from asyncio's)."""
    return lambda: Http1Client(plane, plane.listeners[name])


def make_pool(endpoint: Endpoint, plane: Plane) -> Pool:
    """The pool of a new endpoint."""
    return Http1Pool(endpoint, plane)
