"""Routes with a fixed answer, and routes that send clients elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from fastgw.adapters.local import LocalCarrier, below, local_service, precondition_failed
from fastgw.core.exchange.fallback import FIELD, REPLY
from fastgw.errors import DownstreamError
from fastgw.wire.errors import WireError
from fastgw.wire.location import safe_location
from fastgw.wire.preconditions import outcome

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import RedirectSettings, ReplySettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.routing.pattern import Pattern


class FixedReply:
    """What a ``reply`` of the configuration says, ready to be sent."""

    __slots__ = ("bare_fields", "body", "fields", "status", "tag")

    def __init__(self, settings: ReplySettings) -> None:
        self.status = settings.status
        self.body = settings.body
        lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in settings.headers)
        #: Strong: the same bytes have the same one, in every worker and on every node.
        self.tag = b""
        if self.status == 200 and self.body and not any(name == "etag" for name, _ in settings.headers):
            self.tag = b'"%b"' % sha256(self.body).hexdigest()[:32].encode()
            lines += b"etag: " + self.tag + b"\r\n"
        self.bare_fields = lines  #: without those of a body
        kind = f"content-type: {settings.content_type}\r\n".encode() if self.body else b""
        self.fields = kind + lines


class ReplyCarrier(LocalCarrier):
    """Answers with what is written in the configuration."""

    __slots__ = ("_reply",)

    def __init__(self, reply: FixedReply) -> None:
        LocalCarrier.__init__(self)
        self._reply = reply

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 412.
        """
        reply = self._reply
        request = exchange.request
        status = outcome(request.header, request.method, reply.tag) if reply.tag else 200
        if status == 412:
            raise precondition_failed()
        if status == 304:
            self.send_head(exchange, 304, reply.bare_fields, 0)
        elif self.send_head(exchange, reply.status, reply.fields, len(reply.body)):
            exchange.on_last_body(reply.body, len(reply.body))


class RedirectTarget:
    """Where a ``redirect`` of the configuration sends clients."""

    __slots__ = ("_fill", "_pattern", "_takes_rest", "status")

    def __init__(self, status: int, fill: Callable[[Exchange], bytes], pattern: Pattern, *, takes_rest: bool) -> None:
        """
        Args:
            status: of the answer.
            fill: the target of an exchange; it begins with ``/`` or with a scheme and an authority, whatever the client says.
            pattern: the path of the route.
            takes_rest: what the ``*`` of ``pattern`` has taken is appended, and the query.
        """
        self.status = status
        self._fill = fill
        self._pattern = pattern
        self._takes_rest = takes_rest

    def location(self, exchange: Exchange) -> bytes:
        """The value of ``Location``.

        Raises:
            DownstreamError: 400, the target has the host of the request, which has none.
        """
        target = self._fill(exchange)
        if self._takes_rest:
            request = exchange.request
            target += below(self._pattern, request) + request.query
        try:
            return safe_location(target)
        except WireError as error:
            raise DownstreamError(error.status, error.code, error.detail) from None


class RedirectCarrier(LocalCarrier):
    """Answers with where the client should ask instead."""

    __slots__ = ("_redirect",)

    def __init__(self, redirect: RedirectTarget) -> None:
        LocalCarrier.__init__(self)
        self._redirect = redirect

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 400.
        """
        location = self._redirect.location(exchange)
        self.send_head(exchange, self._redirect.status, b"location: " + location + b"\r\n", 0)


def reply_service(settings: ReplySettings) -> Service:
    """What a route with ``reply`` leads to."""
    reply = FixedReply(settings)
    return local_service("reply", lambda: ReplyCarrier(reply))


class _AtOnce(ReplyCarrier):
    """Answers without waiting for the rest of the request, which was for somebody else."""

    __slots__ = ()

    def takes_body(self, exchange: Exchange) -> bool:
        """See ``LocalCarrier``."""
        return False

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``."""
        exchange.keep_alive = exchange.keep_alive and exchange.body.is_done
        ReplyCarrier.answer(self, exchange)


def stand_in(settings: ReplySettings) -> Service:
    """What answers with ``reply`` in the place of a service that cannot."""
    marked = (*settings.headers, (FIELD.decode(), REPLY))
    reply = FixedReply(settings._replace(headers=marked))
    return local_service(REPLY, lambda: _AtOnce(reply))


class Fillable(Protocol):
    """Text with variables in it."""

    def fill(self, exchange: Exchange) -> bytes:
        """The text for ``exchange``."""


def redirect_service(
    settings: RedirectSettings, pattern: Pattern, make_template: Callable[[tuple[bytes | str, ...]], Fillable]
) -> Service:
    """What a route of this ``pattern`` with ``redirect`` leads to; ``make_template``: of literal text and names of variables."""
    fill = make_template(settings.to).fill
    redirect = RedirectTarget(settings.status, fill, pattern, takes_rest=settings.takes_rest)
    return local_service("redirect", lambda: RedirectCarrier(redirect))
