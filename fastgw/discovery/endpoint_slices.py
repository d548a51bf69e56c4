"""What EndpointSlices of a Service say of members (kubernetes.io/docs/concepts/services-networking/endpoint-slices).

A Service has several, which are read together: an endpoint may stand in two while it moves, and one of each family has IPv4 or IPv6.

    ready                      nil counts as true
    serving                    nil counts as ``ready``
    terminating                nil counts as false

Members are those that are ready.  If nobody is, those that still serve though they terminate: better those than nobody (as kube-proxy).
Of the addresses of an endpoint only the first means anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fastgw.core.settings import Address
from fastgw.discovery.listing import ListedMember, Listing, Skipped, listed, listing
from fastgw.discovery.registries import mapping, text, usable_metadata


class EndpointSlice(NamedTuple):
    """One of them, as far as it matters."""

    ready: tuple[ListedMember, ...] = ()
    leaving: tuple[ListedMember, ...] = ()  #: that serve, and terminate
    skipped: tuple[Skipped, ...] = ()


def read(value: object, port: str) -> EndpointSlice:
    """``value``: as the API has it, of any type.  ``port``: name or number; empty: there is only one."""
    given = mapping(value)
    name = text(mapping(given.get("metadata")).get("name")) or "without a name"
    kind = given.get("addressType")
    if kind not in ("IPv4", "IPv6"):
        return EndpointSlice(skipped=(Skipped(name, f"has addresses of the type {str(kind)[:60]}"),))
    number = _port(given.get("ports"), port)
    if isinstance(number, str):
        return EndpointSlice(skipped=(Skipped(name, number),))
    ready: list[ListedMember] = []
    leaving: list[ListedMember] = []
    skipped: list[Skipped] = []
    endpoints = given.get("endpoints")
    for place, endpoint in enumerate(endpoints if isinstance(endpoints, list) else ()):
        conditions = mapping(mapping(endpoint).get("conditions"))
        is_ready = conditions.get("ready") is not False
        is_serving = is_ready if conditions.get("serving") is None else conditions["serving"] is True
        if not is_ready and not (is_serving and conditions.get("terminating") is True):
            continue
        try:
            member = _member(mapping(endpoint), number)
        except ValueError as error:
            skipped.append(Skipped(f"{name}, endpoint {place}", str(error)))
        else:
            (ready if is_ready else leaving).append(member)
    return EndpointSlice(tuple(ready), tuple(leaving), tuple(skipped))


def merge(slices: Iterable[EndpointSlice], revision: str) -> Listing:
    """The listing of all slices of a Service."""
    known = list(slices)
    skipped = [bad for one in known for bad in one.skipped]
    members: dict[Address, ListedMember] = {}
    for one in known:
        members |= {member.address: member for member in one.ready}
    if not members:
        for one in known:
            members |= {member.address: member for member in one.leaving}
    return listing(members.values(), skipped, revision)


def _port(ports: object, wanted: str) -> int | str:
    """The number that ``wanted`` means, or why there is none."""
    offered = {}
    for one in ports if isinstance(ports, list) else ():
        number = mapping(one).get("port")
        if isinstance(number, int) and mapping(one).get("protocol") in (None, "TCP"):
            offered[text(mapping(one).get("name"))] = number
    if not wanted:
        if len(offered) == 1:
            return next(iter(offered.values()))
        return f"has {len(offered) or 'no'} ports for TCP, and no port is named"
    if wanted in offered:
        return offered[wanted]
    if wanted.isdigit() and int(wanted) in offered.values():
        return int(wanted)
    return f"has no port {wanted} for TCP"


def _member(endpoint: Mapping[str, Any], port: int) -> ListedMember:
    addresses = endpoint.get("addresses")
    if not isinstance(addresses, list) or not addresses:
        raise ValueError("has no address")
    target = mapping(endpoint.get("targetRef"))
    names = {"node": endpoint.get("nodeName"), "pod": target.get("name") if target.get("kind") == "Pod" else None}
    return listed(addresses[0], zone=text(endpoint.get("zone")), metadata=usable_metadata(names), port=port)
