"""The text of base64 (RFC 4648 section 4), or of a data URI with such (RFC 2397), decoded as it comes."""

from __future__ import annotations

import binascii
import re
from typing import Final

import pybase64

from fastgw.errors import DownstreamError

_HEAD_MAX: Final = 256  #: characters of a data URI in front of its comma
_SCHEME_MAX: Final = 16  #: characters by which a URI is known
_SCHEME: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*):")
_PADDING: Final = b"="[0]
_FOREIGN: Final = re.compile(rb"[^A-Za-z0-9+/]")


class Base64Text:
    """Decodes one text.  Strictly: padded, without blanks or line ends, of the alphabet that is not for file names."""

    def __init__(self) -> None:
        self._head: bytes | None = b""  #: the beginning, while it may be that of a URI; None: it is over
        self._left = b""  #: fewer than four characters
        self._is_padded = False
        self._at = 0  #: characters in front of those that are left

    def feed(self, text: bytes) -> bytes:
        """More of the text.

        Raises:
            DownstreamError: 422 ``base64_malformed``; ``url_refused``, it is the address of something, which is never fetched.
        """
        if self._head is not None:
            text = self._begin(self._head + text, is_last=False)
        return self._decode(text) if text else b""

    def finish(self) -> bytes:
        """There is no more.

        Raises:
            DownstreamError: as ``feed``.
        """
        out = b""
        if self._head is not None:
            out = self._decode(self._begin(self._head, is_last=True))
        if self._left:
            raise _malformed(
                f"has {len(self._left)} characters behind the last four, at {self._at + 1}: padding is missing"
            )
        return out

    def _begin(self, text: bytes, *, is_last: bool) -> bytes:
        """The text behind the head of a URI, if it has one; empty as long as that is not known."""
        self._head = text
        if len(text) < _SCHEME_MAX and not is_last:
            return b""
        scheme = _SCHEME.match(text[:_SCHEME_MAX])
        if scheme is not None:
            if scheme[1].lower() != b"data":
                detail = (
                    "the field has the address of something, which is not fetched: it needs the thing itself, as base64"
                )
                raise DownstreamError(422, "url_refused", detail)
            comma = text.find(b",", 0, _HEAD_MAX)
            if comma < 0 and len(text) < _HEAD_MAX and not is_last:
                return b""
            if comma < 0 or not text[:comma].lower().endswith(b";base64"):
                raise _malformed("has a data URI that does not say ';base64,'")
            self._at = comma + 1
            text = text[comma + 1 :]
        self._head = None
        return text

    def _decode(self, text: bytes) -> bytes:
        """What of ``text`` and the characters that were left makes fours; of megabytes nothing is copied but what comes out."""
        if self._is_padded and text:
            raise self._behind_padding()
        missing = -len(self._left) % 4
        lead = self._left + text[:missing]
        if len(lead) % 4:
            self._left = lead
            return b""
        end = len(text) - (len(text) - missing) % 4
        first = self._fours(lead)
        rest = self._fours(memoryview(text)[missing:end])
        self._left = text[end:]
        return first + rest

    def _fours(self, text: bytes | memoryview) -> bytes:
        if not text:
            return b""
        if self._is_padded:
            raise self._behind_padding()
        try:
            out = pybase64.b64decode(text, validate=True)
        except binascii.Error:
            found = _FOREIGN.search(text)
            place = found.start() if found is not None else 0
            raise _malformed(f"has no base64 at character {self._at + place + 1}") from None
        self._is_padded = text[-1] == _PADDING
        self._at += len(text)
        return out

    def _behind_padding(self) -> DownstreamError:
        return _malformed(f"goes on behind its padding, at character {self._at + 1}")


def _malformed(what: str) -> DownstreamError:
    return DownstreamError(422, "base64_malformed", f"the field {what}")
