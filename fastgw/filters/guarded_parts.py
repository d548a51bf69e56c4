"""The texts and the images of a request to a model server, wherever they stand in it, and what an image may be.

OpenAI      {"type": "image_url", "image_url": {"url": ...}}, {"type": "input_image", "image_url": ...}
Anthropic   {"type": "image", "source": {"type": "base64", "data": ...}}, or of type "url"
Ollama      {"images": [...]}, base64 alone
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from fastgw.wire.images import SizeReader, sniff

Within = tuple[Any, ...]  #: the place of what a value is in, and its key or number there; empty: the whole document
_PIECE: Final = 4 * 16_384  #: characters of base64 that are decoded at one time
PARTS_MAX: Final = 65_536  #: of a body, that are looked at
_TELLING: Final = frozenset((str, list, dict))  #: types of what says something, or has something in it that does
_REMOTE: Final = ("http://", "https://")
_DATA: Final = "data:"


class Refused(Exception):
    """Something that is not allowed; ``place``: what it is called."""

    def __init__(self, place: str | Within, why: str) -> None:
        super().__init__(why)
        self.place = place if isinstance(place, str) else called(place)


def called(place: Within) -> str:
    """``place`` as people write it: ``messages[1].content``."""
    steps: list[str] = []
    while place:
        place, step = place
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps)).removeprefix(".")


def parts(document: Any) -> Iterator[tuple[Within, Any, bool]]:
    """All texts and images of ``document``, first to last: the place, the value, and whether it is an image (then the value may be any).

    Raises:
        Refused: there are more than ``PARTS_MAX`` things in it in which something could be.
    """
    waiting: list[tuple[Within, Any, bool]] = [((), document, False)]
    left = PARTS_MAX
    while waiting:
        left -= 1
        if left < len(waiting):
            raise Refused("body", f"has more than the {PARTS_MAX} texts, lists and objects that are looked at")
        place, value, is_image = waiting.pop()
        if is_image:
            yield place, value, True
        elif isinstance(value, str):
            yield place, value, value[:11].lower() == "data:image/"
        elif isinstance(value, list):
            if not _TELLING.isdisjoint(map(type, value)):  # else it has numbers, of which there may be very many
                some = ((number, one) for number, one in enumerate(value) if type(one) in _TELLING)
                waiting += [((place, number), one, False) for number, one in islice(some, left + 1)][::-1]
        elif isinstance(value, dict):
            waiting += [*_members(place, value)][::-1]


def _members(place: Within, value: Mapping[str, Any]) -> Iterator[tuple[Within, Any, bool]]:
    for key, one in value.items():
        at = (place, key)
        if key == "image_url":
            is_nested = isinstance(one, dict) and "url" in one
            yield (at, "url") if is_nested else at, one["url"] if is_nested else one, one is not None
        elif key == "source" and value.get("type") == "image" and isinstance(one, dict):
            inner = "data" if "data" in one else "url"
            yield (at, inner), one.get(inner), True
        elif key == "images" and isinstance(one, list):
            for number, image in enumerate(one):
                yield (at, number), image, True
        elif type(one) in _TELLING:
            yield at, one, False


class ImageRules:
    """What images may be."""

    __slots__ = ("_max", "_max_pixels", "_may_be_remote", "_types")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """``options``: ``max``, how many; ``max_pixels`` of each, 0: any; ``types``, names of ``wire.images``; ``remote``: they may be
        somewhere else."""
        self._max: int = options["max"]
        self._max_pixels: int = options["max_pixels"]
        self._types = frozenset(options["types"])
        self._may_be_remote: bool = options["remote"]

    def check(self, place: Within, value: Any, number: int) -> None:
        """``value`` is the image ``number``, from 1 on.

        Raises:
            Refused: it may not be there.
        """
        if number > self._max:
            raise Refused(place, f"is one image more than the {self._max} allowed here")
        if not isinstance(value, str):
            raise Refused(place, "is no image: it must be a string")
        if value[:8].lower().startswith(_REMOTE):
            if not self._may_be_remote:
                raise Refused(place, "is the address of an image, which has to be in the request here")
            return
        begin = 0
        if value[:5].lower() == _DATA:
            comma = value.find(",")  # the first one (RFC 2397)
            if comma < 0 or not value[:comma].lower().endswith(";base64"):
                raise Refused(place, "is a data URI without base64")
            begin = comma + 1
        self._look(place, value, begin)

    def _look(self, place: Within, data: str, begin: int) -> None:
        """``data``: base64 from ``begin`` on."""
        reader: SizeReader | None = None
        try:
            for at in range(begin, len(data), _PIECE):
                piece = data[at : at + _PIECE]
                found = binascii.a2b_base64(piece + "=" * (-len(piece) % 4), strict_mode=True)
                if reader is None:
                    reader = self._begin(place, found)
                    if not self._max_pixels:
                        return
                size = reader.feed(found)
                if size is not None:
                    if size[0] * size[1] > self._max_pixels:
                        why = f"has {size[0]} x {size[1]} pixels, more than the {self._max_pixels} allowed here"
                        raise Refused(place, why)
                    return
        except ValueError as error:
            raise Refused(place, f"is no image that can be read: {error}") from None
        raise Refused(place, "is no image that can be read: it ends in front of its size")

    def _begin(self, place: Within, found: bytes) -> SizeReader:
        kind = sniff(found)
        if kind is None or kind.name not in self._types:
            told = "of no known type" if kind is None else f"a {kind.name}"
            raise Refused(place, f"is {told}; allowed here are {', '.join(sorted(self._types))}")
        return SizeReader(kind)
