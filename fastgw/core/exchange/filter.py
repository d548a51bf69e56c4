"""The interface of a filter: a name and any of eight hooks.

    request(exchange)   before the request goes to its service.  None: go on.  A ``Reply``: answer with it now.  An awaitable of
                        either: the exchange is suspended until it is done, the connection is not.
    response(exchange)  before the answer's head goes to the client; ``exchange.response`` may be changed.  May be awaitable.
    read_request(exchange), transform_request(exchange)
                        when all request hooks have passed a request that has a body.  None: not this one.  A ``BodyHook``: it is fed
                        the body; one that is ``GatheredHook`` gets it whole, and may wait.
    transform_response(exchange), read_response(exchange)
                        the same of an answer, when all response hooks have run.
    done(exchange)      once, at the very end, whatever happened; must not fail and must not wait.
    refused(connection, error)
                        of the global and a listener's filters: bytes that were no request got ``error`` as their answer, and no
                        exchange began; must not fail and must not wait.

A filter that owns something (a file, a thread) may also have ``start(loop)``, called before the first request and free to raise
``OSError``, which refuses the configuration, and ``stop()``, called when another configuration has taken over; its ``done`` hook may still
be called after that, for exchanges that began before.

What a filter finds out, later ones and the access log may read: ``exchange.note(name, value)`` keeps it in ``exchange.notes``, and a filter
that has ``logged``, a tuple of such names, has them in every line of an access log of its route.

A filter whose ``transform_response`` or ``read_response`` is to be asked of answers that have no body too, and say all in their head, has
``sees_empty``, which is true.

A filter whose ``transform_`` hooks are rules that hold for every body, and not a service to who sends it, has ``is_binding``, which is
true: it is asked of bodies too that say that they may not be changed (``Cache-Control: no-transform``, ``Content-Range``).  One that
looks for that itself, where it would change a body, has ``is_careful``, which is true: so nobody looks where it changes none.

A filter that lets requests pass by fields of its own, and notes and changes nothing, names them in ``decides_by``, lower-case bytes: so a
cache behind it gives nobody what it has let another have.

Hooks are found when the configuration is compiled, so a hook that a filter does not have costs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.errors import GatewayError


class BodyHook:
    """What sees one body pass: all of its data in pieces, without framing, and what it returns goes on in its place.

    Behind the last piece, in ``finish``, the trailers of the service are in ``exchange.response.trailers``: ``Response.trailer`` reads one,
    ``set_trailer`` and ``take_trailers`` have others behind the body, or none.

    One that only reads returns the same bytes, at once or later; one that transforms may return any.  What either raises ends the exchange:
    a ``GatewayError`` as it is, in front of the answer's head, and anything else as a bug of the filter; behind it the answer is cut.
    """

    #: Of an answer: bytes of it for which its head may wait; 0: it does not.  If there are no more, ``finish`` can still change the head.
    gather: int = 0
    #: Of an answer: lower-case names of the ``trailers`` to come.  With any, a client that takes trailers gets the body without a length.
    trailer_names: Sequence[bytes] = ()
    #: Of an answer: fields to be sent behind it, to a client that takes such; may be set until ``finish`` is over.
    trailers: Sequence[tuple[bytes, bytes]] = ()
    #: What it says of the body holds of these very bytes: it is not asked where another filter changes them behind it.
    is_of_bytes: bool = False
    #: Counts what the service says, so the last words of a hook (``broken``) are not fed to it.
    is_counting: bool = False
    #: Of one that transforms an answer: lower-case names of the request's fields on which its bytes depend, for ``Vary``.
    vary: Sequence[bytes] = ()

    def feed(self, data: bytes) -> bytes:
        """More of the body, never empty; what is to go on now, which may be nothing."""
        return data

    def finish(self) -> bytes:
        """There is no more; what is to go on as the last of it."""
        return b""

    def broken(self, error: GatewayError) -> bytes | None:
        """``error`` ends an answer that has begun.  What goes on as the last of it, which is whole then; None: nothing, it is cut."""
        return None


class GatheredHook(BodyHook):
    """What gets one body whole: nothing of it goes on before ``whole`` has said what it is now.

    What is gathered counts for ``limits.body_memory``; where that is full, or a body has more than ``max_bytes``, its exchange ends.
    """

    max_bytes: int = 1 << 20  #: of the body

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        """All of the body, which may be empty; what goes on in its place, or an awaitable of that, as of ``request``.

        A ``GatewayError`` is what the client is told.  Where anything else is raised and the filter is open, the body goes on as it was.
        """
        raise NotImplementedError

    def too_large(self) -> GatewayError | None:
        """What the client is told of a body of more than ``max_bytes``; None: 413 of its own one, 502 of the service's."""
        return None


class Filter(Protocol):
    """What every filter has; its hooks are optional and looked up by name."""

    @property
    def name(self) -> str:
        """The name the configuration gives it, for logs and ``fastgw route``."""


class RequestFilter(Filter, Protocol):
    """A filter that sees requests."""

    def request(self, exchange: Exchange) -> Reply | None | Awaitable[Reply | None]:
        """Look at, change or answer the request."""


class ResponseFilter(Filter, Protocol):
    """A filter that sees answers."""

    def response(self, exchange: Exchange) -> Awaitable[None] | None:
        """Look at or change the head of the answer."""


class RequestBodyReader(Filter, Protocol):
    """A filter that sees bodies of requests."""

    def read_request(self, exchange: Exchange) -> BodyHook | None:
        """Return what reads the body of this request."""


class RequestBodyTransformer(Filter, Protocol):
    """A filter that changes bodies of requests."""

    def transform_request(self, exchange: Exchange) -> BodyHook | None:
        """Return what changes the body of this request."""


class ResponseBodyReader(Filter, Protocol):
    """A filter that sees bodies of answers."""

    def read_response(self, exchange: Exchange) -> BodyHook | None:
        """Return what reads the body of this answer."""


class ResponseBodyTransformer(Filter, Protocol):
    """A filter that changes bodies of answers."""

    def transform_response(self, exchange: Exchange) -> BodyHook | None:
        """Return what changes the body of this answer."""


class DoneFilter(Filter, Protocol):
    """A filter that sees the end."""

    def done(self, exchange: Exchange) -> None:
        """Record what happened."""


class RefusedFilter(Filter, Protocol):
    """A filter that sees what never became an exchange."""

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Record what was refused."""
