"""An Edge whose one route is answered in this process."""

from __future__ import annotations

from typing import Any

from fastgw.core.snapshot.snapshot import Service
from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport
from fastgw.testing.service import request


def own(service: Service, **options: Any) -> Edge:
    """``options``: of ``Edge``; those of ``route`` stand beside ``service``."""
    route = {"service": service, **options.pop("route", {})}
    return Edge(endpoints=0, route=route, **options)


def ask(edge: Edge, *what: str, client: MockTransport | None = None, **options: Any) -> bytes:
    """What a client gets for ``request(*what, **options)``."""
    client = client or edge.client()
    client.feed(request(*what, **options))
    edge.run()
    return client.take()
