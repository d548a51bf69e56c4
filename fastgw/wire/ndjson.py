"""Lines of JSON: where they end in bytes that come in any pieces (``application/x-ndjson``, as Ollama streams).

As of event streams (``wire.sse``): blocks of whole lines, each the very object that was fed where that holds nothing but such.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire.sse import BlockReader

LINE_MAX: Final = 1 << 20  #: bytes of a line, by default; a longer one is not read


class LineReader(BlockReader):
    """Of lines."""

    __slots__ = ("_is_inside", "_line_max", "_rest")

    def __init__(self, line_max: int = LINE_MAX) -> None:
        """``line_max``: bytes; a longer line goes on in parts, and ``lines`` finds none of it."""
        BlockReader.__init__(self)
        self._line_max = line_max
        self._rest = bytearray()  # the beginning of a line
        self._is_inside = False  # a line that is too long is on its way

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._rest)

    @property
    def is_inside(self) -> bool:
        """Whether a line that is too long is on its way, of which parts have gone on."""
        return self._is_inside

    def feed(self, data: bytes) -> bytes:
        """See ``BlockReader``: whole lines."""
        self.begin = 0
        end = data.rfind(b"\n") + 1
        if self._is_inside:
            self.begin = data.find(b"\n") + 1 or len(data)
            if not end:
                return data
            self._is_inside = False
        if self._rest:
            self._rest += data
            if not end and len(self._rest) <= self._line_max:
                return b""
            end += len(self._rest) - len(data) if end else 0
            data = bytes(self._rest)
            self._rest.clear()
        if len(data) - end > self._line_max:
            self._is_inside = True
            end = len(data)
        self._rest += data[end:]
        return data if end == len(data) else data[:end]

    def finish(self) -> bytes:
        """See ``BlockReader``: what is left is the last line, without its end."""
        rest = bytes(self._rest)
        self._rest.clear()
        self.begin = 0
        return rest


def lines(block: bytes, begin: int = 0) -> list[bytes]:
    """The lines of ``block`` from ``begin`` on that are not empty; what stands behind the last end is none."""
    found = block[begin : block.rfind(b"\n") + 1].split(b"\n")
    return [line for one in found if (line := one.strip(b"\r\t "))]
