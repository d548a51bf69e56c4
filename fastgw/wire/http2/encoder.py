"""Http2Field lines to a header block (HPACK, RFC 7541): the sending half of the compression of one connection.

What goes out are lines as HTTP/1.1 has them, for that is how the exchange keeps fields.  A line that came before is one number, found by
one look into a dict.  What is worth a place in the table is a matter of its name: what is another in each message (a length, a date, an id)
has none, and secrets are never indexed, by nobody behind us either (section 7.1.3).

A set of lines that came before is one look, as long as nothing was put into the table since: what stands there has the same numbers then.
Who sends for many asks for that (``remembered``).
"""

from __future__ import annotations

from typing import Final

from fastgw.wire import scan
from fastgw.wire.http2 import huffman, octets
from fastgw.wire.http2.field_kinds import OVERHEAD
from fastgw.wire.http2.static_table import INDEX, NAME_INDEX
from fastgw.wire.http2.static_table import SIZE as _STATIC

TABLE_MOST: Final = 4096  #: bytes of the table, however many the peer would keep
ENTRY_MOST: Final = 512  #: bytes of a field that is worth a place
NAMES_MAX: Final = 1024  #: spellings of names remembered
REMEMBERED_MOST: Final = 1024  #: bytes of lines that are worth remembering

_UNIQUE: Final = frozenset(
    (
        b"x-forwarded-for",  # of many clients on one connection to a service
        *(b":path", b"content-length", b"content-range", b"x-request-id", b"traceparent", b"tracestate", b"etag"),
        *(b"last-modified", b"date", b"expires", b"age", b"location", b"grpc-message", b"grpc-timeout", b"range"),
        *(b"x-ratelimit-remaining", b"x-ratelimit-reset", b"ratelimit", b"retry-after", b"if-none-match"),
    )
)
_SECRET: Final = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"))

# What the first byte of a field says, and the bits of it that hold a number.
_INDEXED: Final = 0x80
_KEPT: Final = 0x40
_RESIZED: Final = 0x20
_NEVER: Final = 0x10
_PASSING: Final = 0x00


def number(first: int, mask: int, value: int) -> bytes:
    """``value``, in the bits of ``mask`` of a byte whose others are ``first``, and behind it (RFC 7541 section 5.1)."""
    if value < mask:
        return bytes((first | value,))
    found = bytearray((first | mask,))
    value -= mask
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def string(text: bytes) -> bytes:
    """``text``, coded where that is shorter."""
    size = huffman.encoded_size(text)
    if size < len(text):
        return number(0x80, 0x7F, size) + huffman.encoded(text)
    return plain_string(text)


def plain_string(text: bytes) -> bytes:
    """``text`` as it is: of what comes once the code costs more than its bytes."""
    size = len(text)
    return _SIZES[size] + text if size < 127 else number(0, 0x7F, size) + text


_SIZES: list[bytes] = [bytes((size,)) for size in range(127)]
_indexed: list[bytes] = [number(_INDEXED, 0x7F, index) for index in range(256)]
_statuses: dict[int, bytes] = {}
_names: dict[bytes, tuple[bytes, bytes, bool]] = {}


