"""``ext_authz``: a service of the operator's decides whether a request may pass, and what the service behind is told.

It is asked with the head of the request alone: with the method, host and target in ``x-forwarded-method``, ``-host`` and ``-uri``, as other
gateways do (``auth_request``, ``forwardAuth``), and the fields that ``send`` names.  A 2xx lets the request through, a 3xx or 4xx is
the client's answer, and everything else is no decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.calls import Answered, Asking, Caller, CallError
from fastgw.core.exchange.reply import Reply
from fastgw.core.labels import AUTHORIZATIONS
from fastgw.errors import FilterUnavailableError
from fastgw.filters.credentials import NOTHING, edit

if TYPE_CHECKING:
    import asyncio

    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "ext_authz"  #: the note that has the outcome, the status and the milliseconds
_ALLOWED, _REFUSED, _UNAVAILABLE = AUTHORIZATIONS


class ExtAuthz:
    """Asks for every request."""

    __slots__ = (
        "_call",
        "_caller",
        "_connections",
        "_largest",
        "_limit",
        "_method",
        "_sent",
        "_taken",
        "_told",
        "_url",
        "name",
    )

    def __init__(self, name: str, options: Mapping[str, Any], call: Asking | None = None) -> None:
        """``options``: as ``config.filters.ext_authz`` gives them; ``call``: instead of a real one."""
        self.name = name
        self._url = options["url"]
        self._limit: float = options["timeout"]
        self._connections: int = options["connections"]
        self._largest: int = options["max_answer"]
        self._method: bytes = options["method"].encode()
        self._sent = tuple(one.encode() for one in options["send"])
        self._taken = frozenset(one.encode() for one in options["take"])
        self._told = tuple(one.encode() for one in options["tell"])
        self._call = call
        self._caller: Caller | None = None

    @property
    def decides_by(self) -> tuple[bytes, ...]:
        """See ``core.exchange.filter``: what the authority is told of a request."""
        return self._sent

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be ready to ask; OSError if the file of authorities cannot be used."""
        self._caller = Caller(self._url, self._limit, self._largest, self._connections)
        self._call = self._caller.call

    def stop(self) -> None:
        """Keep no connection any more; who waits gets an answer."""
        if self._caller is not None:
            self._caller.close()

    async def request(self, exchange: Exchange) -> Reply | None:
        """Let it through, or answer in the service's place."""
        began = exchange.plane.clock()
        question = self._question(exchange)
        edit(
            exchange.request, NOTHING, self._taken, ()
        )  # before it is known: with on_failure open the request goes on without a decision
        try:
            assert self._call is not None
            answer = await self._call(self._method, question)
            if answer.status == 304 or not 200 <= answer.status < 500:
                raise CallError("status", f"{self._url} answered {answer.status}, which is no decision")
        except CallError as error:
            self._note(exchange, _UNAVAILABLE, 0, began)
            detail = "whether the request may pass cannot be asked now"
            reason = f"{error.cause}: {error} (by the filter {self.name!r})"
            raise FilterUnavailableError(503, "authorization_unavailable", detail, reason=reason) from None
        if answer.status >= 300:
            self._note(exchange, _REFUSED, answer.status, began)
            return self._reply(answer)
        self._note(exchange, _ALLOWED, answer.status, began)
        for field in answer.fields:
            if field[0] in self._taken:
                exchange.request.add_header(*field)
        return None

    def _question(self, exchange: Exchange) -> tuple[tuple[bytes, bytes], ...]:
        request = exchange.request
        path = request.original_path or request.path
        found = [
            (b"x-forwarded-method", request.method),
            (b"x-forwarded-proto", request.forwarded_proto or exchange.listener.scheme),
            (b"x-forwarded-host", request.authority),
            (b"x-forwarded-uri", path + request.query),
            (b"x-forwarded-for", exchange.client.address),
        ]
        if request.request_id:
            found.append((b"x-request-id", request.request_id))
        for name in self._sent:
            value = request.header(name)
            if value is not None:
                found.append((name, value))
        return tuple(found)

    def _reply(self, answer: Answered) -> Reply:
        kind = next(iter(answer.values(b"content-type")), b"text/plain")
        told = tuple(
            (name.decode(), value.decode("latin-1"))
            for name in self._told
            if name != b"content-type"
            for value in answer.values(name)
        )
        return Reply(answer.status, answer.body, kind.decode("latin-1"), told)

    def _note(self, exchange: Exchange, outcome: str, status: int, began: float) -> None:
        place = exchange.route.base + counters.ROUTE_AUTHORIZATIONS + AUTHORIZATIONS.index(outcome)
        exchange.plane.values[place] += 1
        took = round((exchange.plane.clock() - began) * 1e3, 1)
        exchange.note(NOTE, {"outcome": outcome, "status": status, "ms": took})
