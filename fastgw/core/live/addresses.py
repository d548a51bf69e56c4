"""Where the endpoints are that have a host name: each address that the name has is a member of its own.

Names are looked up by the supervisor, beforehand and again and again (``server.names``); a worker is told the answers and looks nothing
up itself, so no name server can hold up a request.  An endpoint that is written as an IP address or a path is one member for ever.

A new address is not asked before one connection to it was made (``live.members``), off the way of every request: a name may have
addresses that cannot be reached from here, such as IPv6 ones where none is routed, or ``::1`` where only 127.0.0.1 listens.  So a dead
address costs no request its time, which is what racing the addresses of a name did for one connection (RFC 8305); those that work are
all used.  Where nobody is known to work yet requests wait in the name's waiting room (``live.waiting``) for whichever connects first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.live.news import NOT_FOUND, SILENT, Answer
from fastgw.errors import RETRY_ALWAYS, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastgw.core.live.endpoint import EndpointKey

_UNKNOWN = Answer(())


def members_of(key: EndpointKey, names: Mapping[str, Answer]) -> list[EndpointKey]:
    """The members that an endpoint of the configuration is: itself, or one for each address of its name, by what ``names`` says of it."""
    if not key.address.is_name:
        return [] if key.is_room else [key]
    return [key.at(host) for host in dict.fromkeys(names.get(key.address.host, _UNKNOWN).addresses)]


def name_problem(host: str, names: Mapping[str, Answer]) -> UpstreamError | None:
    """Why the name ``host`` has no address; None: it has one, or the first answer is still awaited."""
    answer = names.get(host, _UNKNOWN)
    if answer.addresses or not answer.cause:
        return None
    if answer.cause == SILENT:
        return name_silence(host)
    reason = f"{host} {answer.detail}"
    if answer.cause == NOT_FOUND:
        text = "the service's name has no address"
        return UpstreamError(502, "name_not_found", text, retry=RETRY_ALWAYS, reason=reason)
    text = "the service's name could not be looked up"
    return UpstreamError(502, "name_failed", text, retry=RETRY_ALWAYS, reason=reason)


def name_silence(host: str) -> UpstreamError:
    """No name server has said anything of the name ``host``."""
    text = "no name server has answered for the service's name"
    return UpstreamError(504, "name_timeout", text, retry=RETRY_ALWAYS, reason=f"{text} {host}")
