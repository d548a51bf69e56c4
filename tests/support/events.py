"""Event streams as the standard reads them, one character after the other: what ``wire.sse`` is compared with."""

from __future__ import annotations

from collections.abc import Iterable

from fastgw.wire.sse import EVENT_MAX, EventReader, events

Told = list[tuple[bytes, bytes]]  #: type and data of each event


def dispatched(stream: bytes) -> Told:
    """Type and data of each event of a whole stream (HTML sections 9.2.5 and 9.2.6)."""
    found: Told = []
    kind, values = b"", None
    for line in lines_of(stream.removeprefix(b"\xef\xbb\xbf")):
        if not line:
            if values is not None:
                found.append((kind, values[:-1]))
            kind, values = b"", None
            continue
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            values = (values or b"") + value + b"\n"
        elif name == b"event":
            kind = value
    return found


def lines_of(stream: bytes) -> list[bytes]:
    """Its lines, but for one without an end."""
    found = []
    line = bytearray()
    at = 0
    while at < len(stream):
        if stream[at] in b"\r\n":
            at += stream[at : at + 2] == b"\r\n"
            found.append(bytes(line))
            line.clear()
        else:
            line.append(stream[at])
        at += 1
    return found


def read(pieces: Iterable[bytes], event_max: int = EVENT_MAX) -> tuple[Told, bytes]:
    """What an ``EventReader`` finds in a stream that comes in ``pieces``; and what has gone on of it, which is all of it."""
    reader = EventReader(event_max)
    found: Told = []
    gone = b""
    for piece in pieces:
        block = reader.feed(piece)
        found += [(one.kind, one.data) for one in events(block, reader.begin)]
        gone += block
        assert reader.held <= event_max
    return found, gone + reader.finish()
