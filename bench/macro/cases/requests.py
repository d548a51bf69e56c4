"""Cases that are wrk at full speed in some setting."""

from __future__ import annotations

from bench.macro.cases.base import Case, Load, Variant, measure_load
from bench.macro.peers import ALL, CORE
from bench.macro.scenario import MEGABYTE, Scenario

SMALL_GET = Case(
    name="small_get",
    title="Small GET, varied headers, 20 routes, 64 connections",
    measure=measure_load,
    peers=(*ALL, "nginx-lean"),
    notes="nginx-lean adds X-Forwarded-For and X-Forwarded-Proto and nothing else: it does less than the others.",
)
POST_1K = Case(
    name="post_1k",
    title="POST of 1 KB JSON",
    measure=measure_load,
    variants=(Variant("", load=Load(method="POST", body=1024)),),
    peers=(*CORE, "envoy", "go-nethttp", "caddy", "aiohttp"),
)
POST_32K = Case(
    name="post_32k",
    title="POST of 32 KB JSON",
    measure=measure_load,
    variants=(Variant("", load=Load(method="POST", body=32768, count=200)),),
    in_quick=False,
)
BODY_UP = Case(
    name="body_up",
    title="Body of 1 MB to the service (CPU per request is CPU per MB)",
    measure=measure_load,
    variants=(Variant("", Scenario(big_bodies=True), Load(connections=16, method="POST", body=MEGABYTE, count=8)),),
    notes="nginx passes request bodies on as they come (proxy_request_buffering off).",
)
BODY_DOWN = Case(
    name="body_down",
    title="Body of 1 MB from the service (CPU per request is CPU per MB)",
    measure=measure_load,
    variants=(Variant("", Scenario(big_bodies=True), Load(connections=16, query=f"size={MEGABYTE}")),),
    notes="nginx passes answers on as they come (proxy_buffering off) through buffers of 256 KB.",
)
ROUTES = Case(
    name="routes",
    title="Size of the route table",
    measure=measure_load,
    variants=tuple(Variant(f"{n:,} routes", Scenario(routes=n), in_quick=n != 1000) for n in (10, 1000, 10000)),
    peers=("nginx", "fastgw", "fastgw-pure", "haproxy"),
)
ENDPOINTS = Case(
    name="endpoints",
    title="Endpoints of the service",
    measure=measure_load,
    variants=tuple(
        Variant(f"{n:,} endpoint{'s' * (n > 1)}", Scenario(endpoints=n), in_quick=n != 100) for n in (1, 100, 1000)
    ),
    peers=("nginx", "fastgw", "fastgw-pure", "haproxy"),
    notes="All endpoints are one process that listens on many loopback addresses; connections to all of them are kept.",
)
CONNECTIONS = Case(
    name="connections",
    title="Client connections",
    measure=measure_load,
    variants=tuple(Variant(f"{n:,} connection{'s' * (n > 1)}", load=Load(connections=n)) for n in (1, 64, 1000)),
    in_quick=False,
)
TLS = Case(
    name="tls",
    title="TLS from the client, kept connections, ECDSA P-256",
    measure=measure_load,
    variants=(Variant("", Scenario(tls=True)),),
)
CLOSE = Case(
    name="close",
    title="A new client connection for each request",
    measure=measure_load,
    variants=(Variant("", load=Load(close=True)),),
)
