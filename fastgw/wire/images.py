"""What an image says of itself: its format by its first bytes, its size in pixels by its header.  Nothing is decoded.

PNG    RFC 2083 section 4.1.1         GIF    GIF89a section 18             WebP   RFC 9649 section 2
JPEG   ITU-T T.81 annex B             BMP    BITMAPCOREHEADER and later    TIFF   TIFF 6.0 section 2, its first image
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from typing import Final, NamedTuple

SNIFFED: Final = 12  #: bytes by which each format is known
_STEPS_MAX: Final = 4096  #: parts of a JPEG in front of its size
_ENTRIES_MAX: Final = 1024  #: of the directory of a TIFF

#: A reader yields (skip, need): so many bytes are passed over, so many of the next it wants; it returns width and height.
Reader = Generator[tuple[int, int], bytes, tuple[int, int]]


class Kind(NamedTuple):
    """One format."""

    name: str
    media_type: bytes
    reader: Callable[[], Reader]


def sniff(data: bytes) -> Kind | None:
    """The format of an image that begins with ``data``, its first ``SNIFFED`` bytes, or all of it; None: no known one."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return KINDS["png"]
    if data.startswith(b"\xff\xd8\xff"):
        return KINDS["jpeg"]
    if data.startswith((b"GIF87a", b"GIF89a")):
        return KINDS["gif"]
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return KINDS["webp"]
    if data.startswith(b"BM"):
        return KINDS["bmp"]
    if data.startswith((b"II*\0", b"MM\0*")):
        return KINDS["tiff"]
    return None


class SizeReader:
    """Finds the size of one image in its bytes, as they come."""

    def __init__(self, kind: Kind) -> None:
        self._reader = kind.reader()
        self._skip, self._need = next(self._reader)
        self._kept = b""
        self.size: tuple[int, int] | None = None  #: width and height in pixels; None: not known yet

    def feed(self, data: bytes) -> tuple[int, int] | None:
        """More of the image, from its first byte on; return its size, as soon as that is known.

        Raises:
            ValueError: it has no size: it is not what its first bytes say.
        """
        if self.size is not None:
            return self.size
        data = self._kept + data
        at = 0
        while at + self._skip + self._need <= len(data):
            at += self._skip
            piece = data[at : at + self._need]
            at += self._need
            try:
                self._skip, self._need = self._reader.send(piece)
            except StopIteration as end:
                self.size = end.value
                if min(end.value) < 1:
                    raise ValueError(f"its size is {end.value[0]} x {end.value[1]} pixels") from None
                self._kept = b""
                return self.size
        passed = min(self._skip, len(data) - at)
        self._skip -= passed
        self._kept = data[at + passed :]
        return None


def _png() -> Reader:
    head = yield 8, 16
    if head[:8] != b"\0\0\0\x0dIHDR":
        raise ValueError("a PNG begins with IHDR")
    width, height = struct.unpack_from(">II", head, 8)
    return width, height


def _gif() -> Reader:
    width, height = struct.unpack("<HH", (yield 6, 4))
    return width, height


def _jpeg() -> Reader:
    mark = yield 2, 2
    for _ in range(_STEPS_MAX):
        code = mark[1]
        if mark == b"\xff\xff":  # a byte that fills
            mark = b"\xff" + (yield 0, 1)
            continue
        if mark[0] != 0xFF or code in (0x00, 0xD8, 0xD9, 0xDA):
            raise ValueError("a JPEG has parts with a marker each, and its frame in front of its scan")
        if code == 0x01 or 0xD0 <= code <= 0xD7:  # stands alone
            mark = yield 0, 2
            continue
        (length,) = struct.unpack(">H", (yield 0, 2))
        if length < 2:
            raise ValueError("a part of a JPEG has no length")
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", (yield 0, 5))
            return width, height
        mark = yield length - 2, 2
    raise ValueError(f"a JPEG has more than {_STEPS_MAX} parts in front of its size")


def _webp() -> Reader:
    head = yield 12, 18
    kind = head[:4]
    if kind == b"VP8 " and head[11:14] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 14)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and head[8] == 0x2F:
        bits = int.from_bytes(head[9:13], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(head[12:15], "little") + 1, int.from_bytes(head[15:18], "little") + 1
    raise ValueError("a WebP has VP8, VP8L or VP8X in it")


def _bmp() -> Reader:
    head = yield 14, 12
    (length,) = struct.unpack_from("<I", head)
    if length == 12:
        width, height = struct.unpack_from("<HH", head, 4)
    elif 16 <= length <= 256:
        width, height = struct.unpack_from("<ii", head, 4)  # the height of one that begins at the top is negative
    else:
        raise ValueError("a BMP has no such header")
    return width, abs(height)


def _tiff() -> Reader:
    head = yield 0, 8
    order = "<" if head[:1] == b"I" else ">"
    (offset,) = struct.unpack_from(order + "I", head, 4)
    if offset < 8:
        raise ValueError("the directory of a TIFF is behind its header")
    (count,) = struct.unpack(order + "H", (yield offset - 8, 2))
    if not 1 <= count <= _ENTRIES_MAX:
        raise ValueError(f"the directory of a TIFF has {count} entries")
    entries = yield 0, count * 12
    size = {}
    seen = set()
    for at in range(0, len(entries), 12):
        tag, kind = struct.unpack_from(order + "HH", entries, at)
        if tag in seen:  # some take the first, some the last
            raise ValueError(f"the directory of a TIFF has tag {tag} twice")
        seen.add(tag)
        if tag in (256, 257) and kind in (3, 4):
            (size[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), entries, at + 8)
    if len(size) != 2:
        raise ValueError("the directory of a TIFF has no size")
    return size[256], size[257]


KINDS: Final = {
    one.name: one
    for one in (
        Kind("png", b"image/png", _png),
        Kind("jpeg", b"image/jpeg", _jpeg),
        Kind("gif", b"image/gif", _gif),
        Kind("webp", b"image/webp", _webp),
        Kind("bmp", b"image/bmp", _bmp),
        Kind("tiff", b"image/tiff", _tiff),
    )
}
