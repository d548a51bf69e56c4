"""How many bytes of a body are text that a model reads, where there are images in it: base64 in strings, which is no text.

Images are found by what stands in front of them, ``;base64,`` of a data URI (RFC 2397) and ``"type": "base64"`` of Anthropic, and end with
their string; so a body costs a few searches, however large it is.  What is not found so counts as text: then it is too much.
"""

from __future__ import annotations

from typing import Final

SMALL: Final = 16 * 1024  #: bytes of a body in which nobody looks for images
IMAGES_MAX: Final = 64  #: that are looked for in one body
_MARK: Final = b"base64"
_QUOTE: Final = 0x22
_COMMA: Final = 0x2C
_DATA: Final = b'"data"'
_NEAR: Final = 256  #: bytes within which ``"data"`` stands behind the type


def text_size(body: bytes) -> tuple[int, int]:
    """Bytes of ``body`` without those of images, and how many images there are."""
    size = len(body)
    if size <= SMALL:
        return size, 0
    images = 0
    at = body.find(_MARK)
    while at >= 0 and images < IMAGES_MAX:
        behind = at + len(_MARK)
        start = _begin(body, behind)
        if start:
            stop = body.find(b'"', start)
            if stop < 0:
                break
            size -= stop - start
            images += 1
            behind = stop
        at = body.find(_MARK, behind)
    return size, images


def _begin(body: bytes, at: int) -> int:
    """Where the image begins of which the mark ends at ``at``; 0: there is none."""
    following = body[at : at + 1]
    if not following:
        return 0
    if following[0] == _COMMA:
        return at + 1
    if following[0] != _QUOTE:
        return 0
    key = body.find(_DATA, at, at + _NEAR)
    quote = body.find(b'"', key + len(_DATA)) if key >= 0 else -1
    return quote + 1
