"""How many bytes of a body are text that a model reads, where there are images in it: base64 in strings, which is no text.

Images are found by what stands in front of them, a string that begins as a data URI (RFC 2397) and ``"type": "base64"`` of Anthropic, and
end with their string; so a body costs a few searches, however large it is.  What is not found so counts as text: then it is too much.  And
so does what is no base64: a client may call its text an image.

The body may be in parts, as it came, which are looked at where they are: to join a megabyte costs more than all that is looked for in it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from fastgw.wire.scan import find_base64

SMALL: Final = 16 * 1024  #: bytes of a body in which nobody looks for images
IMAGES_MAX: Final = 64  #: that are looked for in one body
_MARKS_MAX: Final = 1024  #: marks that are looked at: a text may have any number of them
_MARK: Final = b"base64"
_QUOTE: Final = b'"'
_DATA: Final = b'"data"'
#: Bytes within which ``"data"`` stands behind the type, and the beginning of a data URI in front of its comma.
_NEAR: Final = 256
_URI: Final = b"data:"
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_LOOKED_AT: Final = 4096  #: bytes of an image


class _Pieces:
    """Parts of a body, as if they were one."""

    __slots__ = ("_begins", "_parts", "size")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = parts
        *self._begins, self.size = accumulate(map(len, parts), initial=0)

    def cut(self, start: int, stop: int) -> bytes:
        """The bytes from ``start``, 0 or more, to ``stop``, or to the end."""
        place = bisect_right(self._begins, start) - 1
        found = b""
        for at, part in zip(self._begins[place:], self._parts[place:], strict=True):
            if at >= stop:
                break
            found += part[max(start - at, 0) : stop - at]
        return found

    def find(self, mark: bytes, start: int, stop: int) -> int:
        """Where ``mark`` begins first, all of it between the two; -1: nowhere."""
        place = bisect_right(self._begins, start) - 1
        for at, part in zip(self._begins[place:], self._parts[place:], strict=True):
            if at >= stop:
                break
            found = _find(part, mark, max(start - at, 0), stop - at)
            if found < 0 and len(mark) > 1:  # it may stand in two of them, or in more
                edge = max(start, at + len(part) - len(mark) + 1)
                found = self.cut(edge, min(stop, at + len(part) + len(mark) - 1)).find(mark)
                at = edge
            if found >= 0:
                return at + found
        return -1


def text_size(parts: Sequence[bytes]) -> tuple[int, int]:
    """Bytes of a body in ``parts`` without those of images, and how many images there are."""
    if len(parts) == 1 and find_base64(parts[0], 0) < 0:  # as in most
        return len(parts[0]), 0
    body = _Pieces(parts)
    size, images = body.size, 0
    if size <= SMALL:
        return size, 0
    at = body.find(_MARK, 0, size)
    for _ in range(_MARKS_MAX):
        if at < 0 or images == IMAGES_MAX:
            break
        behind = at + len(_MARK)
        start = _begin(body, behind)
        if start:
            stop = body.find(_QUOTE, start, body.size)
            if stop < 0:
                break
            if _is_coded(body, start, stop):
                size -= stop - start
                images += 1
            behind = stop
        at = body.find(_MARK, behind, body.size)
    return size, images


def _find(part: bytes, mark: bytes, start: int, stop: int) -> int:
    """As ``bytes.find``, which takes four times as long for the one mark that is looked for in all there is."""
    if mark is not _MARK or stop < len(part):
        return part.find(mark, start, stop)
    return find_base64(part, start)


def _begin(body: _Pieces, at: int) -> int:
    """Where the image begins of which the mark ends at ``at``; 0: there is none."""
    following = body.cut(at, at + 1)
    if following == b",":
        near = body.cut(max(0, at - _NEAR), at)
        quote = near.rfind(_QUOTE) + 1
        return at + 1 if quote and near[quote : quote + len(_URI)].lower() == _URI else 0
    if following != _QUOTE:
        return 0
    key = body.cut(at, at + _NEAR).find(_DATA)
    quote = body.find(_QUOTE, at + key + len(_DATA), body.size) if key >= 0 else -1
    return quote + 1


def _is_coded(body: _Pieces, start: int, stop: int) -> bool:
    """Whether that can be base64: a text has a space, or something else that is none of its letters, near its beginning."""
    if body.find(b" ", start, stop) >= 0:
        return False
    looked_at = body.cut(start, min(stop, start + _LOOKED_AT)).replace(b"\\/", b"/")  # as some write a slash
    return not looked_at.rstrip(b"\\").translate(None, _LETTERS)  # the last one may be cut
