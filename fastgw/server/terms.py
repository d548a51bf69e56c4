"""What the specification of a listener asks for before HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.opening.opening import Terms
from fastgw.core.protocols import CLIENTS

if TYPE_CHECKING:
    from fastgw.config.spec import ListenerSpec


def terms_of(listener: ListenerSpec) -> Terms | None:
    """What ``listener`` asks for before HTTP; raises OSError when a file of its TLS cannot be used."""
    if listener.tls is None and not listener.proxy_protocol:
        return None
    context = None
    if listener.tls is not None:
        from fastgw.config.tls import server_context

        spoken = listener.settings.protocols
        context = server_context(
            listener.tls, [one for one in CLIENTS if one in spoken or (one == "http/1.0" and "http/1.1" in spoken)]
        )
    import ipaddress  # which a worker without such a listener does not need

    announcers = tuple(ipaddress.ip_network(one) for one in listener.proxy_protocol_from)
    return Terms(context, listener.proxy_protocol, announcers)
