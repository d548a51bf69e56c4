"""How many bytes of a body are text that a model reads, where there are images in it: base64 in strings, which is no text.

Images are found by what stands in front of them, a string that begins as a data URI (RFC 2397) and ``"type": "base64"`` of Anthropic, and
end with their string; so a body costs a few searches, however large it is.  What is not found so counts as text: then it is too much.  And
so does what is no base64: a client may call its text an image.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire.scan import find_base64

SMALL: Final = 16 * 1024  #: bytes of a body in which nobody looks for images
IMAGES_MAX: Final = 64  #: that are looked for in one body
_MARKS_MAX: Final = 1024  #: marks that are looked at: a text may have any number of them
_MARK: Final = b"base64"
_QUOTE: Final = 0x22
_COMMA: Final = 0x2C
_DATA: Final = b'"data"'
_NEAR: Final = (
    256  #: bytes within which ``"data"`` stands behind the type, and the beginning of a data URI in front of its comma
)
_URI: Final = b"data:"
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_LOOKED_AT: Final = 4096  #: bytes of an image


def text_size(body: bytes) -> tuple[int, int]:
    """Bytes of ``body`` without those of images, and how many images there are."""
    size = len(body)
    if size <= SMALL:
        return size, 0
    images = 0
    at = find_base64(body, 0)
    for _ in range(_MARKS_MAX):
        if at < 0 or images == IMAGES_MAX:
            break
        behind = at + len(_MARK)
        start = _begin(body, behind)
        if start:
            stop = body.find(b'"', start)
            if stop < 0:
                break
            if _is_coded(body, start, stop):
                size -= stop - start
                images += 1
            behind = stop
        at = find_base64(body, behind)
    return size, images


def _begin(body: bytes, at: int) -> int:
    """Where the image begins of which the mark ends at ``at``; 0: there is none."""
    following = body[at : at + 1]
    if not following:
        return 0
    if following[0] == _COMMA:
        quote = body.rfind(b'"', max(0, at - _NEAR), at)
        return at + 1 if body[quote + 1 : quote + 1 + len(_URI)].lower() == _URI else 0
    if following[0] != _QUOTE:
        return 0
    key = body.find(_DATA, at, at + _NEAR)
    quote = body.find(b'"', key + len(_DATA)) if key >= 0 else -1
    return quote + 1


def _is_coded(body: bytes, start: int, stop: int) -> bool:
    """Whether that can be base64: a text has a space, or something else that is none of its letters, near its beginning."""
    if body.find(b" ", start, stop) >= 0:
        return False
    looked_at = body[start : min(stop, start + _LOOKED_AT)].replace(b"\\/", b"/")  # as some write a slash
    return not looked_at.rstrip(b"\\").translate(None, _LETTERS)  # the last one may be cut
