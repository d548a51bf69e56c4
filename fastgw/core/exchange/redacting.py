"""Errors of services with credentials of the gateway's, on their way to clients: without what is not for those (``wire.redaction``).

An error is held until all of it is here, at most ``ERROR_MAX`` bytes, and told without keys, accounts and names of machines.  What cannot
be read, because it is larger, compressed in an unknown way, or no text, is told by its status alone, in the shape that the client reads.
The status stays, and so do the fields of its head, but those that say whose account was used.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import orjson

from fastgw.core.answer_counters import ERRORS_REDACTED
from fastgw.core.exchange.held import hold_answer, let_go
from fastgw.core.exchange.telling import error_answer
from fastgw.errors import UpstreamError
from fastgw.wire.lines import has_any
from fastgw.wire.media_types import is_json, media_type
from fastgw.wire.messages import BODY_NONE
from fastgw.wire.redaction import Redaction

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

ERROR_MAX: Final = 64 * 1024  #: bytes of one error, as it comes and behind its coding
#: Fields of answers that say whose account was used.
IDENTITIES: Final = (
    b"openai-organization",
    b"openai-project",
    b"anthropic-organization-id",
    b"anthropic-workspace-id",
    b"x-amzn-iam-principal",
)
#: Of a body that is another one now.
_OF_BODY: Final = (b"content-encoding", b"content-digest", b"repr-digest", b"digest", b"content-md5", b"etag")
_PAGE: Final = b"text/html"
_WINDOWS: Final = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Redactor:
    """A ``Mind`` of a service with credentials: it stands behind all others of it but the one of its fallback, which is asked first."""

    __slots__ = ("_redaction",)

    def __init__(self, value: str, hosts: Iterable[str]) -> None:
        """``value``: of the field that has the key, a scheme in front of it perhaps; ``hosts``: where the service is reached."""
        self._redaction = Redaction(value.rpartition(" ")[2], hosts)

    def __call__(self, exchange: Exchange) -> bool:
        """See ``Mind``."""
        response = exchange.response
        if has_any(response.head, IDENTITIES):
            response.edit(IDENTITIES, ())
        if response.status < 400 or response.body == BODY_NONE:
            return False
        fallback = exchange.service.fallback
        if fallback is not None and fallback.minds_answers and fallback.takes_answer(exchange):
            return True
        hold_answer(exchange, ERROR_MAX, self._judge)
        return True

    def redact_text(self, text: str) -> str:
        """What clients and logs are told of an error in the place of ``text``."""
        return self._redaction.text(text)

    def _judge(self, exchange: Exchange, data: bytes, is_last: bool) -> None:
        response = exchange.response
        told = self._told(exchange, data) if is_last else None
        if told != data:
            exchange.plane.values[exchange.service.base + ERRORS_REDACTED] += 1
            response.edit(_OF_BODY, ())
        if told is None:
            error = UpstreamError(502, "service_error", f"the service answered with status {response.status}")
            error.status = response.status
            reply = error_answer(exchange, error, ())
            response.set_header(b"content-type", reply.content_type.encode())
            told = reply.body
        let_go(exchange, told, True)

    def _told(self, exchange: Exchange, data: bytes) -> bytes | None:
        """What the client is told in the place of ``data``; None: it cannot be read."""
        response = exchange.response
        coding = response.header(b"content-encoding")
        plain = data if coding is None else _decoded(data, coding)
        if plain is None:
            return None
        kind = response.header(b"content-type")
        try:
            if is_json(kind) or plain.lstrip()[:1] in (b"{", b"["):
                document = orjson.loads(plain)
                redacted = self._redaction.value(document)
                return data if redacted == document else orjson.dumps(redacted)
            if media_type(kind) == _PAGE:
                return None
            text = plain.decode()
            redacted = self._redaction.text(text)
        except (ValueError, orjson.JSONEncodeError):
            return None
        return data if redacted == text else redacted.encode()


def _decoded(data: bytes, coding: bytes) -> bytes | None:
    """``data`` without its coding; None: it is not known, broken, or there is more behind it than is held."""
    name = coding.strip(b" \t").lower()
    if name == b"identity":
        return data
    window = _WINDOWS.get(name)
    if window is None:
        return None
    stream = zlib.decompressobj(window)
    try:
        found = stream.decompress(data, ERROR_MAX)
    except zlib.error:
        return None
    return found if stream.eof else None
