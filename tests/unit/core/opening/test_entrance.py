"""Accepting for a listener that asks for something before HTTP."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.opening import entrance
from fastgw.core.snapshot.snapshot import Snapshot
from tests.unit.core.opening.stage import GET, HEADER, LINE, Edge


def test_accepting_pauses_when_there_are_no_descriptors(
    edge: Callable[..., Edge], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = edge(HEADER)
    monkeypatch.setattr(entrance, "STARVED_PAUSE", 0.05)
    tries = []

    class Starved:
        """The listening socket of a process that has no descriptor left, for a while."""

        def accept(self) -> Any:
            tries.append(1)
            if len(tries) == 1:
                raise ConnectionAbortedError
            if len(tries) < 4:
                raise OSError(errno.EMFILE, "Too many open files")
            return real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    real = one.entrance._sock
    one.entrance._sock = Starved()
    client = one.client(LINE + GET)
    assert one.read(client).startswith(b"HTTP/1.1 404 ")
    assert [event for event, _, _ in one.troubles] == ["connections cannot be accepted"] * 2
    assert "LimitNOFILE" in one.troubles[0][1]
    assert one.plane.values[counters.ACCEPT_FAILURES] == 2
    assert len(tries) < 10
    one.entrance._sock = real


def test_listener_that_is_gone_has_no_room(edge: Callable[..., Edge]) -> None:
    one = edge(HEADER)
    one.plane.install(Snapshot(2, {}))
    assert not one.entrance.has_room()
