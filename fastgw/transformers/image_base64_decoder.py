"""``image/base64-decoder``: a service that takes images gets one, from clients that have JSON with the image as base64 in it.

What the image is, and how large, is read from its first bytes, so that no one is sent on which is a megabyte and claims to be a billion
pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fastgw.errors import DownstreamError, GatewayError
from fastgw.transformers.base64_body import Base64Decoder, Decoding, Format
from fastgw.wire.images import SNIFFED, SizeReader, sniff

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

#: Notes of the exchange: the size in pixels, which ``json/bbox-formatter`` may need, and the format.
WIDTH: Final = "image_width"
HEIGHT: Final = "image_height"
FORMAT: Final = "image_format"


class ImageBase64Decoder(Base64Decoder):
    """The transformer."""

    __slots__ = ("max_pixels",)

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: as ``Base64Decoder``, and ``max_pixels``."""
        Base64Decoder.__init__(self, name, options)
        self.max_pixels: int = options["max_pixels"]

    def decoding(self, exchange: Exchange) -> Decoding:
        return _Image(self, exchange)


class _Image(Decoding):
    """One body."""

    sniffed: ClassVar[int] = SNIFFED
    noted: ClassVar[str] = FORMAT

    def __init__(self, owner: ImageBase64Decoder, exchange: Exchange) -> None:
        Decoding.__init__(self, owner, exchange)
        self._max_pixels = owner.max_pixels
        self._size: SizeReader | None = None  #: None: its format is not known yet

    def sniff(self, start: bytes) -> Format | None:
        kind = sniff(start)
        if kind is None:
            return None
        self._size = SizeReader(kind)
        return Format(kind.name, kind.media_type)

    def look(self, data: bytes) -> None:
        reader = self._size
        assert reader is not None
        if reader.size is not None:
            return
        try:
            size = reader.feed(data)
        except ValueError as error:
            raise _malformed(f"has no size: {error}") from None
        if size is not None:
            width, height = size
            if width * height > self._max_pixels:
                raise self.too_large(f"has {width} x {height} pixels, more than the {self._max_pixels} allowed here")
            self._exchange.note(WIDTH, width)
            self._exchange.note(HEIGHT, height)

    def end(self, *, is_known: bool) -> None:
        if not is_known:
            raise _malformed("has no bytes")
        if self._size is not None and self._size.size is None:
            raise _malformed("ends in front of its size")

    def too_large(self, what: str) -> GatewayError:
        return DownstreamError(413, "image_too_large", f"the image {what}")

    def refused(self, what: str) -> GatewayError:
        return DownstreamError(415, "image_type_refused", f"the image {what}")


def _malformed(what: str) -> DownstreamError:
    return DownstreamError(422, "image_malformed", f"the image {what}")
