"""``json/bbox-formatter``: boxes in one form (``docs/bbox.schema.json``), whichever detector has found them."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import GatheredHook
from fastgw.errors import GatewayError, UpstreamError
from fastgw.transformers.detections import Detection, Detections, UnreadableError, read
from fastgw.transformers.image_base64_decoder import HEIGHT, WIDTH
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire.media_types import is_json

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_DIGITS: Final = {"normalized": 6, "pixel": 2}  #: behind the point
_CLASS_MAX: Final = 1 << 53


class JsonBboxFormatter:
    """The transformer."""

    __slots__ = ("format", "inline_bytes", "max_boxes", "max_bytes", "name", "source", "threads", "to", "unit")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``source``, ``format`` and ``unit`` of what the service answers; ``to``, the unit of what the client gets;
        ``max_bytes`` and ``max_boxes`` of one answer; ``inline_bytes``, up to which it is read on the loop, and ``queue``, of those that
        wait to be read elsewhere."""
        self.name = name
        self.source: str = options["source"]
        self.format: str = options["format"]
        self.unit: str = options["unit"]
        self.to: str = options["to"]
        self.max_bytes: int = options["max_bytes"]
        self.max_boxes: int = options["max_boxes"]
        self.inline_bytes: int = options["inline_bytes"]
        self.threads = WorkThreads(name, 1, options["queue"])

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """See ``WorkThreads``."""
        self.threads.start(loop)

    def stop(self) -> None:
        """See ``WorkThreads``."""
        self.threads.stop()

    def request(self, exchange: Exchange) -> None:
        """The answer is to be read here, so nobody shall compress it."""
        exchange.request.set_header(b"accept-encoding", b"identity")

    def transform_response(self, exchange: Exchange) -> _Formatting | None:
        """Format the answer, if it is one of a detector."""
        response = exchange.response
        if not 200 <= response.status < 300 or not is_json(response.header(b"content-type")):
            return None
        return _Formatting(self, exchange)

    def formatted(self, body: bytes, noted: tuple[Any, Any]) -> bytes:
        """What the client gets; ``noted``: width and height of the image that was sent, None where they are not known.

        Raises:
            UnreadableError: there are no boxes in ``body``.
        """
        detections = read(_parsed(body), self.source)
        if len(detections.found) > self.max_boxes:
            raise UnreadableError(f"it has {len(detections.found)} boxes, more than the {self.max_boxes} allowed here")
        size = _known(detections.size) or _known(noted)
        scale, limit = self._scale(detections, size)
        kind = self.format if self.format != "auto" else detections.format
        boxes = [_box(one, kind, scale, limit, _DIGITS[self.to]) for one in detections.found]
        return orjson.dumps(
            {
                "boxes": [one for one in boxes if one is not None],
                "format": "xyxy",
                "unit": self.to,
                "image": {"width": size[0], "height": size[1]} if size is not None else None,
            }
        )

    def _scale(
        self, detections: Detections, size: tuple[float, float] | None
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Across and down: by what numbers are multiplied, and the most that they can be then."""
        unit = self.unit if self.unit != "auto" else detections.unit
        if size is None and detections.found and (unit == "pixel") != (self.to == "pixel"):
            raise UnreadableError(
                f"its boxes are {unit}, and the size of the image is not known to make them {self.to}"
            )
        width, height = size or (math.inf, math.inf)
        most = (width, height) if self.to == "pixel" else (1.0, 1.0)
        if unit == "pixel":
            return (1.0, 1.0) if self.to == "pixel" else (1 / width, 1 / height), most
        whole = 1000.0 if unit == "thousand" else 1.0
        return (most[0] / whole, most[1] / whole), most


def _unreadable(why: str) -> UpstreamError:
    detail = "the service's answer has no boxes that can be read"
    return UpstreamError(502, "boxes_unreadable", detail, reason=f"{detail}: {why}")


class _Formatting(GatheredHook):
    """One answer."""

    def __init__(self, owner: JsonBboxFormatter, exchange: Exchange) -> None:
        self._owner = owner
        self._exchange = exchange
        self._is_coded = (exchange.response.header(b"content-encoding") or b"identity").lower() != b"identity"
        self.max_bytes = owner.max_bytes

    def too_large(self) -> GatewayError:
        return _unreadable(f"it has more than the {self.max_bytes} bytes allowed here")

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        if self._is_coded:
            raise _unreadable("it has a Content-Encoding, which it was asked not to have")
        notes = self._exchange.notes or {}
        work = partial(self._made, data, (notes.get(WIDTH), notes.get(HEIGHT)))
        return self._tell(work()) if len(data) <= self._owner.inline_bytes else self._later(work)

    async def _later(self, work: Callable[[], bytes]) -> bytes:
        return self._tell(await self._owner.threads.run(work))

    def _tell(self, out: bytes) -> bytes:
        self._exchange.response.set_header(b"content-type", b"application/json")
        return out

    def _made(self, data: bytes, noted: tuple[Any, Any]) -> bytes:
        """What the client gets; in whatever thread."""
        try:
            return self._owner.formatted(data, noted)
        except UnreadableError as error:
            raise _unreadable(str(error)) from None


def _parsed(body: bytes) -> Any:
    """The value of a body in JSON, and of the one that Python writes, which has NaN and Infinity."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in body and b"Infinity" not in body:
            raise UnreadableError(f"it is no JSON: {error}") from None
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"it is no JSON: {error}") from None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _CLASS_MAX  # which neither inf nor NaN is


def _known(size: tuple[Any, Any]) -> tuple[float, float] | None:
    return size if all(_is_number(one) and one > 0 for one in size) else None


def _box(
    found: Detection, kind: str, scale: tuple[float, float], limit: tuple[float, float], digits: int
) -> dict[str, Any] | None:
    """One box for the client, within the image; None: nothing of it is, or it is none."""
    if not isinstance(found.box, list | tuple):
        raise UnreadableError("a box is no list")
    if len(found.box) != 4:
        raise UnreadableError(f"a box has {len(found.box)} numbers, not 4")
    if not all(map(_is_number, found.box)):
        return None
    x1, y1, x2, y2 = found.box
    if kind == "xywh":
        x2, y2 = x1 + x2, y1 + y2
    elif kind == "cxcywh":
        x1, y1, x2, y2 = x1 - x2 / 2, y1 - y2 / 2, x1 + x2 / 2, y1 + y2 / 2
    left, right = (round(min(max(x * scale[0], 0.0), limit[0]), digits) for x in (x1, x2))
    top, bottom = (round(min(max(y * scale[1], 0.0), limit[1]), digits) for y in (y1, y2))
    if left >= right or top >= bottom:
        return None
    is_class = _is_number(found.class_id) and found.class_id == int(found.class_id)
    return {
        "x1": left,
        "y1": top,
        "x2": right,
        "y2": bottom,
        "score": found.score if _is_number(found.score) else None,
        "label": found.label if isinstance(found.label, str) else None,
        "class_id": int(found.class_id) if is_class else None,
    }
