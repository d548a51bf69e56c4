"""An exchange as a guest sees it: fields by name, properties by path (``wasm.interface.HttpStream``).

Names of pseudo fields are those of HTTP/2, whatever is spoken: ``:method``, ``:path``, ``:authority``, ``:scheme``, ``:status``.  What
frames a message is the gateway's: a guest that changes it is told that all is well, as nearly all do who change a body, and nothing is
changed.  Any other field that is the gateway's own it cannot change, and is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.about import report
from fastgw.errors import GatewayError
from fastgw.wasm.interface import (
    BAD_ARGUMENT,
    OK,
    REQUEST_HEADERS,
    REQUEST_TRAILERS,
    RESPONSE_HEADERS,
    RESPONSE_TRAILERS,
    MapPair,
)
from fastgw.wire.errors import WireError
from fastgw.wire.fields import OWN_REQUEST_FIELDS, OWN_RESPONSE_FIELDS, is_forbidden_trailer, is_own
from fastgw.wire.lines import value_of, without_fields
from fastgw.wire.messages import Message

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

#: Fields that frame a message or belong to one connection: changing them does nothing.
FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"te", b"trailer"))
_VISIBLE: Final = bytes(
    one for one in range(0x21, 0x7F) if one != 0x23
)  #: what a target may have, which has no fragment
FIELDS_MAX: Final = 64 << 10  #: bytes of fields that one exchange may be given

ReadProperty = Callable[[Any], bytes | None]  #: of an exchange


def _number(value: int) -> bytes:
    """As the ABI has it."""
    return value.to_bytes(8, "little", signed=True)


#: Properties, by their path.
PROPERTIES: Final[Mapping[str, ReadProperty]] = {
    "source.address": lambda exchange: exchange.client.address,
    "request.path": lambda exchange: exchange.request.target,
    "request.url_path": lambda exchange: exchange.request.path,
    "request.query": lambda exchange: exchange.request.query[1:],
    "request.method": lambda exchange: exchange.request.method,
    "request.host": lambda exchange: exchange.request.authority,
    "request.scheme": lambda exchange: exchange.request.forwarded_proto or exchange.listener.scheme,
    "request.protocol": lambda exchange: b"HTTP/" + (exchange.client.version if exchange.request.minor else b"1.0"),
    "request.id": lambda exchange: exchange.request.request_id or None,
    "request.size": lambda exchange: _number(exchange.body.received),
    "request.useragent": lambda exchange: exchange.request.header(b"user-agent"),
    "request.referer": lambda exchange: exchange.request.header(b"referer"),
    "response.code": lambda exchange: _number(exchange.response.status) if exchange.response.status else None,
    "response.size": lambda exchange: _number(exchange.bytes_out),
    "upstream.address": lambda exchange: exchange.asked.encode() or None,
    "cluster_name": lambda exchange: exchange.service.name.encode() if exchange.service is not None else None,
    "route_name": lambda exchange: exchange.route.name.encode(),
    "listener_name": lambda exchange: exchange.listener.name.encode(),
}


class ExchangeStream:
    """The exchange."""

    __slots__ = ("_added", "_exchange", "_name")

    def __init__(self, exchange: Exchange, name: str) -> None:
        """``name``: of the filter, for the log."""
        self._exchange = exchange
        self._name = name
        self._added = 0

    # --- fields

    def pairs(self, map_id: int) -> Sequence[MapPair] | None:
        """See ``HttpStream``."""
        exchange = self._exchange
        if map_id == REQUEST_HEADERS:
            return [*self._pseudo(), *_pairs(exchange.request.fields + exchange.request.extra)]
        if map_id == RESPONSE_HEADERS:
            response = exchange.response
            if not response.status:
                return None
            return [(b":status", b"%d" % response.status), *_pairs(response.fields + response.extra)]
        if map_id == REQUEST_TRAILERS:
            return _pairs(exchange.body.trailers)
        return _pairs(exchange.response.trailers) if map_id == RESPONSE_TRAILERS and exchange.response.status else None

    def count(self, map_id: int) -> int:
        """How many fields ``pairs`` has."""
        if map_id == REQUEST_HEADERS:
            request = self._exchange.request
            return 4 + request.fields.count(b"\n") + request.extra.count(b"\n")
        response = self._exchange.response
        return 1 + response.fields.count(b"\n") + response.extra.count(b"\n")

    def value(self, map_id: int, name: bytes) -> bytes | None:
        """See ``HttpStream``."""
        exchange = self._exchange
        if map_id == REQUEST_HEADERS:
            return dict(self._pseudo()).get(name) if name[:1] == b":" else exchange.request.header(name)
        if map_id == RESPONSE_HEADERS and exchange.response.status:
            return b"%d" % exchange.response.status if name == b":status" else exchange.response.header(name)
        if map_id == REQUEST_TRAILERS:
            return value_of(exchange.body.trailers, name)
        return value_of(exchange.response.trailers, name) if map_id == RESPONSE_TRAILERS else None

    def edit(self, map_id: int, removed: Sequence[bytes], added: Sequence[MapPair]) -> int:
        """See ``HttpStream``."""
        message = self._message(map_id)
        if message is None:
            return self._edit_trailers(removed, added) if map_id == RESPONSE_TRAILERS else BAD_ARGUMENT
        names = [*removed, *(name for name, _ in added if name not in removed)]
        if names and names[0][:1] == b":":
            return self._edit_pseudo(map_id, added)
        if names[0] in FRAMING:
            return OK
        return self._change(message, removed, added)

    def put(self, map_id: int, pairs: Sequence[MapPair]) -> int:
        """See ``HttpStream``."""
        message = self._message(map_id)
        if message is None:
            return BAD_ARGUMENT
        own = OWN_REQUEST_FIELDS if map_id == REQUEST_HEADERS else OWN_RESPONSE_FIELDS
        for name, value in pairs:
            if name[:1] == b":" and value != self.value(map_id, name) and self._edit_pseudo(map_id, ((name, value),)):
                return BAD_ARGUMENT
        given = [one for one in pairs if one[0][:1] != b":" and one[0] not in FRAMING and not is_own(one[0], own)]
        old = {name for name, _ in _pairs(message.fields + message.extra)}
        removed = [name for name in old if name not in FRAMING and not is_own(name, own)]
        return self._change(message, removed, given)

    def _message(self, map_id: int) -> Message | None:
        """What can be changed now."""
        exchange = self._exchange
        if map_id == REQUEST_HEADERS:
            has_left = exchange.carrier is not None or exchange.attempts or exchange.response.status
            return None if has_left else exchange.request
        return exchange.response if map_id == RESPONSE_HEADERS and exchange.response.status else None

    def _change(self, message: Message, removed: Sequence[bytes], added: Sequence[MapPair]) -> int:
        self._added += sum([len(name) + len(value) + 4 for name, value in added])
        if self._added > FIELDS_MAX or self._exchange.is_head_sent:
            return BAD_ARGUMENT
        try:
            message.edit(removed, added)
        except ValueError:
            return BAD_ARGUMENT
        return OK

    def _edit_trailers(self, removed: Sequence[bytes], added: Sequence[MapPair]) -> int:
        response = self._exchange.response
        for name, value in added:
            self._added += len(name) + len(value)
            if is_forbidden_trailer(name) or self._added > FIELDS_MAX:
                return BAD_ARGUMENT
            try:
                response.set_trailer(name, value)
            except ValueError:
                return BAD_ARGUMENT
        if not added:
            response.trailers = without_fields(response.trailers, removed)
        return OK

    # --- pseudo fields

    def _pseudo(self) -> tuple[MapPair, ...]:
        request = self._exchange.request
        scheme = request.forwarded_proto or self._exchange.listener.scheme
        return (
            (b":method", request.method),
            (b":path", request.target),
            (b":authority", request.authority),
            (b":scheme", scheme),
        )

    def _edit_pseudo(self, map_id: int, added: Sequence[MapPair]) -> int:
        """The path of a request and the status of an answer can be another."""
        if len(added) != 1:
            return BAD_ARGUMENT
        (name, value) = added[0]
        exchange = self._exchange
        try:
            if map_id == RESPONSE_HEADERS and name == b":status" and value.isdigit() and not exchange.is_head_sent:
                exchange.response.set_status(int(value[:4]))
                return OK
            if map_id == REQUEST_HEADERS and name == b":path" and value != exchange.request.target:
                return self._rewrite(value)
        except (ValueError, GatewayError):
            return BAD_ARGUMENT
        return OK if value == self.value(map_id, name) else BAD_ARGUMENT

    def _rewrite(self, target: bytes) -> int:
        request = self._exchange.request
        path, mark, query = target.partition(b"?")
        if target.translate(None, _VISIBLE) or len(target) > self._exchange.listener.limits.uri_length:
            return BAD_ARGUMENT
        before, request.query = request.query, mark + query
        try:
            request.rewrite(path)
        except WireError:
            request.query = before
            return BAD_ARGUMENT
        return OK

    # --- properties and logs

    def known(self, path: Sequence[bytes]) -> bytes | None:
        """See ``HttpStream``."""
        exchange = self._exchange
        if len(path) == 3 and path[0] in (b"request", b"response") and path[1] == b"headers":
            return self.value(REQUEST_HEADERS if path[0] == b"request" else RESPONSE_HEADERS, path[2].lower())
        read = PROPERTIES.get(b".".join(path).decode("latin-1"))
        if read is None:
            return None
        return read(exchange)

    @property
    def can_reply(self) -> bool:
        """See ``HttpStream``."""
        return not self._exchange.is_head_sent and self._exchange.replied is None

    def log(self, level: str, text: str) -> None:
        """See ``HttpStream``."""
        report(self._exchange, level, "a filter says", filter=self._name, text=text)


def _pairs(lines: bytes) -> list[MapPair]:
    found: list[MapPair] = []
    for line in lines.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found.append((name.lower(), value.strip(b" \t")))
    return found
