"""Free ports on loopback."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now (somebody may a moment later; tests then fail to start)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Does somebody listen on this port of ``host``?"""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
