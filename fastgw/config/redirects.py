"""Redirects that lead in a circle, as far as the configuration alone tells.

From each redirect a client is followed: a request that its route takes, then what it asks for next, as long as that comes back to this
gateway and to another redirect.  What depends on more than host and path of the request (a header, a filter that rewrites paths) is not
followed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from fastgw.config.location import HOSTS, PATHS
from fastgw.config.schema import Configuration, Listener, Route
from fastgw.routing import Router
from fastgw.routing.pattern import parse_path

MOST_HOPS: Final = 32  #: more than browsers follow
_SOMETHING: Final = "some-thing"  #: what a parameter, a ``*`` or the first label of a host may be
_PORTS: Final = {"http": 80, "https": 443}
_URI: Final = re.compile(r"(https?)://([^/?#:]*|\[[^]]*\])(?::([0-9]+))?([^?#]*)")


class Hop(NamedTuple):
    """A request on the way of a client."""

    place: int  #: of the route that takes it, in the file
    host: str
    path: str


def circle(config: Configuration, table: Router[int], place: int) -> list[int]:
    """The redirects that a client passes from the one at ``place`` back to it, that one first; empty: it does not come back.

    ``table``: the routes, all sound, by their place.
    """
    route = config.routes[place]
    headers = {name.encode(): (_SOMETHING if value == "*" else value).encode() for name, value in route.headers.items()}
    method = "GET" if not route.methods or "GET" in route.methods else route.methods[0]
    hop = Hop(place, route.host.replace("*", _SOMETHING) or f"{_SOMETHING}.example", _path(route))
    if _taken(table, hop, method, headers) != place:
        return []  # a more specific route takes what this one could
    passed = [hop]
    for _ in range(MOST_HOPS):
        found = config.routes[hop.place].redirect
        if found is None:
            return []
        next_hop = _next(config, hop, method)
        if next_hop is None:
            return []
        if found.status == 303 or (found.status in (301, 302) and method == "POST"):
            method = "GET"
        taken = _taken(table, next_hop, method, headers)
        if taken is None or config.routes[taken].redirect is None:
            return []
        hop = next_hop._replace(place=taken)
        if hop in passed:
            break
        passed.append(hop)
    ahead = [one.place for one in (*passed[1:], hop)]
    return [place, *dict.fromkeys(ahead[: ahead.index(place)])] if place in ahead else []


def _path(route: Route) -> str:
    parts = [_SOMETHING if part.startswith("{") or part == "*" else part for part in route.path.split("/")]
    return "/".join(parts)


def _taken(table: Router[int], hop: Hop, method: str, headers: Mapping[bytes, bytes]) -> int | None:
    return table.match(hop.host.encode(), method.encode(), hop.path.encode(), headers.get)


def _next(config: Configuration, hop: Hop, method: str) -> Hop | None:
    """What a client asks for that gets the redirect of ``hop``; None: somebody else, or nobody knows."""
    route = config.routes[hop.place]
    if route.redirect is None or _is_rewritten(config, route):
        return None
    settings = route.redirect.settings()
    parts: list[str] = []
    for part in settings.to:
        if isinstance(part, bytes):
            parts.append(part.decode())
        elif part in PATHS or part in HOSTS:
            parts.append(hop.path if part in PATHS else hop.host)
        else:
            return None
    target = "".join(parts)
    if settings.takes_rest:
        target += (parse_path(route.path).rest(hop.path.encode()) or b"").decode()
    if target.startswith("/"):
        return Hop(-1, hop.host, _normal(target))
    uri = _URI.match(target)
    if uri is None or not _is_here(config, hop, uri[1], uri[2].lower(), int(uri[3] or _PORTS[uri[1]])):
        return None
    return Hop(-1, uri[2].lower(), _normal(uri[4]))


def _normal(target: str) -> str:
    path = re.split(r"[?#]", target, maxsplit=1)[0]
    return re.sub("^/*", "/", path)


def _is_rewritten(config: Configuration, route: Route) -> bool:
    names = [*route.filters, *(name for listener in config.listeners for name in listener.filters)]
    return any(name in config.filters and config.filters[name].type == "rewrite" for name in names)


def _is_here(config: Configuration, hop: Hop, scheme: str, host: str, port: int) -> bool:
    """Whether the host is one of ours, as far as we know: the one that was asked, or of a route; and some listener has the port."""
    known = host == hop.host or any(route.host.lower() == host for route in config.routes)
    return known and any(_listens(one, scheme, port) for one in config.listeners)


def _listens(listener: Listener, scheme: str, port: int) -> bool:
    return listener.address.port == port and (listener.tls is not None) == (scheme == "https")
