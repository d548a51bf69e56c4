"""``image/base64-decoder``: a service that takes images gets one, from clients that have JSON with the image as base64 in it.

It is decoded as it comes, piece by piece: a worker neither holds the body nor stops for it.  What the image is, and how large, is read from
its first bytes, so that no one is sent on which is a megabyte and claims to be a billion pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange import mending
from fastgw.core.exchange.filter import BodyHook
from fastgw.errors import DownstreamError
from fastgw.transformers.base64_text import Base64Text
from fastgw.transformers.images import SNIFFED, SizeReader, sniff
from fastgw.transformers.json_field import JsonField
from fastgw.transformers.media import is_json, media_type

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

#: Notes of the exchange: the size in pixels, which ``json/bbox-formatter`` may need, and the format.
WIDTH: Final = "image_width"
HEIGHT: Final = "image_height"
FORMAT: Final = "image_format"

_UNKNOWN: Final = b"application/octet-stream"


class ImageBase64Decoder:
    """The transformer."""

    __slots__ = ("field", "formats", "max_bytes", "max_json", "max_pixels", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``field``, keys with dots between; ``formats``; ``max_bytes`` of the image, ``max_json`` of what is around it;
        ``max_pixels``."""
        self.name = name
        self.field: tuple[str, ...] = tuple(options["field"].split("."))
        self.formats: tuple[str, ...] = options["formats"]
        self.max_bytes: int = options["max_bytes"]
        self.max_pixels: int = options["max_pixels"]
        self.max_json: int = options["max_json"]

    def request(self, exchange: Exchange) -> None:
        """Refuse at once what cannot become an image, so that none goes round the bounds by saying that it must not be changed."""
        request = exchange.request
        if not request.has_body:
            return
        kind = request.header(b"content-type")
        if not is_json(kind):
            said = repr(media_type(kind).decode("latin-1")) if kind is not None else "nothing"
            detail = f"the body must be application/json here, Content-Type says {said}"
            raise DownstreamError(415, "body_type_refused", detail, headers=(("accept-post", "application/json"),))
        if request.header(b"content-encoding") is not None:
            detail = "the body must come without a Content-Encoding here"
            raise DownstreamError(415, "body_type_refused", detail, headers=(("accept-encoding", "identity"),))
        if not mending.may_change_request(request):
            detail = "the body must be a whole one that may be changed: without Content-Range, and Cache-Control: no-transform"
            raise DownstreamError(415, "body_type_refused", detail)

    def transform_request(self, exchange: Exchange) -> _Decoding:
        """Decode its body."""
        exchange.request.set_header(b"content-type", _UNKNOWN)
        return _Decoding(self, exchange)


class _Decoding(BodyHook):
    """One body."""

    def __init__(self, owner: ImageBase64Decoder, exchange: Exchange) -> None:
        self._owner = owner
        self._exchange = exchange
        self._json = JsonField(owner.field, owner.max_json)
        self._text = Base64Text()
        self._is_text_over = False
        self._start = b""  #: of the image, until its format is known
        self._size: SizeReader | None = None  #: None: not yet
        self._count = 0  #: bytes of the image

    def feed(self, data: bytes) -> bytes:
        text = self._json.feed(data)
        image = self._text.feed(text) if text else b""
        if self._json.is_complete and not self._is_text_over:
            self._is_text_over = True
            image += self._text.finish()
        return self._check(image, is_last=self._is_text_over)

    def finish(self) -> bytes:
        self._json.finish()
        reader = self._size
        if reader is None:
            raise DownstreamError(422, "image_malformed", "the image has no bytes")
        if reader.size is None:
            raise DownstreamError(422, "image_malformed", "the image ends in front of its size")
        return b""

    def _check(self, image: bytes, *, is_last: bool) -> bytes:
        """What of the image may go on."""
        if not image and not (is_last and self._start):
            return b""
        owner = self._owner
        self._count += len(image)
        if self._count > owner.max_bytes:
            detail = f"the image has more than the {owner.max_bytes} bytes allowed here"
            raise DownstreamError(413, "image_too_large", detail)
        if self._size is None:
            image = self._start = self._start + image
            if len(image) < SNIFFED and not is_last:
                return b""
            self._start = b""
            self._size = self._sniffed(image)
        self._read_size(self._size, image)
        return image

    def _sniffed(self, image: bytes) -> SizeReader:
        kind = sniff(image)
        owner = self._owner
        if kind is None or kind.name not in owner.formats:
            said = f"is {kind.name}" if kind is not None else "is of no format that is known"
            detail = f"the image {said}; taken are {', '.join(owner.formats)}"
            raise DownstreamError(415, "image_type_refused", detail)
        self._exchange.request.set_header(b"content-type", kind.media_type)
        self._exchange.note(FORMAT, kind.name)
        return SizeReader(kind)

    def _read_size(self, reader: SizeReader, image: bytes) -> None:
        if reader.size is not None:
            return
        try:
            size = reader.feed(image)
        except ValueError as error:
            raise DownstreamError(422, "image_malformed", f"the image has no size: {error}") from None
        if size is not None:
            width, height = size
            if width * height > self._owner.max_pixels:
                detail = f"the image has {width} x {height} pixels, more than the {self._owner.max_pixels} allowed here"
                raise DownstreamError(413, "image_too_large", detail)
            self._exchange.note(WIDTH, width)
            self._exchange.note(HEIGHT, height)
