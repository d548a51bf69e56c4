"""What the body of a request asks of a model server, and one thing more that we ask for it: to be told of the tokens of a stream.

OpenAI's streams tell of them only where ``stream_options`` has ``include_usage``.  Where a client has not asked for that it is put in by
splicing: every other byte of the body stays as it is.  What comes of it in the answer is taken out again (``filters.metering``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from fastgw.core.exchange.filter import BodyHook
from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import NULL, OBJECT, STRING, TRUE, JsonError, JsonValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.exchange.ends import Exchange

HOLD_MAX: Final = 1 << 20  #: bytes of a body that is held until it is known what it asks; a larger one goes on as it is
_KEYS: Final = (b"model", b"stream", b"stream_options")
_INCLUDE: Final = b"include_usage"
_VALUE_MAX: Final = 4096  #: bytes of a value that is looked at
_OPTION: Final = b'"stream_options":{"include_usage":true},'


class Splice(NamedTuple):
    """Bytes that go into the place of others."""

    start: int
    stop: int
    value: bytes

    @classmethod
    def into(cls, data: bytes) -> Splice:
        """What asks for usage in ``data``, an object that has no ``stream_options``."""
        place = data.index(b"{") + 1
        return cls(place, place, _OPTION)

    def put_into(self, data: bytes) -> bytes:
        """``data`` with them."""
        return b"".join((data[: self.start], self.value, data[self.stop :]))


class ModelRequest(NamedTuple):
    """What a body asks for."""

    model: str  #: empty: it names none that can be shown
    splice: Splice | None  #: what makes it ask for the usage of a stream; None: it does, or asks for no stream


NOTHING: Final = ModelRequest("", None)


def read(data: bytes) -> ModelRequest:
    """What ``data`` asks for, the whole body of a request; nothing where it is no JSON, or has two readings."""
    try:
        model, stream, options = _found(_KEYS, data)
        is_stream = stream is not None and stream.kind == TRUE
        return ModelRequest(_name(model), _splice(data, options) if is_stream else None)
    except JsonError:
        return NOTHING


def read_model(data: bytes) -> str:
    """The model that ``data`` names, which is a body or the beginning of one; empty: none."""
    skim = Skim(_KEYS[:1], 1, _VALUE_MAX)
    try:
        skim.feed(data)
    except JsonError:
        return ""
    return _name(skim.found[0])


class IncludingUsage(BodyHook):
    """A body that is held until all of it is here, and goes on with what it has to ask for."""

    def __init__(
        self, exchange: Exchange, tell: Callable[[ModelRequest], None], known: ModelRequest | None = None
    ) -> None:
        """``tell``: is told what it asks, with a splice if that is put in; ``known``: that, of a body that is here; None: not yet."""
        self._exchange = exchange
        self._tell = tell
        self._known = known
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        if self._size > HOLD_MAX:
            return data
        self._size += len(data)
        self._parts.append(data)
        return self._all() if self._size > HOLD_MAX else b""

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        if self._size > HOLD_MAX:
            return b""
        data = self._all()
        asked = self._known or read(data)
        if asked.splice is not None:
            data = asked.splice.put_into(data)
        self._tell(asked)
        request = self._exchange.request
        if self._exchange.carrier is None and request.chunked and not self._exchange.body.trailers:
            request.gain_length(len(data))  # nothing has gone on, so its head has not either
        return data

    def _all(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _name(value: JsonValue | None) -> str:
    if value is None or value.kind != STRING or value.raw is None:
        return ""
    found = str(orjson.loads(value.raw))
    return found if found.isprintable() else ""


def _splice(data: bytes, options: JsonValue | None) -> Splice | None:
    """What asks for usage in ``data``, an object, which has these ``options``."""
    if options is None:
        return Splice.into(data)
    if options.kind == NULL:
        return Splice(options.start, options.stop, b'{"include_usage":true}')
    if options.kind != OBJECT or options.raw is None:
        return None  # the service will say what is wrong with it
    [asks] = _found((_INCLUDE,), options.raw)
    if asks is None:
        place = options.start + 1
        comma = b"" if options.raw[1:].lstrip(b" \t\r\n") == b"}" else b","
        return Splice(place, place, b'"include_usage":true' + comma)
    return None if asks.kind == TRUE else Splice(options.start + asks.start, options.start + asks.stop, b"true")


def _found(keys: tuple[bytes, ...], data: bytes) -> list[JsonValue | None]:
    """The values of ``keys`` in an object of JSON.

    Raises:
        JsonError: it is none, or has two readings.
    """
    skim = Skim(keys, 0, _VALUE_MAX)
    skim.read(data)
    return skim.found
