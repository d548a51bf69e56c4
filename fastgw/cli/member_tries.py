"""Members of services, tried once: do they take connections, speak what they should, and say that they are well?

A member is reached as requests would reach it, with the TLS of its service, at each of its addresses; where the service has ``health`` it
is probed too.  No request of a client's kind is sent.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from fastgw.cli.source_tries import discoveries, service_paths
from fastgw.cli.tries import Expiry, FailedError, Referred, Usable
from fastgw.config.spec import GatewaySpec, ServiceSpec
from fastgw.config.tls import client_context, ends
from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import HTTP2, OFFERED, Address, Url
from fastgw.core.sources import DiscoverySettings
from fastgw.discovery.listing import SourceError
from fastgw.discovery.look_ups import LookUpError
from fastgw.discovery.nearby import counted
from fastgw.discovery.once import first_listing

LISTED_MOST: Final = 64  #: members of one service that are tried, of those that sources list
ADDRESSES_MOST: Final = 8  #: of one name
PATIENCE: Final = 4.0  #: seconds that one address has; where the service connects for less, that


class _Found(NamedTuple):
    """What came of one address."""

    address: Address
    cause: str = ""  #: empty: it can be used
    detail: str = ""
    expiry: Expiry | None = None  #: of its certificate
    seconds: float = 0.0  #: until the connection was there


class _Opened(asyncio.Protocol):
    """A connection that says nothing."""

    transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        self.transport = transport


def member_references(spec: GatewaySpec) -> Iterator[Referred]:
    """Each endpoint of the file, and of each service what its sources list."""
    paths = service_paths(spec)
    for service in spec.services:
        if service.inside is not None:
            continue  # it is code of this process, and was imported when the file was read
        path = paths[service.name]
        for number, endpoint in enumerate(service.endpoints):
            place = f"{service.name} {endpoint.address}"
            attempt = partial(_try_endpoint, spec, service, endpoint.address)
            yield Referred("member", place, ((*path, "endpoints", number),), attempt)
    for path, discovery in discoveries(spec):
        service = next(one for one in spec.services if paths[one.name] == path[:-1])
        yield Referred("members", f"{service.name}, as listed", (path,), partial(_try_listed, service, discovery))


# -- one endpoint ------------------------------------------------------------------------------------------------------


async def _try_endpoint(spec: GatewaySpec, service: ServiceSpec, address: Address) -> Usable:
    addresses = await _addresses(spec, address)
    found = await asyncio.gather(*(_reached(service, one, _name(service, address)) for one in addresses))
    bad = [one for one in found if one.cause]
    if len(bad) == len(found):
        raise FailedError(bad[0].cause, _joined(bad))
    warnings = [f"{len(bad)} of its {len(found)} addresses cannot be used: {_joined(bad)}"] if bad else []
    good = next(one for one in found if not one.cause)
    said = "is well" if service.health is not None else "takes connections"
    if address.is_name:
        said += f" at {', '.join(one.address.host for one in found if not one.cause)}"
    connected = {"connected": round(good.seconds, 4), "addresses": len(found)}
    return Usable(said, tuple(warnings), connected, _expiries(found))


async def _addresses(spec: GatewaySpec, address: Address) -> list[Address]:
    if not address.is_name:
        return [address]
    from fastgw.discovery.resolver import look_up  # c-ares, which a file without names does not need

    try:
        found = await look_up(address.host, spec.resolver.servers, spec.resolver.timeout)
    except LookUpError as error:
        raise FailedError("unresolved", f"{address.host} {error.detail}") from None
    return [address._replace(host=host) for host in found.addresses[:ADDRESSES_MOST]]


async def _reached(service: ServiceSpec, address: Address, name: str) -> _Found:
    """Connect to ``address``, whose certificate must be for ``name``, and probe it."""
    began = time.monotonic()
    try:
        opened = await _connected(service, address, name)
        seconds = time.monotonic() - began
        expiry = _expiry(opened.transport, address)
        spoken = _spoken(opened.transport)
        opened.transport.abort()
        if service.tls is not None and service.protocol == HTTP2 and spoken != HTTP2:
            raise CallError("protocol", f"it does not speak HTTP/2: it agreed on {spoken or 'nothing'} by ALPN")
        if service.health is not None:
            await _probe(service, address, name)
    except CallError as error:
        return _Found(address, error.cause, str(error))
    return _Found(address, expiry=expiry, seconds=seconds)


async def _connected(service: ServiceSpec, address: Address, name: str) -> _Opened:
    limit = min(PATIENCE, service.pool.connect_timeout)
    member = AsMember(_context(service), name, address.path)
    caller = Caller(_url(service, address), limit, 0, as_member=member)
    try:
        async with asyncio.timeout(limit):
            return await caller.connect(_Opened())
    except TimeoutError:
        raise CallError("timeout", f"{address} took no connection within {limit:g} s") from None


async def _probe(service: ServiceSpec, address: Address, name: str) -> None:
    from fastgw.server.probing import ProbeTarget, is_http2, probe

    assert service.health is not None
    authority = "localhost" if address.path else f"{name}:{address.port}"
    of = is_http2(service, service.health)
    context = _context(service, HTTP2 if of else "http/1.1") if service.tls else None
    if service.health.type != "tcp":
        await probe(ProbeTarget(service.health, address, name, authority, context, of))


def _context(service: ServiceSpec, spoken: str = "") -> ssl.SSLContext | None:
    """How a connection of ``service`` speaks TLS; raises CallError."""
    if service.tls is None:
        return None
    try:
        return client_context(service.tls, OFFERED[spoken or service.protocol])
    except (OSError, ValueError) as error:
        raise CallError("files", f"the files of its tls cannot be used: {error}") from None


def _url(service: ServiceSpec, address: Address) -> Url:
    return Url(service.tls is not None, address.host or "localhost", address.port or 80, "/")


def _name(service: ServiceSpec, address: Address) -> str:
    return (service.tls.server_name if service.tls else "") or address.host or "localhost"


def _spoken(transport: Any) -> str:
    of = transport.get_extra_info("ssl_object")
    return (of.selected_alpn_protocol() or "") if of is not None else ""


def _expiry(transport: Any, address: Address) -> Expiry | None:
    of = transport.get_extra_info("ssl_object")
    shown = of.getpeercert(True) if of is not None else None
    at = ends(shown) if shown else None
    return Expiry(f"certificate that {address} shows", at) if at is not None else None


def _joined(found: Sequence[_Found]) -> str:
    return "; ".join(dict.fromkeys(one.detail for one in found))


def _expiries(found: Sequence[_Found]) -> tuple[Expiry, ...]:
    return tuple(dict.fromkeys(one.expiry for one in found if one.expiry is not None))


# -- what sources list -------------------------------------------------------------------------------------------------


async def _try_listed(service: ServiceSpec, discovery: DiscoverySettings) -> Usable:
    from fastgw.server.discovering import SourceMaker

    make = SourceMaker()
    members: dict[Address, None] = {}  # each once, in their order
    for one in discovery.sources:
        try:
            listing = await first_listing(make(one))
        except SourceError as error:  # which the try of that source says more of
            raise FailedError(error.cause, f"nobody knows whom to try: {error.detail}") from None
        members.update((one.address, None) for one in listing.members if set(discovery.where) <= set(one.metadata))
    tried = list(members)[:LISTED_MOST]
    if not tried:
        return Usable("there is nobody to try")
    found = await asyncio.gather(*(_reached(service, one, _name(service, one)) for one in tried))
    bad = [one for one in found if one.cause]
    if len(bad) == len(found):
        raise FailedError(bad[0].cause, f"none of {counted(len(found), 'member')} can be used: {_joined(bad[:3])}")
    shown = _joined(bad[:3]) + (f"; and {len(bad) - 3} more" if len(bad) > 3 else "")
    warnings = [f"{len(bad)} of {counted(len(found), 'member')} cannot be used: {shown}"] if bad else []
    of = f"{len(found) - len(bad)} of {len(found)} can be used"
    more = f", of {len(members)} that are listed" if len(members) > len(tried) else ""
    return Usable(of + more, tuple(warnings), {"tried": len(found), "members": len(members)}, _expiries(found))
