"""To test filters, transformers and services without a socket: a whole gateway on a mock loop, bytes and time in the hands of the test.

    from fastgw.testing import OK, Edge, statuses

    edge = Edge(filters=[mine])
    client, service = edge.pair(b"GET / HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n")
    assert b"x-mine: 1\\r\\n" in service.take()   # what the service gets
    service.feed(OK)                              # what it answers
    assert statuses(client.take()) == [200]       # what the client gets
    edge.end()                                    # nothing is left behind: no exchange, connection or timer

What is named here keeps its meaning; the rest of these modules follows the gateway, whose own tests use it.  Nothing that serves requests
imports this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.testing.edge import (
        CHUNKED,
        GET,
        HEAD,
        OK,
        POST,
        SWITCHING,
        WEBSOCKET,
        Edge,
        Gate,
        Spy,
        body_of,
        head_of,
        statuses,
    )
    from fastgw.testing.mock import MockLoop, MockTransport
    from fastgw.testing.service import ServiceEdge, request

__all__ = [
    "CHUNKED",
    "GET",
    "HEAD",
    "OK",
    "POST",
    "SWITCHING",
    "WEBSOCKET",
    "Edge",
    "Gate",
    "MockLoop",
    "MockTransport",
    "ServiceEdge",
    "Spy",
    "body_of",
    "head_of",
    "request",
    "statuses",
]

_PLACES = {"MockLoop": "mock", "MockTransport": "mock", "ServiceEdge": "service", "request": "service"}


def __getattr__(name: str) -> object:
    """What is named here is imported when it is asked for: who wants the loop alone (``rehearsal``) does without the schema of files."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'edge')}"), name)
