"""The gateways the benchmark knows, by name, in the order they are measured and reported."""

from __future__ import annotations

from bench.macro.peers.ai import LiteLlm, Portkey
from bench.macro.peers.base import Peer
from bench.macro.peers.caddy import Caddy
from bench.macro.peers.envoy import Envoy
from bench.macro.peers.fastgw import Fastgw, FastgwInference, FastgwPure
from bench.macro.peers.golang import GoFasthttp, GoNetHttp
from bench.macro.peers.haproxy import Haproxy
from bench.macro.peers.nginx import Nginx, NginxLean
from bench.macro.peers.python import Aiohttp, Asgi, Streams, Threaded
from bench.macro.peers.routers import Smg, VllmRouter

_ALL: tuple[Peer, ...] = (
    Nginx(),
    NginxLean(),
    Fastgw(),
    FastgwPure(),
    GoFasthttp(),
    Haproxy(),
    Envoy(),
    GoNetHttp(),
    Caddy(),
    Aiohttp(),
    Streams(),
    Threaded(),
    Asgi(),
    FastgwInference(),
    VllmRouter(),
    Smg(),
    Portkey(),
    LiteLlm(),
)
PEERS: dict[str, Peer] = {peer.name: peer for peer in _ALL}
REFERENCE = "nginx"
CORE = ("nginx", "fastgw", "fastgw-pure", "go-fasthttp", "haproxy")  #: measured in every case
ALL = tuple(name for name, peer in PEERS.items() if peer.is_plain_proxy)
