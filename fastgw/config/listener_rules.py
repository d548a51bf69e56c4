"""What is wrong between listeners and the admin address, or between the keys of one: an address twice, certificates that do not load."""

from __future__ import annotations

from fastgw.config.bound import Bound, ListenerTls
from fastgw.config.chain_rules import check_before_routing, check_chain
from fastgw.config.places import known_places, shared_keys
from fastgw.config.schema import (
    Configuration,
    Listener,
)
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.core.settings import Address


def listener_name(place: int, listener: Listener) -> str:
    """Its name, or the one it has by its place in the file."""
    return listener.name or f"listener-{place + 1}"


def spoken(listener: Listener) -> dict[str, tuple[str, ...]]:
    """What clients may speak, by the key that says so; HTTP/2 by default where they can choose it (RFC 7301)."""
    chosen = listener.protocols or (["h2", "http/1.1"] if listener.tls is not None else ["http/1.1"])
    return {"protocols": tuple(dict.fromkeys(chosen))}


def check_listeners(document: Document, config: Configuration) -> None:
    """Report what is wrong with any of them, and with the admin address."""
    names: dict[str, int] = {}
    taken: dict[Address, str] = {}
    if config.admin is not None:
        _bound(document, ("admin",), config.admin, "admin", taken)
        config.admin.check(document, ("admin",))
        if config.admin.tls is not None:
            _listener_tls(document, ("admin", "tls"), config.admin.tls)
    for place, listener in enumerate(config.listeners):
        where: TreePath = ("listeners", place)
        name = listener_name(place, listener)
        if not is_unsound(listener.name) and name in names:
            document.report((*where, "name"), f"the name {name!r} belongs to listeners[{names[name]}] already")
        names.setdefault(name, place)
        _bound(document, where, listener, f"listeners[{place}]", taken)
        _listener(document, config, where, listener)


def _bound(document: Document, where: TreePath, entry: Bound, owner: str, taken: dict[Address, str]) -> None:
    """``entry``, a listener or admin, has an address that nobody in ``taken`` has, and what it says of it means something."""
    address = entry.address
    if is_unsound(address):
        return
    if entry.ipv6_only is False and address.host != "::":
        document.report((*where, "ipv6_only"), f"has no effect with {address}: only [::] can take IPv4 too")
    for key in ("mode", "owner"):
        if not address.path and not is_unsound(getattr(entry, key)) and getattr(entry, key) is not None:
            document.report((*where, key), f"has no effect with {address}: it is of unix sockets")
    if not address.path and not address.port:
        return  # any free one
    for place in known_places(address, ipv6_only=entry.ipv6_only is not False):
        for shared in shared_keys(place):
            other = taken.setdefault(shared, owner)
            if other != owner:
                is_written = address in (place, shared)
                meant = f"the address {address}" if is_written else f"{address} takes {shared}, which"
                document.report((*where, "address"), f"{meant} is that of {other} already")
                return


def _listener(document: Document, config: Configuration, where: TreePath, listener: Listener) -> None:
    check_chain(document, config, (*where, "filters"), listener.filters)
    check_before_routing(document, config, (*where, "before_routing"), listener.before_routing)
    limits = listener.limits
    if limits.uri_length > limits.head_size:
        document.report(
            (*where, "limits"), f"uri_length ({limits.uri_length}) is more than head_size ({limits.head_size})"
        )
    if listener.proxy_protocol_from and is_missing(listener.proxy_protocol):
        document.report((*where, "proxy_protocol_from"), "has no effect without proxy_protocol: true")
    if listener.tls is not None and listener.half_close == "answer":
        document.report((*where, "half_close"), "answer has no effect with tls: its end is the end of both sides")
    asked = listener.protocols
    if asked is not None and "mqtt" in asked and len({*asked}) > 1 and not is_unsound(*asked):
        document.report((*where, "protocols"), "mqtt is spoken alone: its clients do not say that they speak it")
    elif asked is not None and not {"http/1.1", "mqtt"}.intersection(asked) and not is_unsound(asked):
        document.report((*where, "protocols"), "http/1.1 must be there: a client that asks for nothing else speaks it")
    if listener.tls is not None:
        _listener_tls(document, (*where, "tls"), listener.tls)


def _listener_tls(document: Document, where: TreePath, tls: ListenerTls) -> None:
    from fastgw.config.tls import authorities_problem, pair_problems

    is_short = document.at((*where, "certificates")) is None
    for place, one in enumerate(tls.certificates):
        for name, reason in pair_problems(_known(one.cert), _known(one.key)):
            document.report((*where, name) if is_short else (*where, "certificates", place, name), reason)
    if tls.client_auth != "none" and is_missing(tls.client_ca):
        document.report((*where, "client_auth"), f"{tls.client_auth} needs client_ca")
    if tls.client_ca:
        if tls.client_auth == "none":
            document.report((*where, "client_ca"), "has no effect without client_auth: optional or required")
        reason = authorities_problem(tls.client_ca)
        if reason:
            document.report((*where, "client_ca"), reason)


def _known(path: str) -> str | None:
    return None if is_unsound(path) else path
