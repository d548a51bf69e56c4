"""What a listener makes of itself."""

from __future__ import annotations

from fastgw.core.settings import Address
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import Router
from fastgw.testing import usual
from fastgw.testing.edge import Edge
from fastgw.wire.fields import DROP, FORWARDED_FOR, KEEP
from fastgw.wire.messages import Request


def test_listener_reads_within_its_limits() -> None:
    listener = usual.listener(
        "edge", Router([]), usual.route("none", 0), limits=usual.limits(head_count=7, uri_length=9)
    )
    assert (listener.reader.head_count, listener.reader.uri_length) == (7, 9)
    listener.reader.read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Request(), listener.table)


def test_tables_differ_by_trust_and_drop_what_is_configured() -> None:
    listener = usual.listener("edge", Router([]), usual.route("none", 0), drop_headers=("x-internal",))
    for table in (listener.table, listener.trusted_table):
        assert table.learn(b"X-Internal") == DROP
        assert table.learn(b"Accept") == KEEP
    assert listener.table.learn(b"X-Forwarded-For") == DROP
    assert listener.trusted_table.learn(b"X-Forwarded-For") == FORWARDED_FOR


def test_host_policy_is_ready_to_be_sent() -> None:
    for policy, host in (("preserve", b""), ("endpoint", b""), ("b.test", b"b.test")):
        assert usual.service("s", (), RoundRobin(), host=policy).host == host


def test_settings_have_the_documented_defaults() -> None:
    assert usual.limits().head_size == 32768
    assert usual.timeouts() == usual.timeouts(head=10.0, idle=60.0, body=30.0, write=60.0)
    assert usual.route("a", 3).chain.filters == ()
    assert Snapshot(1, {}).services == Snapshot(1, {}).filters == ()


def test_untried_endpoints_are_the_others() -> None:
    plane = Edge().plane
    one, two = (usual.endpoint(plane.registry, "s", Address("127.0.0.1", port)) for port in (1, 2))
    service = usual.service("s", (one, two), RoundRobin())
    assert service.members.untried((one,)) == (two,)
    assert service.members.untried((one, two)) == ()
