"""A transport that a test holds, of a protocol that it feeds by itself."""

from __future__ import annotations


class HeldTransport:
    """Keeps what is written, and whether it was ended."""

    def __init__(self) -> None:
        self.sent = b""
        self.is_aborted = False

    def get_extra_info(self, name: str) -> None:
        """Nothing: no TLS, no socket."""

    def write(self, data: bytes) -> None:
        """See ``asyncio.Transport``."""
        self.sent += data

    def abort(self) -> None:
        """See ``asyncio.Transport``."""
        self.is_aborted = True
