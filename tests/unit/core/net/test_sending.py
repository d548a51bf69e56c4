"""Bytes to the kernel without blocking: every implementation."""

from __future__ import annotations

import importlib
import runpy
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fastgw.core.net import sending

SENDS = [sending.send_plainly]
try:
    SENDS.append(importlib.import_module("fastgw.core.net._send").send)
except ImportError:
    pass


@pytest.fixture(params=SENDS, ids=["plain", "compiled"][: len(SENDS)])
def send(request: pytest.FixtureRequest) -> Callable[[int, bytes], int]:
    chosen: Callable[[int, bytes], int] = request.param
    return chosen


@pytest.fixture
def both_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_one_of_them_is_chosen() -> None:
    assert sending.send in SENDS


def test_kernel_takes_all(send: Callable[[int, bytes], int], both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    assert send(ours.fileno(), b"hello") == 5
    assert theirs.recv(100) == b"hello"


def test_kernel_takes_a_part_and_then_nothing(
    send: Callable[[int, bytes], int], both_ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = both_ends
    taken = [send(ours.fileno(), b"x" * 300_000)]
    while taken[-1] > 0:
        taken.append(send(ours.fileno(), b"x" * 300_000))
    assert taken[-1] == 0
    assert 0 < sum(taken) < 300_000 * len(taken)


def test_broken_connection(send: Callable[[int, bytes], int], both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    theirs.close()
    assert send(ours.fileno(), b"x") == -1
    fd = ours.fileno()
    ours.close()
    assert send(fd, b"x") == -1


def test_compiled_form_is_chosen_where_it_is_and_the_twin_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(Path(sending.__file__).with_name("sending.py"))
    compiled: Any = ModuleType("fastgw.core.net._send")
    compiled.send = object()
    compiled.__spec__ = ModuleSpec(compiled.__name__, None)
    monkeypatch.setitem(sys.modules, "fastgw.core.net._send", compiled)
    assert runpy.run_path(source)["send"] is compiled.send
    monkeypatch.setitem(sys.modules, "fastgw.core.net._send", None)  # it is not to be found
    chosen = runpy.run_path(source)
    assert chosen["send"] is chosen["send_plainly"]
