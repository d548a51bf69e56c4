"""Which protocols are spoken."""

from __future__ import annotations

from fastgw.core.http1.client import Http1Client
from fastgw.core.http1.pool import Http1Pool
from fastgw.core.protocols import client_factory, make_pool
from tests.support.edge import Edge


def test_clients_speak_http_1() -> None:
    edge = Edge()
    made = client_factory(edge.plane, "edge")()
    assert isinstance(made, Http1Client)
    assert made.listener is edge.plane.listeners["edge"]
    edge.end()


def test_so_do_services() -> None:
    edge = Edge()
    assert isinstance(make_pool(edge.endpoints[0], edge.plane), Http1Pool)
    edge.end()
