"""A header block to fields (HPACK, RFC 7541): the receiving half of the compression of one connection.

A block must be decoded to its end, whatever is thought of its fields: the next one refers to what this one has put into the table.  So a
section that is too large is told by ``is_too_large`` and costs no more than its bytes.  What cannot be decoded ends the connection, and so
does what is meant to be too large: a byte may stand for an entry of the whole table.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire import scan
from fastgw.wire.http2 import huffman
from fastgw.wire.http2.errors import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, Http2Error
from fastgw.wire.http2.field import Http2Field
from fastgw.wire.http2.static_table import ENTRIES

MOST_INDEX: Final = 1 << 24  #: no number of a block is larger: indices, lengths and sizes are all bounded by less
FAR: Final = 16  #: times what a section may have, beyond which nobody decodes it to its end
_UPDATES: Final = 2  #: of the table's size, at the beginning of one block (RFC 7541 section 4.2)
_STATIC: Final = len(ENTRIES)

_static: list[Http2Field] = [Http2Field(name, value) for name, value in ENTRIES]


class FieldDecoder:
    """What one peer's fields are compressed with."""

    __slots__ = ("_at", "_entries", "_held", "_most", "_size", "is_too_large")

    def __init__(self, most: int = 4096) -> None:
        """``most``: bytes that the table may have, as our SETTINGS_HEADER_TABLE_SIZE says."""
        self._most = most
        self._size = most  # what the peer wants of that
        self._held = 0  # bytes of the entries
        self._entries: list[Http2Field] = []  # the newest is the last
        self._at = 0  # in the block
        self.is_too_large = False  #: the last section was larger than it may be: not all of it was returned

    @property
    def held(self) -> int:
        """Bytes of the table, as RFC 7541 section 4.1 counts them."""
        return self._held

    def decode(self, block: bytes, most: int) -> list[Http2Field]:
        """The fields of ``block``, as many as fit into ``most`` bytes (RFC 9113 section 6.5.2, SETTINGS_MAX_HEADER_LIST_SIZE).

        Raises:
            Http2Error: COMPRESSION_ERROR; ENHANCE_YOUR_CALM: it is ``FAR`` times too large.
        """
        found: list[Http2Field] = []
        end, left, updates = len(block), most, 0
        self._at = 0
        while self._at < end:
            byte = block[self._at]
            if byte & 0x80:
                field = self._entry(self._number(block, 0x7F))
            elif byte & 0x60 == 0x20:
                updates += 1
                if found or left != most or updates > _UPDATES:
                    raise Http2Error(COMPRESSION_ERROR, "the size of the table changes in the middle of a block")
                self._resize(self._number(block, 0x1F))
                continue
            else:
                is_kept = byte & 0x40
                index = self._number(block, 0x3F if is_kept else 0x0F)
                name = self._entry(index).name if index else self._string(block)
                field = Http2Field(name, self._string(block))
                if is_kept:
                    self._keep(field)
            left -= field.size
            if left >= 0:
                found.append(field)
            elif left < -FAR * most:
                raise Http2Error(ENHANCE_YOUR_CALM, f"a section has more than {FAR} times the bytes that it may have")
        self.is_too_large = left < 0
        return found

    def _number(self, block: bytes, mask: int) -> int:
        """The number at ``_at``, of which the bits of ``mask`` are there (RFC 7541 section 5.1)."""
        value = block[self._at] & mask
        self._at += 1
        if value < mask:
            return value
        shift, end = 0, len(block)
        while True:
            if self._at >= end:
                raise Http2Error(COMPRESSION_ERROR, "a header block ends in the middle of a number")
            byte = block[self._at]
            self._at += 1
            value += (byte & 0x7F) << shift
            shift += 7
            if value > MOST_INDEX or shift > 28:
                raise Http2Error(COMPRESSION_ERROR, "a number of a header block is larger than any can be")
            if byte < 0x80:
                return value

    def _string(self, block: bytes) -> bytes:
        if self._at >= len(block):
            raise Http2Error(COMPRESSION_ERROR, "a header block ends in the middle of a field")
        is_coded = block[self._at] & 0x80
        size = self._number(block, 0x7F)
        start = self._at
        stop = start + size
        if stop > len(block):
            raise Http2Error(COMPRESSION_ERROR, "a header block ends in the middle of a string")
        self._at = stop
        return huffman.decoded(block, start, stop) if is_coded else scan.cut(block, start, stop)

    def _entry(self, index: int) -> Http2Field:
        if 0 < index <= _STATIC:
            return _static[index - 1]
        place = len(self._entries) - (index - _STATIC)
        if index == 0 or place < 0:
            raise Http2Error(COMPRESSION_ERROR, f"nothing stands in the table at {index}")
        return self._entries[place]

    def _keep(self, field: Http2Field) -> None:
        self._evict(self._size - field.size)
        if field.size <= self._size:  # else that has emptied the table, and is no mistake (section 4.4)
            self._entries.append(field)
            self._held += field.size

    def _resize(self, size: int) -> None:
        if size > self._most:
            raise Http2Error(COMPRESSION_ERROR, f"the table is to have {size} bytes, and {self._most} are allowed")
        self._size = size
        self._evict(size)

    def _evict(self, size: int) -> None:
        """Forget the oldest until no more than ``size`` bytes are left."""
        count = 0
        while self._held > size and count < len(self._entries):
            self._held -= self._entries[count].size
            count += 1
        if count:
            del self._entries[:count]
