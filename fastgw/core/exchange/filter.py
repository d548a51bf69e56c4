"""The interface of a filter: a name and any of four hooks.

    request(exchange)   before the request goes to its service.  None: go on.  A ``Reply``: answer with it now.  An awaitable of
                        either: the exchange is suspended until it is done, the connection is not.
    response(exchange)  before the answer's head goes to the client; ``exchange.response`` may be changed.  May be awaitable.
    done(exchange)      once, at the very end, whatever happened; must not fail and must not wait.
    refused(connection, error)
                        of a listener's filters: bytes that were no request got ``error`` as their answer, and no exchange began;
                        must not fail and must not wait.

A filter that owns something (a file, a thread) may also have ``start(loop)``, called before the first request and free to raise
``OSError``, which refuses the configuration, and ``stop()``, called when another configuration has taken over; its ``done`` hook may still
be called after that, for exchanges that began before.

What a filter finds out, later ones and the access log may read: ``exchange.note(name, value)`` keeps it in ``exchange.notes``, and a filter
that has ``logged``, a tuple of such names, has them in every line of an access log of its route.

Hooks are found when the configuration is compiled, so a hook that a filter does not have costs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client, Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.errors import GatewayError


class Filter(Protocol):
    """What every filter has; ``request``, ``response``, ``done`` and ``refused`` are optional and looked up by name."""

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


class DoneFilter(Filter, Protocol):
    """A filter that sees the end."""

    def done(self, exchange: Exchange) -> None:
        """Record what happened."""


class RefusedFilter(Filter, Protocol):
    """A filter that sees what never became an exchange."""

    def refused(self, connection: Client, error: GatewayError) -> None:
        """Record what was refused."""
