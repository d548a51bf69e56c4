"""What a listener makes of itself."""

from __future__ import annotations

import dataclasses

import pytest

from fastgw.core.snapshot import Limits, Listener, Route
from fastgw.routing import Router
from fastgw.wire.fields import DROP, FORWARDED_FOR, KEEP
from fastgw.wire.request import Request


def test_listener_reads_within_its_limits() -> None:
    listener = Listener("edge", Router([]), Route("none", 0), limits=Limits(head_count=7, uri_length=9))
    assert (listener.reader.head_count, listener.reader.uri_length) == (7, 9)
    listener.reader.read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Request(), listener.table)


def test_tables_differ_by_trust_and_drop_what_is_configured() -> None:
    listener = Listener("edge", Router([]), Route("none", 0), drop_headers=frozenset({b"x-internal"}))
    for table in (listener.table, listener.trusted_table):
        assert table.learn(b"X-Internal") == DROP
        assert table.learn(b"Accept") == KEEP
    assert listener.table.learn(b"X-Forwarded-For") == DROP
    assert listener.trusted_table.learn(b"X-Forwarded-For") == FORWARDED_FOR


def test_snapshot_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Route("a", 0).name = "b"  # type: ignore[misc]
