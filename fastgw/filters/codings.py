"""The content codings gzip, br and zstd: which one a client wants, and their encoders and decoders (RFC 9110 sections 8.4.1 and 12.5.3).

A decoder never makes more than it is allowed to, however little it was made of: each of the libraries stops at a number of bytes, and what
would be one more is an error.  ``br`` and ``zstd`` are libraries of the extra ``compress``, imported when a coding is first made.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

#: The module that a coding needs, and the package that has it.
_MODULES: Final = {
    "gzip": ("zlib", ""),
    "br": ("brotli", "brotli"),
    "zstd": ("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", "backports.zstd"),
}
CODINGS: Final = tuple(_MODULES)
#: An old name that means the same (RFC 9110 section 8.4.1.3).
ALIASES: Final = {b"x-gzip": b"gzip"}
_ZSTD_WINDOW_LOG: Final = 23  #: 8 MiB, the most that a decoder of this content coding has to have (RFC 9659 section 3)
_MEMBERS_MAX: Final = 1024  #: of one body: empty ones have 9 bytes, and to begin each takes some time of the loop
_GZIP_BITS: Final = 31  #: a gzip header and trailer, and a window of 32 KiB


class TooMuch(ValueError):
    """There is more data than was allowed."""


class Encoder(Protocol):
    """Of one body."""

    def feed(self, data: bytes) -> bytes:
        """More of it; what is ready, perhaps nothing."""

    def flush(self) -> bytes:
        """What the reader needs to have all that was fed."""

    def finish(self) -> bytes:
        """The rest."""


class Decoder(Protocol):
    """Of one body."""

    def feed(self, data: bytes, room: int) -> bytes:
        """More of it; all of the data that is in it.

        Raises:
            TooMuch: that is more than ``room`` bytes.
            ValueError: this is nothing of the coding.
        """

    def is_done(self) -> bool:
        """May it end here?"""


def missing_package(coding: str) -> str:
    """The package that ``coding`` needs and that is not installed; empty: it has all it needs."""
    module, package = _MODULES[coding]
    try:
        importlib.import_module(module)
    except ImportError:
        return package
    return ""


# --- encoders


class _Gzip:
    def __init__(self, level: int) -> None:
        self._made = zlib.compressobj(level, zlib.DEFLATED, _GZIP_BITS)
        self.feed = self._made.compress

    def flush(self) -> bytes:
        return self._made.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._made.flush()


class _Brotli:
    def __init__(self, level: int) -> None:
        made = importlib.import_module("brotli").Compressor(quality=level)
        self.feed = made.process
        self.flush = made.flush
        self.finish = made.finish


class _Zstd:
    def __init__(self, level: int) -> None:
        made = importlib.import_module(_MODULES["zstd"][0]).ZstdCompressor(level=level)
        self.feed = made.compress
        self.flush = lambda: made.flush(made.FLUSH_BLOCK)
        self.finish = made.flush


ENCODERS: Final[dict[str, Callable[[int], Encoder]]] = {"gzip": _Gzip, "br": _Brotli, "zstd": _Zstd}


# --- decoders


class _Members:
    """gzip and zstd, which may be several, one behind the other (RFC 1952 section 2.2, RFC 8878 section 3.1)."""

    def __init__(self, begin: Callable[[], Any], error: type[Exception]) -> None:
        self._begin = begin
        self._error = error
        self._member = begin()
        self._is_between = False  #: behind a whole member
        self._count = 1

    def feed(self, data: bytes, room: int) -> bytes:
        out = []
        while data:
            if self._is_between:
                self._count += 1
                if self._count > _MEMBERS_MAX:
                    raise ValueError(f"it has more than {_MEMBERS_MAX} members, one behind the other")
                self._member = self._begin()
                self._is_between = False
            try:
                out.append(self._member.decompress(data, room + 1))
            except self._error as error:
                raise ValueError(str(error)) from None
            room -= len(out[-1])
            if room < 0:
                raise TooMuch
            self._is_between = self._member.eof
            data = self._member.unused_data
        return b"".join(out)

    def is_done(self) -> bool:
        return self._is_between


class _UnBrotli:
    def __init__(self) -> None:
        module = importlib.import_module("brotli")
        self._made = module.Decompressor()
        self._error = module.error

    def feed(self, data: bytes, room: int) -> bytes:
        made = self._made
        out = []
        try:
            while data or not made.can_accept_more_data():
                out.append(made.process(data, output_buffer_limit=room + 1))
                data = b""
                room -= len(out[-1])
                if room < 0:
                    raise TooMuch
                if made.is_finished():
                    break
        except self._error as error:
            raise ValueError(str(error)) from None
        return b"".join(out)

    def is_done(self) -> bool:
        return bool(self._made.is_finished())


def _ungzip() -> Decoder:
    return _Members(lambda: zlib.decompressobj(_GZIP_BITS), zlib.error)


def _unzstd() -> Decoder:
    module = importlib.import_module(_MODULES["zstd"][0])
    options = {module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return _Members(lambda: module.ZstdDecompressor(options=options), module.ZstdError)


DECODERS: Final[dict[str, Callable[[], Decoder]]] = {"gzip": _ungzip, "br": _UnBrotli, "zstd": _unzstd}


# --- what a client wants


def preferred(accept: bytes | None, ours: Sequence[bytes]) -> bytes:
    """The coding of ``ours``, best first, that the client takes and likes best; empty: none, it gets the data as it is.

    Of several that it likes equally ours decides.  A client that says nothing takes everything (RFC 9110 section 12.5.3), and gets nothing
    that it might not understand.
    """
    if not accept:
        return b""
    weights: dict[bytes, float] = {}
    for item in accept.lower().split(b","):
        name, _, parameters = item.partition(b";")
        name = name.strip(b" \t")
        weights[ALIASES.get(name, name)] = _weight(parameters)
    others = weights.get(b"*", 0.0)
    best, found = weights.get(b"identity", 0.0), b""
    for one in ours:
        weight = weights.get(one, others)
        if weight > 0 and weight >= best and (not found or weight > best):
            best, found = weight, one
    return found


def _weight(parameters: bytes) -> float:
    """What stands behind ``q=`` (RFC 9110 section 12.4.2); what is no number is no wish."""
    name, _, value = parameters.strip(b" \t").partition(b"=")
    if not name:
        return 1.0
    if name.strip(b" \t") != b"q":
        return 0.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
