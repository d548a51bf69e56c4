"""Event streams: where events end in bytes that come in any pieces, and what they say (``text/event-stream``, HTML section 9.2).

    piece of the body ──▶ EventReader.feed ──▶ a block: whole events, byte for byte as they came ──▶ events: their types and data

Whoever passes a stream on needs to know only where events end, and of few of them what they say.  So the reader cuts bytes into *blocks*,
each of which is the very object that was fed where that holds nothing but whole events, and nobody looks into a block who need not.  What
is left of a piece is kept until the rest of its event is there: nobody can do anything with a part of one anyway.

    line    ends with CR LF, LF or CR; a CR and its LF may come apart
    event   lines up to an empty one; without a line of ``data`` it is none, but a comment that keeps a connection alive
    data    the values of its lines of ``data``, joined by LF; one space behind the colon is not part of a value
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

EVENT_MAX: Final = 1 << 20  #: bytes of an event, by default; a longer one is not read
_BOM: Final = b"\xef\xbb\xbf"
_END: Final = re.compile(rb"\n\n|\n\r\n?|\r\r\n?").search
_LF: Final = 10
_CR: Final = 13
_SPACE: Final = 32


class StreamEvent:
    """One event of a block."""

    __slots__ = ("block", "end", "kind", "ranges", "start")

    def __init__(self, block: bytes, start: int, end: int, kind: bytes, ranges: list[tuple[int, int]]) -> None:
        self.block = block
        self.start = start  #: of its first line; comments in front of it are part of it
        self.end = end  #: behind its empty line
        self.kind = kind  #: its type, which ``event`` says; empty: nothing does, which means ``message``
        self.ranges = ranges  #: beginning and end of the value of each line of data; one line at least

    @property
    def data(self) -> bytes:
        """What it says; of several lines a new object."""
        if len(self.ranges) == 1:
            start, end = self.ranges[0]
            return self.block[start:end]
        return b"\n".join([self.block[start:end] for start, end in self.ranges])


class BlockReader:
    """Cuts the body of one stream into blocks: what is the same of events and of lines (``wire.ndjson``)."""

    __slots__ = ("begin",)

    def __init__(self) -> None:
        self.begin = 0  #: where the first event of the last block begins; in front of it is what is no event

    def feed(self, data: bytes) -> bytes:
        """What can go on of the body with ``data``, the next piece of it: whole events, none perhaps."""
        raise NotImplementedError

    def finish(self) -> bytes:
        """There is no more; what is left, which is no event, as its end never came."""
        raise NotImplementedError


class EventReader(BlockReader):
    """Of events."""

    __slots__ = ("_event_max", "_is_between", "_is_inside", "_is_new", "_last", "_rest")

    def __init__(self, event_max: int = EVENT_MAX) -> None:
        """``event_max``: bytes; a longer event goes on in parts, and ``events`` finds none of it."""
        BlockReader.__init__(self)
        self._event_max = event_max
        self._rest = bytearray()  # the beginning of an event
        self._is_new = True  # no byte has come
        self._is_inside = False  # an event that is too long is on its way
        self._last = b""  # of that, the last byte that has gone on
        self._is_between = True  # neither of both: a piece that ends an event is a block

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._rest)

    @property
    def is_inside(self) -> bool:
        """Whether an event that is too long is on its way, of which parts have gone on."""
        return self._is_inside

    def feed(self, data: bytes) -> bytes:
        """See ``BlockReader``."""
        self.begin = 0
        if self._is_between and data.endswith(b"\n\n"):
            if self._is_new:
                self._is_new = False
                if data.startswith(_BOM):
                    self.begin = len(_BOM)
            return data
        block = self._leave(data) if self._is_inside else self._cut(data, 0)
        self._is_between = not (self._rest or self._is_inside)
        return block

    def finish(self) -> bytes:
        """See ``BlockReader``."""
        rest = bytes(self._rest)
        self._rest.clear()
        self.begin = 0
        return rest

    def _cut(self, data: bytes, start: int) -> bytes:
        """The same, where an event begins at ``start`` of ``data``, or what is kept goes on."""
        end = 0
        if self._rest:
            known = len(self._rest) - 1
            self._rest += data
            end = _last_end(self._rest, known)
            if not end and len(self._rest) <= self._event_max:
                return b""
            data = bytes(self._rest)
            self._rest.clear()
        else:
            end = _last_end(data, start) or start
        if len(data) - end > self._event_max:
            self._is_inside = True
            self._last = data[-1:]
            end = len(data)
        self._rest += data[end:]
        if self._is_new and end:
            self._is_new = False
            if data.startswith(_BOM):
                self.begin = len(_BOM)
        return data if end == len(data) else data[:end]

    def _leave(self, data: bytes) -> bytes:
        """The same inside of an event that is too long."""
        found = _END(self._last + data)
        if found is None:
            self._last = data[-1:]
            self.begin = len(data)
            return data
        self._is_inside = False
        begin = found.end() - len(self._last)
        block = self._cut(data, begin)
        self.begin = begin
        return block


def events(block: bytes, begin: int = 0) -> Iterator[StreamEvent]:
    """The events of ``block`` from ``begin`` on, in their order."""
    start = at = begin
    kind = b""
    ranges: list[tuple[int, int]] = []
    lf, cr = block.find(b"\n", at), block.find(b"\r", at)  # the next of each: it is looked for again when it is passed
    while lf >= 0 or cr >= 0:
        is_lf = cr < 0 or 0 <= lf < cr
        end = lf if is_lf else cr
        behind = lf + 1 if is_lf or lf == cr + 1 else cr + 1
        if at == end:
            if ranges:
                yield StreamEvent(block, start, behind, kind, ranges)
                ranges = []
            start = behind
            kind = b""
        else:
            value, name = _field(block, at, end)
            if name == b"data":
                ranges.append((value, end))
            elif name == b"event":
                kind = block[value:end]
        at = behind
        if 0 <= lf < at:
            lf = block.find(b"\n", at)
        if 0 <= cr < at:
            cr = block.find(b"\r", at)


def _field(block: bytes, at: int, end: int) -> tuple[int, bytes]:
    """Where the value of a line begins, and its name."""
    colon = block.find(b":", at, end)
    if colon < 0:
        return end, block[at:end]
    value = colon + 1
    if value < end and block[value] == _SPACE:
        value += 1
    return value, block[at:colon]


def _last_end(data: bytes | bytearray, start: int) -> int:
    """Where the last event of ``data`` ends that does so behind ``start``; 0: none does."""
    end = data.rfind(b"\n\n", start) + 2
    if data.find(b"\r", start) >= 0:
        end = max(end, data.rfind(b"\n\r", start) + 2, data.rfind(b"\r\r", start) + 2)
    if end < 2:
        return 0
    if data[end - 1] == _CR and end < len(data) and data[end] == _LF:
        end += 1
    return end
