"""What is wrong between what a gateway registers and the rest of its configuration: listeners that nobody knows the address of, circles."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from fastgw.config.listener_rules import listener_name
from fastgw.config.registration import GatewayRegistration
from fastgw.config.schema import Configuration, Service, Version
from fastgw.config.source import Document, TreePath
from fastgw.config.subset import check_metadata
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.core.settings import Address
from fastgw.core.sources import is_consul_name

TTL_LEAST: Final = 2.0  #: seconds


def check_registration(document: Document, config: Configuration) -> None:
    """Report what cannot be registered."""
    found, where = config.registration, ("registration",)
    named = [(name, one) for name, one in config.services.items() if not is_unsound(one) and one.register_as]
    for name, one in named:
        if found is None:
            document.report(("services", name, "register_as"), "needs registration, which says where")
        _check_service(document, ("services", name), one, found)
    if found is None or is_unsound(found):
        return
    for kind in ("etcd", "consul"):
        one = getattr(found, kind)
        if one is not None and not is_unsound(one):
            one.check(document, (*where, kind))
    if found.etcd is None and found.consul is None:
        document.report(where, "names no registry; give etcd or consul")
    if is_missing(found.listeners) and not named:
        document.report(where, "registers nothing; give listeners, or register_as of a service")
    if not is_unsound(found.ttl) and found.ttl < TTL_LEAST:
        document.report((*where, "ttl"), f"expected at least {TTL_LEAST:g}s")
    if not is_unsound(found.listeners):
        _check_listeners(document, config, found, (*where, "listeners"))


def _check_listeners(
    document: Document, config: Configuration, registration: GatewayRegistration, where: TreePath
) -> None:
    known = {listener_name(place, one): one for place, one in enumerate(config.listeners) if not is_unsound(one)}
    taken: dict[tuple[Any, ...], int] = {}
    for place, one in enumerate(registration.listeners):
        here = (*where, place)
        if is_unsound(one, one.listener):
            continue
        check_metadata(document, here, one.metadata)
        if registration.consul is not None and not is_unsound(one.metadata):
            for name in (name for name in one.metadata if not is_consul_name(name)):
                reason = "Consul has no such name: letters, digits, - and _, and its own begin with consul-"
                document.report((*here, "metadata", name), reason)
        listener = known.get(one.listener)
        if listener is None:
            names = ", ".join(map(repr, known))
            document.report((*here, "listener"), f"there is no listener {one.listener!r}; there are {names}")
        elif not is_unsound(listener.address, one.address) and (reason := _unreached(listener.address, one.address)):
            document.report(here, f"the listener {one.listener!r} {reason}")
        key = (one.service, one.listener, one.address)
        if not is_unsound(*key) and (other := taken.setdefault(key, place)) != place:
            document.report(here, f"is the same member as registration.listeners[{other}]")


def _unreached(bound: Address, advertised: Address | None) -> str:
    """Why nobody knows by which address a listener at ``bound`` is reached; empty: it is known."""
    if advertised is not None:
        return "is a unix socket; say the port too" if bound.path and not advertised.port else ""
    if bound.path:
        return "is a unix socket, which others do not reach; say address"
    if bound.is_name:
        return f"is bound to the addresses of a name ({bound.host}); say address, by which others reach it"
    if ipaddress.ip_address(bound.host).is_unspecified:
        return f"takes every address of this host ({bound.host}); say address, by which others reach it, such as ${{POD_IP}}"
    return ""


def _check_service(
    document: Document, where: TreePath, service: Service, registration: GatewayRegistration | None
) -> None:
    if service.health is None:
        document.report((*where, "register_as"), "needs health: only endpoints that answer are registered")
    for part in _parts(service):
        for one in () if is_unsound(part.endpoints) else part.endpoints:
            if not is_unsound(one) and not is_unsound(one.address) and one.address.path:
                document.report((*where, "register_as"), f"{one.address} is a unix socket, which others do not reach")
        found = part.discovery
        if found is None or is_unsound(found) or registration is None or is_unsound(registration):
            continue
        into, out_of = registration.etcd, found.etcd
        is_same = into is not None and out_of is not None and not is_unsound(into, out_of, into.prefix, out_of.prefix)
        is_circle = is_same and out_of.prefix == f"{into.prefix}/{service.register_as}"  # type: ignore[union-attr]
        if found.consul is not None and registration.consul is not None and not is_unsound(found.consul):
            is_circle = is_circle or found.consul.service == service.register_as
        if is_circle:
            document.report((*where, "register_as"), "is where its members come from: they would keep each other there")


def _parts(service: Service) -> Iterator[Service | Version]:
    yield service
    if not is_unsound(service.versions):
        yield from (one for one in service.versions.values() if not is_unsound(one))
