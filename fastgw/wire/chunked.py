"""Chunked bodies (RFC 9112 section 7.1): read strictly, handed on without what must not travel.

    SIZE --line--> DATA --n bytes--> DATA_END --CRLF--> SIZE ... --"0"--> TRAILER --lines--> DONE

The reader relays rather than rewrites: what comes out are the chunks byte for byte as they came in, cut only where an extension or a
forbidden trailer stood.  In the usual case nothing is cut and the very object that came in goes out.
"""

from __future__ import annotations

import re

from fastgw.wire import scan
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import HEAD_BYTES, is_forbidden_trailer, is_token

#: Bytes of a chunk line, size and extensions: without a bound they have been a denial of service in Go, Node and others.
LINE_MAX = 256
#: Bytes of framing beyond 16 a chunk and twice its data (the rule of Go's net/http/internal/chunked.go).
EXCESS_MAX = 16 * 1024
SIZE_MAX = 2**62

_SIZE, _DATA, _DATA_END, _TRAILER, _DONE = range(5)
_CR, _LF = 13, 10

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb"\"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*\""
#: chunk-size [ chunk-ext ] (RFC 9112 sections 7.1 and 7.1.1)
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*" % (_TOKEN, _TOKEN, _QUOTED)
).fullmatch


class ChunkReader:
    """One chunked body; ``feed`` returns the bytes to relay, or with ``decode`` the data alone."""

    __slots__ = (
        "_budget",
        "_count",
        "_decode",
        "_dropped",
        "_excess",
        "_left",
        "_line",
        "_state",
        "done",
        "end",
        "payload",
        "trailers",
    )

    def __init__(
        self, trailer_size: int, trailer_count: int, decode: bool = False, dropped: frozenset[bytes] = frozenset()
    ) -> None:
        """``trailer_size``, ``trailer_count``: bytes and fields of the trailer section allowed; ``dropped``: lower-case names of more
        trailers that are not handed on."""
        self.done = False
        self.end = 0  #: where in the last ``feed`` the body's bytes ended
        self.payload = 0  #: bytes of data seen
        self.trailers = b""  #: with ``decode``: the field lines behind the data that may travel, each with its CRLF
        self._state = _SIZE
        self._left = 0
        self._line = b""  #: an incomplete chunk or trailer line
        self._excess = 0
        self._budget = trailer_size
        self._count = trailer_count
        self._decode = decode
        self._dropped = dropped

    def is_between(self) -> bool:
        """Is no chunk under way, nor the line of one?"""
        return self._state == _SIZE and not self._line

    def feed(self, data: bytes, start: int) -> bytes:
        """Read ``data[start:]`` up to the end of the body and return what to relay of it.

        Raises:
            WireError: 400 malformed, 413 a size no body can have, 431 too many trailers.
        """
        if self._state == _SIZE and not self._line:
            whole = self._one(data, start)
            if whole is not None:
                return whole
        out: list[bytes] = []
        at = start
        size = len(data)
        mark = start  # data[mark:at] is read and goes out as it came
        while at < size and self._state != _DONE:
            began = at
            if self._state == _DATA:
                take = min(self._left, size - at)
                at += take
                self._left -= take
                self.payload += take
                if not self._left:
                    self._state = _DATA_END
                    self._left = 2
                continue
            if self._state == _SIZE and not self._line:
                plain = scan.scan_chunk_line(data, at)
                if plain >= 0:
                    at += plain & 31
                    self._begin_chunk(plain >> 5, plain & 31)
                    if self._decode:
                        out.append(data[mark:began])
                        mark = at
                    continue
            if self._state == _DATA_END:
                at = self._data_end(data, at)
                if self._decode:
                    out.append(data[mark:began])
                    mark = at
                continue
            at, text = self._line_at(data, at)
            if text != data[began:at]:
                out.append(data[mark:began])
                out.append(text)
                mark = at
        self.end = at
        self.done = self._state == _DONE
        if not out:
            return data if mark == 0 and at == size else data[mark:at]
        out.append(data[mark:at])
        return b"".join(out)

    def _one(self, data: bytes, start: int) -> bytes | None:
        """The same of one chunk and nothing else, as servers send events; None: it is not that."""
        plain = scan.scan_chunk_line(data, start)
        at = start + (plain & 31)
        stop = at + (plain >> 5)
        if plain < 32 or stop + 2 != len(data) or data[stop] != _CR or data[stop + 1] != _LF:
            return None
        self._begin_chunk(stop - at, at - start)
        self._state = _SIZE
        self.payload += stop - at
        self.end = stop + 2
        if self._decode:
            return scan.cut(data, at, stop)
        return data[start:] if start else data

    def _data_end(self, data: bytes, at: int) -> int:
        if self._left == 2 and data.startswith(b"\r\n", at):
            take = 2
        else:
            take = min(self._left, len(data) - at)
            if data[at : at + take] != b"\r\n"[2 - self._left : 2 - self._left + take]:
                raise bad("the data of a chunk does not end where its size says")
        self._left -= take
        if not self._left:
            self._state = _SIZE
        return at + take

    def _line_at(self, data: bytes, at: int) -> tuple[int, bytes]:
        """Read a chunk or trailer line, which may have begun in an earlier ``feed``: where it ends, and what to relay of it."""
        is_size = self._state == _SIZE
        newline = data.find(b"\n", at)
        end = len(data) if newline < 0 else newline + 1
        line = self._line + data[at:end]
        if len(line) > (LINE_MAX if is_size else self._budget + 2):
            raise bad(f"a chunk line is longer than {LINE_MAX} bytes") if is_size else _trailers_too_large()
        if newline < 0:
            self._line = line
            return end, b""
        self._line = b""
        if line[-2:] != b"\r\n" or b"\r" in line[:-2]:
            raise bad("a line of the chunked body does not end with CRLF alone")
        text = self._chunk_line(line[:-2]) if is_size else self._trailer_line(line[:-2])
        return end, text

    def _chunk_line(self, line: bytes) -> bytes:
        match = _CHUNK_LINE(line)
        if match is None:
            raise bad("the size of a chunk is not a hexadecimal number, or its extensions are malformed")
        digits: bytes = match[1]
        size = int(digits, 16)
        if size > SIZE_MAX:  # here and not below, where compiled code has room for 63 bits only
            raise WireError(413, "content_too_large", "the size of a chunk is larger than any body can be")
        self._begin_chunk(size, len(line) + 2)
        return b"" if self._decode else digits + b"\r\n"

    def _begin_chunk(self, size: int, line_size: int) -> None:
        excess = self._excess + line_size + 2 - 16 - 2 * size
        self._excess = excess if excess > 0 else 0
        if excess > EXCESS_MAX:
            raise bad("the chunked body has more framing than data")
        self._left = size
        self._state = _DATA if size else _TRAILER

    def _trailer_line(self, line: bytes) -> bytes:
        if not line:
            self._state = _DONE
            return b"" if self._decode else b"\r\n"
        self._budget -= len(line) + 2
        self._count -= 1
        if self._budget < 0 or self._count < 0:
            raise _trailers_too_large()
        name, colon, _ = line.partition(b":")
        if not colon or is_token(name) is None or line.translate(None, HEAD_BYTES):
            raise bad("a trailer is not a field line")
        name = name.lower()
        if is_forbidden_trailer(name) or name.replace(b"_", b"-") in self._dropped or name in self._dropped:
            return b""
        if self._decode:
            self.trailers += line + b"\r\n"
            return b""
        return line + b"\r\n"


def encode_chunk(data: bytes, is_last: bool, trailers: bytes = b"") -> bytes:
    """``data``, none perhaps, as a chunk, and behind the last one the end of the body, with ``trailers``, lines each with its CRLF."""
    end = b"0\r\n%b\r\n" % trailers if is_last else b""
    return scan.framed(data) + end if data else end


def _trailers_too_large() -> WireError:
    return WireError(431, "trailers_too_large", "the trailer section has too many or too large fields")
