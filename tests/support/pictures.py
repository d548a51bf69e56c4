"""The beginnings of images, by hand."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, rest: bytes = b"\0" * 40) -> bytes:
    """One that claims to be of this size."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + rest


def jpeg(width: int, height: int, before: bytes = b"", code: int = 0xC0) -> bytes:
    """With segments ``before`` its frame."""
    frame = struct.pack(">BBHBHHB", 0xFF, code, 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + (before or segment(0xE0, b"JFIF\0")) + frame + b"\xff\xda\0\4\0\0"


def segment(code: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(data) + 2) + data


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0\0\0;"


def bmp(width: int, height: int) -> bytes:
    return b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, width, -height) + b"\0" * 28


def bmp_core(width: int, height: int) -> bytes:
    return b"BM" + b"\0" * 12 + struct.pack("<IHH", 12, width, height) + b"\0" * 20


def webp_lossy(width: int, height: int) -> bytes:
    return _riff(b"VP8 " + struct.pack("<I", 10) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\0\0")


def webp_lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return _riff(b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", bits) + b"\0" * 6)


def webp_extended(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _riff(b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size)


def _riff(data: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data


def tiff(width: int, height: int, order: str = "<", gap: int = 100) -> bytes:
    """With its directory ``gap`` bytes behind its header."""
    entries = [(254, 4, 0), (256, 4, width), (257, 4, height)]
    directory = b"".join(struct.pack(order + "HHII", tag, kind, 1, value) for tag, kind, value in entries)
    begin = b"II*\0" if order == "<" else b"MM\0*"
    return begin + struct.pack(order + "I", 8 + gap) + b"\0" * gap + struct.pack(order + "H", 3) + directory + b"\0" * 4


def tiled_tiff(width: int, height: int, side: int, tile: bytes) -> bytes:
    """Grey, of which one ``tile``, compressed by zlib, with ``side`` pixels each way, is all."""
    ahead = 8 + 2 + 10 * 12 + 4
    entries = [
        *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)),
        *((322, 4, side), (323, 4, side), (324, 4, ahead), (325, 4, len(tile))),
    ]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + b"\0" * 4 + tile
