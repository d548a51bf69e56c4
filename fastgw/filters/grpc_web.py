"""``grpc_web``: whom gRPC-Web is spoken to, such as a page in a browser, calls services of gRPC (``wire.grpc_web`` has what differs).

A request becomes one of gRPC in its head and, in text mode, its body; messages of the answer pass as they come, and its trailers become the
last frame.  Where the service has said all in a head, or the gateway answers, the fields of the head say it in both protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.filter import BodyHook
from fastgw.core.exchange.mending import may_change_request
from fastgw.errors import DownstreamError
from fastgw.wire.fields import find_field
from fastgw.wire.grpc_web import MediaType, TextReader, TextWriter, media_type, trailer_frame
from fastgw.wire.messages import BODY_NONE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_CONTENT_TYPE: Final = b"content-type"
#: What a call ends with whose service has not said how (grpc's ``doc/http-grpc-status-mapping.md``).
_UNKNOWN: Final = b"grpc-status:2\r\ngrpc-message:the service ended the answer without a grpc-status\r\n"


class GrpcWeb:
    """The filter."""

    __slots__ = ("name",)

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """There are no ``options``."""
        self.name = name

    def request(self, exchange: Exchange) -> None:
        """Make a head of gRPC of it."""
        request = exchange.request
        asked = media_type(request.header(_CONTENT_TYPE))
        if asked is None or not asked.is_web:
            return
        if not may_change_request(request):
            detail = (
                "a request of gRPC-Web must allow to be changed, and has Content-Range or Cache-Control: no-transform"
            )
            raise DownstreamError(415, "body_type_refused", detail)
        request.set_header(_CONTENT_TYPE, asked._replace(is_web=False, is_text=False).value())
        request.te_trailers = True
        request.rare = True

    def transform_request(self, exchange: Exchange) -> BodyHook | None:
        """Its messages, if they are text."""
        asked = _asked(exchange)
        return _Asking() if asked is not None and asked.is_text else None

    def response(self, exchange: Exchange) -> None:
        """An answer that has no messages says all in its head."""
        response = exchange.response
        if exchange.replied is not None or response.body == BODY_NONE:
            told = _told(exchange)
            if told is not None:
                response.set_header(_CONTENT_TYPE, told.value())

    def transform_response(self, exchange: Exchange) -> BodyHook | None:
        """Messages of the answer, and the last frame."""
        told = _told(exchange)
        if told is None:
            return None
        exchange.response.set_header(_CONTENT_TYPE, told.value())
        return _Answering(exchange, is_text=told.is_text)


class _Asking(BodyHook):
    """A request in text mode."""

    def __init__(self) -> None:
        self._reader = TextReader()

    def feed(self, data: bytes) -> bytes:
        try:
            return self._reader.feed(data)
        except ValueError as error:
            raise _malformed(error) from None

    def finish(self) -> bytes:
        try:
            self._reader.finish()
        except ValueError as error:
            raise _malformed(error) from None
        return b""


class _Answering(BodyHook):
    """An answer."""

    def __init__(self, exchange: Exchange, *, is_text: bool) -> None:
        self._exchange = exchange
        self._writer = TextWriter() if is_text else None

    def feed(self, data: bytes) -> bytes:
        return data if self._writer is None else self._writer.feed(data)

    def finish(self) -> bytes:
        response = self._exchange.response
        lines = response.take_trailers()
        if not lines and response.header(b"grpc-status") is None:
            lines = _UNKNOWN
        frame = trailer_frame(lines) if lines else b""
        return frame if self._writer is None else self._writer.finish(frame)


def _asked(exchange: Exchange) -> MediaType | None:
    """The type of gRPC-Web in which the client has asked; None: it has not."""
    asked = media_type(find_field(exchange.request.head, _CONTENT_TYPE))
    return asked if asked is not None and asked.is_web else None


def _told(exchange: Exchange) -> MediaType | None:
    """The type in which the client wants the answer; None: it has not asked in gRPC-Web, or the answer is none of gRPC."""
    asked = _asked(exchange)
    answer = media_type(exchange.response.header(_CONTENT_TYPE)) if asked is not None else None
    if asked is None or answer is None or answer.is_web:
        return None
    accepted = map(media_type, (find_field(exchange.request.head, b"accept") or b"").split(b","))
    wanted = next((one for one in accepted if one is not None and one.is_web), asked)
    return MediaType(True, wanted.is_text, answer.suffix or asked.suffix)  # the same, where the service does not say


def _malformed(error: ValueError) -> DownstreamError:
    detail = "the body is not the base64 that application/grpc-web-text is"
    return DownstreamError(400, "grpc_web_malformed", detail, reason=f"{detail}: {error}")
