"""``image/resize``: a service gets images of the size that it wants, whatever clients send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.filter import GatheredHook
from fastgw.errors import DownstreamError, GatewayError
from fastgw.transformers.image_base64_decoder import FORMAT, HEIGHT, WIDTH
from fastgw.transformers.media import OCTETS, refuse_unchangeable, refused_type
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire.images import KINDS, Kind, SizeReader, sniff
from fastgw.wire.media_types import media_type

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.transformers.pixels import Made, Target

_OF_TARGET: Final = ("width", "height", "fit", "format", "quality", "max_pixels")


class ImageResize:
    """The transformer."""

    __slots__ = (
        "_effort",
        "_options",
        "_resized",
        "_target",
        "formats",
        "inline_pixels",
        "max_bytes",
        "max_pixels",
        "name",
        "threads",
    )

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``options``: those of ``pixels.Target``; ``formats``; ``max_bytes`` and ``max_pixels`` of an image; ``inline_pixels``, up to
        which one is made on the loop; ``threads`` and ``queue`` for the others; ``submit``: see ``WorkThreads``."""
        self.name = name
        self.formats: tuple[str, ...] = options["formats"]
        self.max_bytes: int = options["max_bytes"]
        self.max_pixels: int = options["max_pixels"]
        self.inline_pixels: int = options["inline_pixels"]
        self.threads = WorkThreads(name, options["threads"], options["queue"], submit)
        self._options = options
        self._target: Target | None = None
        self._effort: Callable[[tuple[int, int], Target], int] | None = None
        self._resized: Callable[[bytes, Kind, Target], Made] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Import Pillow here, and not with the first image that a client waits for."""
        from fastgw.transformers.pixels import Target, effort, resized

        given = {key: self._options[key] for key in _OF_TARGET}
        is_enlarging, metadata = self._options["enlarge"], self._options["metadata"]
        self._target = Target(**given, is_enlarging=is_enlarging, keeps_metadata=metadata == "keep")
        self._effort = effort
        self._resized = resized
        self.threads.start(loop)

    def stop(self) -> None:
        """See ``WorkThreads``."""
        self.threads.stop()

    def request(self, exchange: Exchange) -> None:
        """Refuse at once what could go round the bounds by saying that it must not be changed."""
        if exchange.request.has_body:
            refuse_unchangeable(exchange.request)

    def transform_request(self, exchange: Exchange) -> _Resizing:
        """Resize its body: an image, or what a decoder in front of this makes one of."""
        kind = media_type(exchange.request.header(b"content-type"))
        if not kind.startswith(b"image/") and kind != OCTETS:
            raise refused_type(exchange.request, tuple(KINDS[one].media_type.decode() for one in self.formats))
        return _Resizing(self, exchange)

    def work_of(self, data: bytes, kind: Kind) -> Callable[[], Made]:
        """What makes the image ``data``, of ``kind``, anew."""
        assert self._resized is not None and self._target is not None  # it has been started
        return partial(self._resized, data, kind, self._target)

    def is_small(self, size: tuple[int, int]) -> bool:
        """Whether an image of ``size`` is made on the loop."""
        assert self._effort is not None and self._target is not None  # as above
        return self._effort(size, self._target) <= self.inline_pixels


class _Resizing(GatheredHook):
    """One image."""

    def __init__(self, owner: ImageResize, exchange: Exchange) -> None:
        self._owner = owner
        self._exchange = exchange
        self.max_bytes = owner.max_bytes

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        kind = self._kind(data)
        size = self._size(data, kind)
        work = self._owner.work_of(data, kind)
        return self._tell(work()) if self._owner.is_small(size) else self._later(work)

    def too_large(self) -> GatewayError:
        return _too_large(f"has more than the {self.max_bytes} bytes allowed here")

    async def _later(self, work: Callable[[], Made]) -> bytes:
        return self._tell(await self._owner.threads.run(work))

    def _tell(self, made: Made) -> bytes:
        """Say what the service gets."""
        exchange = self._exchange
        exchange.request.set_header(b"content-type", KINDS[made.format].media_type)
        exchange.note(FORMAT, made.format)
        exchange.note(WIDTH, made.width)
        exchange.note(HEIGHT, made.height)
        return made.data

    def _kind(self, data: bytes) -> Kind:
        kind, taken = sniff(data), self._owner.formats
        if kind is None or kind.name not in taken:
            said = f"is {kind.name}" if kind is not None else "is of no format that is known"
            raise DownstreamError(415, "image_type_refused", f"the image {said}; taken are {', '.join(taken)}")
        return kind

    def _size(self, data: bytes, kind: Kind) -> tuple[int, int]:
        """Width and height, by the header, before anything is decoded."""
        try:
            size = SizeReader(kind).feed(data)
        except ValueError as error:
            raise DownstreamError(422, "image_malformed", f"the image has no size: {error}") from None
        if size is None:
            raise DownstreamError(422, "image_malformed", "the image ends in front of its size")
        if size[0] * size[1] > self._owner.max_pixels:
            raise _too_large(f"has {size[0]} x {size[1]} pixels, more than the {self._owner.max_pixels} allowed here")
        return size


def _too_large(what: str) -> DownstreamError:
    return DownstreamError(413, "image_too_large", f"the image {what}")
