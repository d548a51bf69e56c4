"""Connections past the event loop's transports, where that is possible: compiled only (``_sockets.pyx`` says what it saves).

Without the extension, with ``FASTGW_PURE=1`` or with ``FASTGW_ABLATE=no_raw_sockets`` plain connections use uvloop's
transports like TLS ones always do; everything above sees the same calls.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core.ablation import OFF

if TYPE_CHECKING:
    import asyncio
    import socket

    from fastgw.core.net.turns import Turn


class Closable(Protocol):
    """Something that accepts connections until it is closed."""

    def close(self) -> None:
        """Accept no more."""


class Poller(Protocol):
    """What ``_sockets.Poller`` offers."""

    on_starved: (
        Callable[[OSError], None] | None
    )  #: called when a client cannot be accepted for want of descriptors or memory

    turn: Turn  #: what is done when everything that is ready was handled

    def listen(self, sock: socket.socket, factory: Callable[[], Any]) -> Closable:
        """Accept on ``sock``, which is taken over."""

    def adopt(self, sock: socket.socket, protocol: Any) -> None:
        """Make ``sock``, connected and non-blocking, the connection of ``protocol``; the socket is taken over."""

    def give_back_memory(self) -> None:
        """Give the system what has been freed so far."""

    def close(self) -> None:
        """Watch nothing any more."""


def make_poller(loop: asyncio.AbstractEventLoop) -> Poller | None:
    """The poller of a worker, or None where there is none."""
    if "no_raw_sockets" in OFF or find_spec("fastgw.core.net._sockets") is None:
        return None
    from fastgw.core.net import _sockets  # type: ignore[attr-defined]

    made: Poller = _sockets.Poller(loop)
    return made
