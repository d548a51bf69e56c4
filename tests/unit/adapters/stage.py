"""An Edge whose one route answers by itself."""

from __future__ import annotations

from typing import Any

from fastgw.core.snapshot.snapshot import Service
from tests.support.edge import Edge
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
