"""``websocket`` of a route: which handshakes it takes, and that the frames behind them are read (``core.exchange.frames``).

It stands closest to the service, behind all filters and transformers of the route.  A request that asks for no WebSocket passes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange.frames import EXTENSIONS, NOTE, PROTOCOL, FrameTunnels, offers_of
from fastgw.core.exchange.tunnel import KIND
from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.websocket_settings import WebSocketSettings
    from fastgw.wire.messages import Request


class WebSockets:
    """The filter of all routes that say the same of them."""

    __slots__ = ("_kind", "_protocols", "_settings")

    name = NOTE
    logged = (NOTE,)

    def __init__(self, settings: WebSocketSettings) -> None:
        self._settings = settings
        self._kind = FrameTunnels(settings)
        self._protocols = [one.encode() for one in settings.subprotocols]

    def request(self, exchange: Exchange) -> None:
        """Let the service see of the offers what may become of them.

        Raises:
            DownstreamError: 400 ``subprotocol_refused``.
        """
        request = exchange.request
        if request.upgrade != b"websocket":
            return
        if self._protocols:
            offered = [one.strip() for one in (request.header(PROTOCOL) or b"").split(b",")]
            kept = [one for one in offered if one in self._protocols]
            if not kept:
                names = ", ".join(self._settings.subprotocols)
                raise DownstreamError(400, "subprotocol_refused", f"a WebSocket here speaks one of {names}")
            if kept != offered:
                _replace(request, PROTOCOL, b", ".join(kept))
        extensions = request.header(EXTENSIONS)
        if extensions is not None:
            _replace(request, EXTENSIONS, offers_of(extensions) if self._settings.compression == "pass" else b"")
        exchange.note(KIND, self._kind)


def _replace(request: Request, name: bytes, value: bytes) -> None:
    """Which no other filter may do."""
    line = b"%b: %b\r\n" % (name, value) if value else b""
    request.change((name,), line, (request.edited or frozenset()) | {name})