class FieldEncoder:
    """What the fields to one peer are compressed with."""

    __slots__ = ("_blocks", "_count", "_entries", "_held", "_known", "_remembered", "_size", "_updates")

    def __init__(self, remembered: int = 0) -> None:
        """``remembered``: sets of lines whose block is kept, as they will come again."""
        self._remembered = remembered
        self._blocks: dict[object, tuple[int, bytes]] = {}  # how many were in the table before, and the block
        self._size = TABLE_MOST
        self._held = 0  # bytes of the entries
        self._entries: list[tuple[bytes, int]] = []  # lines and sizes, the newest is the last
        self._known: dict[bytes, int] = {}  # line -> how many were put into the table before it
        self._count = 0  # put into the table so far
        self._updates = b""  # what the next block begins with

    def resize(self, most: int) -> None:
        """The peer keeps a table of ``most`` bytes (SETTINGS_HEADER_TABLE_SIZE)."""
        size = min(most, TABLE_MOST)
        if size != self._size:
            self._size = size
            self._blocks.clear()
            self._evict(size)
            # Of several changes between two blocks the least and the last are told (section 4.2); to tell each is right as well.
            self._updates = (self._updates if len(self._updates) < 4 else b"\x20") + number(_RESIZED, 0x1F, size)

    def response(self, status: int, lines: bytes) -> bytes:
        """The block of an answer with these field lines, each with its CRLF."""
        first = _statuses.get(status)
        if first is None:
            first = _statuses[status] = _status(status)
        return self._block(first, lines)

    def request(
        self, method: bytes, scheme: bytes, authority: bytes, path: bytes, lines: bytes, own: bytes = b""
    ) -> bytes:
        """The block of a request; an empty ``authority`` is left out (RFC 9113 section 8.3.1); ``own``: lines that no other has, behind
        ``lines``."""
        key = (method, scheme, authority)
        known = self._blocks.get(key)
        if known is not None and known[0] == self._count and not self._updates:
            first = known[1]
        else:
            updates, self._updates = self._updates, b""
            before = self._count
            first = self._field(b":method: %b" % method) + self._field(b":scheme: %b" % scheme)
            if authority:
                first += self._field(b":authority: %b" % authority)
            if self._count == before:
                self._remember(key, first, len(authority))
            first = updates + first
        where = b"\x84" if path == b"/" else octets.literal(b"\x04", path, 0)
        block = self._block(b"", lines)
        return scan.join((first, where, block, self._encoded(own) if own else b""))

    def trailers(self, lines: bytes) -> bytes:
        """The block of the fields behind a body."""
        return self._block(b"", lines)

    def _block(self, first: bytes, lines: bytes) -> bytes:
        if self._updates:
            first = self._updates + first
            self._updates = b""
        known = self._blocks.get(lines)
        if known is not None and known[0] == self._count:
            return first + known[1]
        before = self._count
        block = self._encoded(lines)
        if self._count == before:
            self._remember(lines, block, len(lines))
        return first + block

    def _remember(self, key: object, block: bytes, size: int) -> None:
        """Keep what ``key``, of ``size`` bytes, is encoded as."""
        if self._remembered and size <= REMEMBERED_MOST:
            if len(self._blocks) >= self._remembered:
                del self._blocks[next(iter(self._blocks))]
            self._blocks[key] = (self._count, block)

    def _encoded(self, lines: bytes) -> bytes:
        pieces = []
        start, end = 0, len(lines)
        while start < end:
            stop = octets.line_end(lines, start)
            pieces.append(self._field(scan.cut(lines, start, stop)))
            start = stop + 2
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _field(self, line: bytes) -> bytes:
        """A field whose line, without its CRLF, is ``line``."""
        before = self._known.get(line, -1)
        if before >= 0:
            index = _STATIC + self._count - before
            return _indexed[index] if index < 256 else number(_INDEXED, 0x7F, index)
        colon = octets.find_colon(line)
        name = scan.cut(line, 0, colon) if colon >= 0 else line[:-1]
        known = _names.get(name)
        if known is None:
            known = _learn(name)
        passing, kept, has_static_value = known
        if not kept and not has_static_value:
            return octets.literal(passing, line, colon + 1)
        value = line[colon + 1 :].strip(b" \t")
        if has_static_value:
            index = INDEX.get((name.lower(), value), 0)
            if index:
                return _indexed[index]
        size = len(name) + len(value) + OVERHEAD
        if not kept or size > ENTRY_MOST or size > self._size:
            return passing + plain_string(value)
        self._evict(self._size - size)
        self._entries.append((line, size))
        self._held += size
        self._known[line] = self._count
        self._count += 1
        return kept + string(value)

    def _evict(self, size: int) -> None:
        """Forget the oldest until no more than ``size`` bytes are left."""
        count = 0
        while self._held > size and count < len(self._entries):
            line, held = self._entries[count]
            self._held -= held
            del self._known[line]
            count += 1
        if count:
            del self._entries[:count]


def _learn(spelt: bytes) -> tuple[bytes, bytes, bool]:
    """How a field of this name begins where it is not put into the table, where it is (empty: it never is), and whether the static table
    has values of it."""
    name = spelt.lower()
    index = NAME_INDEX.get(name, 0)
    first = _NEVER if name in _SECRET else _PASSING
    ending = b"" if index else string(name)
    passing = number(first, 0x0F, index) + ending
    kept = b"" if name in _SECRET or name in _UNIQUE else number(_KEPT, 0x3F, index) + ending
    found = (passing, kept, any(entry == name and value for entry, value in INDEX))
    if len(_names) < NAMES_MAX and len(spelt) <= 64:
        _names[spelt] = found
    return found


def _status(status: int) -> bytes:
    value = b"%d" % status
    index = INDEX.get((b":status", value), 0)
    return _indexed[index] if index else b"\x08" + plain_string(value)
