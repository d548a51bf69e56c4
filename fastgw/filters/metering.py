"""Reads the body of one answer of a model server as it passes: what it tells of its tokens, and when the first of them came.

A piece goes on in the turn in which it came, and unchanged.  Of a stream those events are read that may tell something: the first ones,
until one has brought what was generated, and those with an object of usage; the others are counted.  What the service does not tell, or
has not told yet when it all ends, is estimated from that: a server sends an event for every token or few, and a token has some four bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.streaming import StreamingHook
from fastgw.wire import glance, sse, usage
from fastgw.wire.media_types import EVENT_STREAM, JSON_LINES, USUAL_STREAMS, media_type
from fastgw.wire.ndjson import LineReader, lines
from fastgw.wire.sse import EventReader
from fastgw.wire.usage import NOT_TOLD, TokenCounts

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

BYTES_OF_TOKEN: Final = 4  #: on average, of English text
_WHOLE_MAX: Final = 64 * 1024  #: bytes of an answer that is read whole; of a larger one both ends are
_HEAD: Final = 4 * 1024
_TAIL: Final = 16 * 1024
_EARLY_MAX: Final = 64  #: events that are read until one brings content
_DONE: Final = b"[DONE]"
_JSON: Final = b"application/json"
_END: Final = b"\n\n"  #: of an event


class UsageMeter(StreamingHook):
    """What is known of an answer."""

    __slots__ = ("first", "is_whole", "last", "told")

    is_counting = True  #: what is not the service's own is not offered to it

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Nothing is known yet."""
        self.told = TokenCounts()
        self.first = 0.0  #: when the first of a stream came that was generated, by the plane's clock; 0: not yet
        self.last = 0.0  #: when the stream ended
        self.is_whole = False  #: all of it has come, and it has told of its prompt, and so of all there was

    def generated(self) -> int:
        """Tokens that were generated, by estimate."""
        return 0


class AnswerMeter(UsageMeter):
    """An answer that is one object of JSON."""

    __slots__ = ("_head", "_size", "_tail")

    def __init__(self) -> None:
        self._begin()
        self._head: list[bytes] = []
        self._tail = b""
        self._size = 0

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return sum(map(len, self._head)) + len(self._tail)

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        self._size += len(data)
        if self._size <= _WHOLE_MAX:
            self._head.append(data)
            return data
        if not self._tail:
            kept = b"".join(self._head)
            self._head = [(kept + data)[:_HEAD]]
            self._tail = kept[-_TAIL:]
        self._tail = (self._tail + data[-_TAIL:])[-_TAIL:]
        return data

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        head = self._head[0] if len(self._head) == 1 else b"".join(self._head)
        self._head = []
        if self._tail:
            usage.read_ends(self.told, head, self._tail)
            self._tail = b""
        elif not glance.tell_used(self.told, head):
            self.told.learn(_object(head))
        self.is_whole = self.told.prompt != NOT_TOLD
        return b""

    def generated(self) -> int:
        """See ``UsageMeter``."""
        return self._size // BYTES_OF_TOKEN


