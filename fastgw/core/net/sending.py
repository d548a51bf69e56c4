"""``send``: bytes to a socket's kernel buffer at once, without blocking.  Compiled (``_send.pyx``) when the extension is there."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING


def send_plainly(fd: int, data: bytes) -> int:
    """How many bytes of ``data`` the kernel took: 0 when its buffer is full, -1 when the connection is broken."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0
    except OSError:
        return -1


if TYPE_CHECKING or find_spec("fastgw.core.net._send") is None:
    send = send_plainly
else:
    from fastgw.core.net._send import send

__all__ = ["send", "send_plainly"]
