"""What a service says that does not take the gateway's own credentials (``snapshot.credentials``): nothing that a client should read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.errors import UpstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_UNAUTHORIZED: Final = 401


def refuses_gateway(exchange: Exchange) -> bool:
    """A ``Mind`` of a service with credentials: its 401 is about the gateway, and may have part of the key, so no client gets it.

    What answers in the place of the service for this status is asked first."""
    if exchange.response.status != _UNAUTHORIZED:
        return False
    service = exchange.service
    if service.fallback is None or not service.fallback.minds_answers or not service.fallback.takes_answer(exchange):
        exchange.set_aside()
        detail = "the gateway has no access to the service"
        reason = f"the service {service.name!r} has answered 401 to the gateway's own credentials"
        exchange.fail(UpstreamError(502, "service_credentials", detail, reason=reason))
    return True
