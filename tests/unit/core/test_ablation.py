"""The switches of benchmarks: each does what it says, and none is on by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

REPORT = """
import asyncio
import mmap
from fastgw.core import ablation
from fastgw.core.protocols import make_pool
from fastgw.core.counters import SLAB_BYTES
from fastgw.core.slab import Counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.net.sockets import make_poller
from fastgw.testing.mock import MockLoop

plane = DataPlane(MockLoop(), Counters(memoryview(mmap.mmap(-1, SLAB_BYTES))), lambda: 0.5, make_pool=make_pool)
first = plane.take()
plane.give_back(first)
loop = asyncio.new_event_loop()
poller = make_poller(loop)
print(
    sorted(ablation.OFF - {""}),
    "reused" if plane.take() is first else "new",
    "poller" if poller is not None else "transports",
)
if poller is not None:
    poller.close()
loop.close()
"""


def report(switches: str) -> list[str]:
    environment = os.environ | {"FASTGW_ABLATE": switches}
    done = subprocess.run([sys.executable, "-c", REPORT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_nothing_is_off_by_itself() -> None:
    assert report("")[:2] == ["[]", "reused"]


def test_reuse_can_be_switched_off() -> None:
    assert report("no_reuse")[:2] == ["['no_reuse']", "new"]


def test_raw_sockets_can_be_switched_off() -> None:
    assert report("no_raw_sockets")[2] == "transports"


def test_several_switches() -> None:
    assert "no_direct_send" in " ".join(report("no_reuse,no_direct_send"))


PROBE = """
from fastgw.core.net.connection import Connection
import socket

class Transport:
    def __init__(self, sock): self.sock, self.written = sock, []
    def set_write_buffer_limits(self, *limits): pass
    def get_extra_info(self, name): return self.sock if name == "socket" else None
    def get_write_buffer_size(self): return 0
    def write(self, data): self.written.append(data)

ours, theirs = socket.socketpair()
connection = Connection()
transport = Transport(ours)
connection.attach(transport)
connection.write(b"x")
print(len(transport.written))
"""


@pytest.mark.parametrize(("switches", "written"), [("", "0"), ("no_direct_send", "1")])
def test_direct_sending_can_be_switched_off(switches: str, written: str) -> None:
    environment = os.environ | {"FASTGW_ABLATE": switches}
    done = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == written