class StreamMeter(UsageMeter):
    """An answer that comes as it is made, in events or lines."""

    __slots__ = ("_clock", "_count", "_early", "_envelope", "_is_done", "_reader", "_size")

    def __init__(self, reader: EventReader | LineReader, clock: Callable[[], float]) -> None:
        """``reader``: cuts it; ``clock``: that of the plane."""
        UsageMeter.__init__(self)
        self._reader = reader
        self._clock = clock
        self._early = 0  # events that were read before the first that brings content
        self._count = 0  # events, from that one on
        self._size = 0  # bytes of these
        self._envelope = 0  # bytes of such an event that are not content
        self._is_done = False  # the last block ended with the end that OpenAI's streams have

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        block = self._reader.feed(data)
        if block:
            self._look(block, self._reader.begin)
        return data

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        rest = self._reader.finish()
        if rest:  # some servers forget the end of the last event
            self._look(rest + _END, 0)
        self.last = self._clock()
        return b""

    def generated(self) -> int:
        """See ``UsageMeter``."""
        count = self._count - self._is_done
        if not self.first or count <= 0:
            return 0
        content = self._size - count * self._envelope
        return max(count, content // BYTES_OF_TOKEN)

    def _look(self, block: bytes, begin: int) -> bool:
        """Count what ``block`` has from ``begin`` on, and read what may tell something; whether there is any such."""
        if not self.first and self._early < _EARLY_MAX:
            self._read_early(block, begin)
            return glance.may_tell(block, begin)
        seen = self.seen(block, begin)
        if seen >> 2:  # else it is a comment, which keeps the connection alive or says why it ends
            self._count += seen >> 2
            self._size += len(block)
        self._is_done = seen & 2 != 0
        if seen & 1:
            for data, _ in self.parts(block, begin):
                if glance.may_tell(data, 0) and not glance.tell_used(self.told, data):
                    self.told.learn(_object(data))
        return seen & 1 != 0

    def _read_early(self, block: bytes, begin: int) -> None:
        for data, size in self.parts(block, begin):
            content = glance.tell_begun(self.told, data)
            if content < 0:
                said = _object(data)
                self.told.learn(said)
                content = usage.content_size(said)
            if not self.first:
                self._early += 1
                if not content and self._early < _EARLY_MAX:
                    continue  # else whatever comes now is counted: who asks for as many choices gets as many events in front of theirs
                self.first = self._clock()
                self._envelope = size - content
            self._count += 1
            self._size += size
            self._is_done = data == _DONE

    def seen(self, block: bytes, begin: int) -> int:
        """As ``glance``."""
        return glance.glance(block, begin)

    def parts(self, block: bytes, begin: int) -> list[tuple[bytes, int]]:
        """What each of them says, and how many bytes it has in all."""
        size = len(block)
        is_plain = not begin and block.startswith(b"data: ") and block.endswith(_END)
        if is_plain and block.find(b"\n") == size - 2 and block.find(b"\r") < 0:  # one event of one line, as usual
            return [(block[6 : size - 2], size)]
        return [(one.data, one.end - one.start) for one in sse.events(block, begin)]


class StrippingMeter(StreamMeter):
    """Events of which the client gets all but the usage that it has not asked for, and we have: the last chunk, which has no choices.

    Nothing is held but an event that is not complete, with which the client could not do anything either.
    """

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """See ``BodyHook``."""
        block = self._reader.feed(data)
        if not block:
            return b""
        begin = self._reader.begin
        return _without_usage(block, begin) if self._look(block, begin) else block

    def finish(self) -> bytes:
        """See ``BodyHook``."""
        rest = self._reader.finish()
        if rest:
            self._look(rest + _END, 0)
        StreamMeter.finish(self)
        return rest if rest and _without_usage(rest + _END, 0).strip(b"\r\n") else b""


class LineMeter(StreamMeter):
    """Lines of JSON."""

    __slots__ = ()

    def seen(self, block: bytes, begin: int) -> int:
        """See ``StreamMeter``."""
        return block.count(b"\n", begin) << 2 | glance.may_tell(block, begin)

    def parts(self, block: bytes, begin: int) -> list[tuple[bytes, int]]:
        """See ``StreamMeter``."""
        return [(one, len(one) + 1) for one in lines(block, begin)]


def meter_of(exchange: Exchange, strips: bool) -> UsageMeter | None:
    """What reads the answer of ``exchange``; None: it tells nothing, by its status, type or coding.

    ``strips``: the client has not asked for the usage at the end of a stream.  Only of events that makes a ``StrippingMeter``."""
    response = exchange.response
    if not 200 <= response.status < 300:
        return None
    coding = response.header(b"content-encoding")
    if coding is not None and coding.strip(b" \t").lower() != b"identity":
        return None
    kind = response.header(b"content-type") or b""
    if kind == _JSON:
        return AnswerMeter()
    kind = EVENT_STREAM if kind in USUAL_STREAMS else media_type(kind)
    if kind == EVENT_STREAM:
        return (StrippingMeter if strips else StreamMeter)(EventReader(), exchange.plane.clock)
    if kind == _JSON:
        return AnswerMeter()
    if kind in JSON_LINES:
        return LineMeter(LineReader(), exchange.plane.clock)
    return None


def _without_usage(block: bytes, begin: int) -> bytes:
    """``block`` without events that have usage and nothing else."""
    kept = []
    at = 0
    for one in sse.events(block, begin):
        said = _object(one.data)
        if isinstance(said, dict) and said.get("choices") == [] and isinstance(said.get("usage"), dict):
            kept.append(block[at : one.start])
            at = one.end
    return b"".join((*kept, block[at:])) if kept else block


def _object(data: bytes) -> Any:
    """What ``data`` says in JSON; None: it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
