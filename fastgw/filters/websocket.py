"""``websocket`` of a route: which handshakes it takes, and that the frames behind them are read (``core.exchange.frames``).

It stands closest to the service, behind all filters and transformers of the route.  A request that asks for no WebSocket passes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.exchange.frames import EXTENSIONS, NOTE, PROTOCOL, FrameTunnels, offers_of
from fastgw.core.exchange.tunnel import KIND
from fastgw.errors import DownstreamError
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.websocket_settings import WebSocketSettings
    from fastgw.wire.messages import Request


_TAKEN: Final = "websocket_taken"  #: a note: the first offer of the client that a filter has kept for itself


class WebSockets:
    """The filter of all routes that say the same of them."""

    __slots__ = ("_kind", "_protocols", "_settings")

    name = NOTE

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
        said = find_field(request.head, PROTOCOL)
        if said is not None and said != request.header(PROTOCOL):
            left = _parts(request.header(PROTOCOL))
            exchange.note(_TAKEN, next((one for one in _parts(said) if one not in left), b""))
        if self._protocols:
            offered = _parts(request.header(PROTOCOL))
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

    def response(self, exchange: Exchange) -> None:
        """Where a filter has taken a token out of the offers, and the service has chosen none: choose the name it stood behind, as browsers
        end a WebSocket that chooses nothing of theirs (RFC 6455 section 4.1)."""
        response = exchange.response
        taken = (exchange.notes or {}).get(_TAKEN)
        if taken and response.status == 101 and response.header(PROTOCOL) is None:
            response.add_header(PROTOCOL, taken)


def _parts(offers: bytes | None) -> list[bytes]:
    return [one.strip() for one in offers.split(b",")] if offers else []


def _replace(request: Request, name: bytes, value: bytes) -> None:
    """Which no other filter may do."""
    line = b"%b: %b\r\n" % (name, value) if value else b""
    request.change((name,), line, (request.edited or frozenset()) | {name})
