"""Addresses and endpoints as names."""

from __future__ import annotations

import pytest

from fastgw.core.counters import ENDPOINT
from fastgw.core.live.endpoint import Endpoint, EndpointKey
from fastgw.core.protocols import make_pool
from fastgw.core.settings import Address
from fastgw.errors import UpstreamError
from fastgw.testing import usual
from fastgw.testing.edge import Edge


@pytest.mark.parametrize(
    ("address", "text", "authority"),
    [
        (Address("10.0.0.1", 9000), "10.0.0.1:9000", b"10.0.0.1:9000"),
        (Address("a.test", 80), "a.test:80", b"a.test:80"),
        (Address("::1", 80), "[::1]:80", b"[::1]:80"),
        (Address(path="/run/x.sock"), "unix:/run/x.sock", b"localhost"),
    ],
)
def test_names(address: Address, text: str, authority: bytes) -> None:
    edge = Edge()
    key, members = EndpointKey("s", address, slot=5), edge.plane.registry.members("s")
    endpoint = Endpoint(key, usual.settings(weight=3), members, edge.plane, make_pool)
    assert (str(address), endpoint.name, endpoint.authority) == (text, text, authority)
    assert (endpoint.weight, endpoint.base, endpoint.in_hand) == (3, ENDPOINT.base(5), 0)
    assert repr(endpoint) == f"<Endpoint s/{text} in_hand=0 <Pool {text} size=0 idle=0 waiting=0>>"
    edge.end()


def test_what_goes_wrong_at_a_retired_one_is_told_at_once() -> None:
    """Nobody sweeps it any more: what waited to be told would never be."""
    edge = Edge()
    endpoint = edge.endpoints[0]
    endpoint.failed(UpstreamError(502, "upstream_reset", "one"))
    assert not edge.log
    endpoint.retire()
    endpoint.failed(UpstreamError(502, "bad_answer", "two"))
    assert [line["cause"] for line in edge.events("an endpoint fails")] == ["upstream_reset", "bad_answer"]
    edge.end()
