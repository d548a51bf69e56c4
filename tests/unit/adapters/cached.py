"""An Edge whose route has a cache."""

from __future__ import annotations

from typing import Any

from fastgw.adapters.cache import Memory, RouteCache
from fastgw.core import counters
from fastgw.core.cache_settings import CacheSettings
from fastgw.core.labels import CACHE_OUTCOMES
from fastgw.testing import usual
from fastgw.testing.edge import Edge

_USUAL = CacheSettings(
    methods=("GET",),
    ttl=0.0,
    shared=False,
    vary=(),
    max_bytes=64 << 10,
    max_entries=10,
    max_entry=1000,
    max_variants=2,
    max_body=100,
    wait=5.0,
    max_waiting=3,
    epoch=0,
    temperature="zero",
)


def asks(target: str = "/x", *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a.test", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(body: bytes = b"hello", *fields: str, status: str = "200 OK", control: str = "max-age=60") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    if control:
        lines.append(f"Cache-Control: {control}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class CachedEdge(Edge):
    """A route with a cache.  ``ask`` answers what the service is asked for with ``said``, and tells what the client got."""

    def __init__(self, *, cache: dict[str, Any] | None = None, filters: Any = (), **route: Any) -> None:
        super().__init__(service={"attempts": 1}, filters=filters)
        self.settings = _USUAL._replace(**(cache or {}))
        of = usual.route("all", 1, **route).settings
        decided_by = tuple(field for one in filters for field in getattr(one, "decides_by", ()))
        self.cache = RouteCache("all", 1, of, self.settings, Memory(self.settings), decided_by)
        self.route = usual.route("all", 1, service=self.service, chain=self.route.chain, cache=self.cache, **route)
        self.install(self.listen())
        self.asked: list[bytes] = []

    def ask(self, request: bytes, said: bytes = b"") -> bytes:
        """What a client gets; the service answers ``said`` if it is asked, and must not be without it."""
        client = self.client(request)
        if said:
            service = self.connect()
            self.asked.append(service.take())
            service.feed(said)
            service.lose()
            self.run()
        else:
            assert not self.attempts
        got: bytes = client.take()
        client.lose()
        self.run()
        return got

    def end(self) -> None:
        """What is kept is let go of first; nothing is held of what was fetched."""
        assert self.cache.held.size == 0
        for gauge in (counters.ROUTE_CACHE_BYTES, counters.ROUTE_CACHE_ENTRIES):
            self.values[counters.ROUTE.base(1) + gauge] = 0
        super().end()

    @property
    def outcomes(self) -> dict[str, int]:
        found = {one: self.of_route(counters.ROUTE_CACHE_REQUESTS + place) for place, one in enumerate(CACHE_OUTCOMES)}
        return {outcome: count for outcome, count in found.items() if count}
