"""Tell systemd how we are (``sd_notify(3)``): one datagram to the socket it names in ``NOTIFY_SOCKET``."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

LONGEST = 500  #: characters of one line: what ``systemctl status`` can show


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send ``lines`` ("READY=1", "STATUS=..."); True if somebody listens, or there is nobody to tell.

    Never raises: a manager that went away is its own problem.  A line has no line end in it, or what is behind that would be
    a command of its own, and is cut at ``LONGEST`` characters.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return True
    if not address.startswith(("/", "@")):
        return False
    data = "\n".join(" ".join(line.splitlines())[:LONGEST] for line in lines).encode(errors="replace")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(data, "\0" + address[1:] if address[0] == "@" else address)
    except OSError:
        return False
    return True


def watchdog(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float:
    """Seconds after which the manager takes us for stuck and kills us (``WatchdogSec=``), 0 if it never does.

    ``WATCHDOG=1`` is wanted in half that time.  ``pid``: ours; a variable that is for another process is for nobody here.
    """
    if environ.get("WATCHDOG_PID") not in (None, str(os.getpid() if pid is None else pid)):
        return 0.0
    told = environ.get("WATCHDOG_USEC", "")
    return int(told) / 1e6 if told.isascii() and told.isdigit() else 0.0


def reloading() -> tuple[str, str]:
    """The lines that announce a reload; ``READY=1`` ends it."""
    return "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
