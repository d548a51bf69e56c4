"""A cookie that brings a client back to the endpoint that it was at.

No filter that a chain names: routes of a service with ``affinity`` have it, closest to the service, so that other filters see the cookie
that it sets, as if the service had.  The cookie is set where the request did not have that of the endpoint that has answered, whatever
the reason: it is the first, it is forged, the endpoint that it names is not there, or was, but did not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastgw.filters.variables import Template
from fastgw.policy.affinity import EndpointTokens

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

PickFor = Callable[[Sequence[Any], Any], Any]  #: of candidates, for an exchange


class AffinityCookie:
    """The cookie of one service."""

    __slots__ = ("_begin", "_end", "_read", "_tokens")

    def __init__(self, service: str, cookie: str, secrets: tuple[str, ...], ttl: int) -> None:
        """``ttl``: seconds that a client keeps the cookie; 0: until it ends."""
        self._tokens = EndpointTokens(service, secrets)
        self._read = Template((f"cookie.{cookie}",)).fill
        self._begin = cookie.encode() + b"="
        self._end = b"; Path=/; HttpOnly; SameSite=Lax" + (b"; Max-Age=%d" % ttl if ttl else b"")

    def around(self, pick_for: PickFor) -> PickFor:
        """As ``pick_for``, but for clients with a cookie that names one of the candidates."""
        read, find = self._read, self._tokens.find

        def pick(candidates: Sequence[Any], exchange: Any) -> Any:
            token = read(exchange)
            endpoint = find(candidates, token) if token else None
            return pick_for(candidates, exchange) if endpoint is None else endpoint

        return pick

    def tell(self, exchange: Exchange) -> None:
        """Let the answer set the cookie, if the request had none that names who has answered."""
        token = self._tokens.token(exchange.endpoint)
        if self._read(exchange) != token:
            scheme = exchange.request.forwarded_proto or exchange.listener.scheme
            end = self._end + b"; Secure" if scheme == b"https" else self._end
            exchange.response.edit((), ((b"set-cookie", self._begin + token + end),))


class AffinityFilter:
    """Sets the cookies of the services of a route."""

    __slots__ = ("_by_service", "name")

    def __init__(self, by_service: Mapping[str, AffinityCookie]) -> None:
        """``by_service``: by name of the service, those that have one."""
        self.name = "affinity"
        self._by_service = by_service

    def response(self, exchange: Exchange) -> None:
        """The head of an answer: one of the service, or a reply, of which nobody is the origin."""
        if exchange.replied is None and exchange.endpoint is not None:
            affinity = self._by_service.get(exchange.service.name)
            if affinity is not None:
                affinity.tell(exchange)
