"""Free ports on loopback."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

FIRST, LAST = 10_000, 30_000  #: below the ports that the kernel gives to connections, which would take one meanwhile
_next = itertools.count(os.getpid() * 997)  # test runs side by side begin far apart, and none gives a port twice


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now (somebody may a moment later; tests then fail to start)."""
    for number in itertools.islice(_next, LAST - FIRST):
        port = FIRST + number % (LAST - FIRST)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"every port from {FIRST} to {LAST} is taken")


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Does somebody listen on this port of ``host``?"""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
