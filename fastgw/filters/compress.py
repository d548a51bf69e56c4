"""``compress``: answers become smaller for clients that say they can read that (``Accept-Encoding``, RFC 9110 section 12.5.3).

Whether an answer is worth it is seen in its head: its type, its length, and that nobody has coded it yet.  One of unknown length is made
while it is sent, so each piece is flushed, and its reader waits for nothing that has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.mending import vary_by
from fastgw.filters.codings import ENCODERS, preferred
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.filters.codings import Encoder

_ENCODING: Final = b"content-encoding"
_VARY: Final = (b"accept-encoding",)
_EVENTS: Final = b"text/event-stream"
#: Whoever asks for these gets exactly these bytes, or is asked about something that is none (RFC 9110 sections 15.3.5, 15.3.7, 15.4.5).
_NEVER: Final = frozenset({204, 205, 206, 304})


class Compress:
    """The filter."""

    __slots__ = ("_codings", "_levels", "_min_size", "_names", "_streams", "_subtypes", "_suffixes", "_types", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``codings``, best first; ``levels``, pairs of each and its own; ``types``, lower case; ``min_size``, bytes;
        ``streams``.
        """
        self.name = name
        self._names: dict[bytes, str] = {one.encode(): one for one in options["codings"]}
        self._codings = tuple(self._names)
        self._levels: dict[str, int] = dict(options["levels"])
        types = [one.encode() for one in options["types"]]
        self._types = frozenset(one for one in types if b"*" not in one)
        self._subtypes = tuple(one[:-1] for one in types if one.endswith(b"/*"))
        self._suffixes = tuple(one[1:] for one in types if one.startswith(b"*+"))
        self._min_size: int = options["min_size"]
        self._streams: bool = options["streams"]

    def response(self, exchange: Exchange) -> None:
        """Tell caches that others get other bytes, whatever this client gets."""
        response = exchange.response
        if exchange.replied is None and self._is_worth_it(exchange):
            vary_by(response, _VARY)

    def transform_response(self, exchange: Exchange) -> _Compressing | None:
        """Compress it, if it is worth it and the client can read that."""
        if not self._is_worth_it(exchange):
            return None
        coding = preferred(find_field(exchange.request.head, b"accept-encoding"), self._codings)
        if not coding:
            return None
        exchange.response.set_header(_ENCODING, coding)
        name = self._names[coding]
        return _Compressing(exchange, name, ENCODERS[name](self._levels[name]))

    def _is_worth_it(self, exchange: Exchange) -> bool:
        response = exchange.response
        if response.status in _NEVER or response.header(_ENCODING) is not None:
            return False
        if 0 <= response.content_length < self._min_size:
            return False
        kind = (response.header(b"content-type") or b"").partition(b";")[0].strip(b" \t").lower()
        if kind == _EVENTS:
            return self._streams
        return kind in self._types or kind.startswith(self._subtypes) or kind.endswith(self._suffixes)


class _Compressing(BodyHook):
    """One body."""

    vary = _VARY

    def __init__(self, exchange: Exchange, coding: str, encoder: Encoder) -> None:
        self._exchange = exchange
        self._coding = coding
        self._encoder = encoder
        self._flushes = exchange.response.content_length < 0
        self._before = 0
        self._after = 0

    def feed(self, data: bytes) -> bytes:
        self._before += len(data)
        out = self._encoder.feed(data)
        if self._flushes:
            out += self._encoder.flush()
        self._after += len(out)
        return out

    def finish(self) -> bytes:
        exchange = self._exchange
        out = self._encoder.finish()
        self._after += len(out)
        values, base = exchange.plane.values, exchange.route.base + counters.ROUTE_COMPRESSED_BYTES
        values[base] += self._before
        values[base + 1] += self._after
        exchange.note("compress", {"coding": self._coding, "before": self._before, "after": self._after})
        return out
