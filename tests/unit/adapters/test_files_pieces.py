"""Static files that are sent in pieces, and those that are not in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fastgw.adapters import files as module
from fastgw.adapters.files import PIECE, read_cached
from fastgw.core import counters
from fastgw.testing.edge import Edge, Gate, Spy, body_of, head_of, new_loop
from fastgw.testing.mock import MockTransport
from fastgw.testing.service import request
from tests.unit.adapters.files_stage import BIG, files, finish
from tests.unit.adapters.tree import plant


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = plant(tmp_path)
    (root / "big").write_bytes(BIG)
    return root


def reason(edge: Edge, seen: list[Any]) -> str:
    return str(seen[-1].reason)


# --- in pieces


def begun(edge: Edge, room: int) -> MockTransport:
    """A client that takes ``room`` bytes of /big, and no more for now."""
    client = edge.client(extra={"socket": None}, capacity=room)
    client.feed(request("/big"))
    edge.run()
    return client


def test_a_large_file_is_read_as_fast_as_it_is_taken(root: Path) -> None:
    edge = files(root)
    client = begun(edge, 1000)
    assert client.get_write_buffer_size() <= 2 * PIECE
    taken = client.take()
    for _ in range(100):
        client.drain(20_000)
        edge.run()
        assert client.get_write_buffer_size() <= 2 * PIECE
        taken += client.take()
    assert body_of(taken) == BIG
    finish(edge)


def test_a_piece_is_read_in_each_turn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turns between two pieces of a file, whose client takes everything at once."""
    order: list[str] = []
    monkeypatch.setattr(module, "read_cached", lambda *what: order.append("piece") or read_cached(*what))
    edge = files(root)
    client = edge.client()
    client.feed(request("/big"))
    for _ in range(3):
        edge.loop.call_soon(order.append, "other")
    edge.run()
    assert len(body_of(client.take())) == len(BIG)
    assert order.count("piece") == 6 and order.index("other") < 2
    finish(edge)


def test_a_client_that_leaves_in_the_middle_closes_the_file(root: Path) -> None:
    edge = files(root)
    client = begun(edge, 1000)
    client.lose()
    edge.run()
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    finish(edge)


def test_a_client_that_takes_nothing_is_cut(root: Path) -> None:
    edge = files(root)
    client = begun(edge, 1000)
    edge.loop.advance(200)
    assert client.is_lost
    finish(edge)


def test_a_file_that_becomes_shorter_is_cut_visibly(root: Path) -> None:
    edge = files(root)
    client = begun(edge, 1000)
    os.truncate(root / "big", PIECE)
    client.drain()
    edge.run()
    data = client.take()
    assert f"content-length: {len(BIG)}\r\n".encode() in head_of(data) and len(body_of(data)) == PIECE
    assert client.is_closing() and edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 1
    finish(edge)


def test_a_hook_that_waits_holds_the_file(root: Path) -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = files(root, loop=loop, filters=[Spy("spy", [], response=gate)])
    client = edge.client(request("/big"))
    edge.run()
    assert client.take() == b""
    gate.open()
    edge.run()
    assert body_of(client.take()) == BIG
    finish(edge)
