"""What a gateway must be set up for: a description every peer turns into its own configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

HOST = "edge.example"  #: the Host every request names
MEGABYTE = 1 << 20
CHAT_PATH = "/v1/chat/completions"
CHAT_MODEL = "m00002"
CHAT_KEY = "sk-bench-6f2d9c1e8a7b4c55"  #: what the clients of the chat case send; a secret to nobody
CHAT_SERVICE_PORT = 20997  #: fixed, since Portkey is told by a header where the service is


@dataclass(frozen=True, slots=True)
class RoutePath:
    """One line of the route table: an exact path, or a prefix that ends in ``/``."""

    path: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """The setting of one case, the same for all peers."""

    routes: int = 20
    endpoints: int = 1
    tls: bool = False
    keepalive: bool = True  #: connections to the service are kept; False: the service closes each
    streaming: bool = False  #: answers are event streams: no gathering
    big_bodies: bool = False  #: bodies of a megabyte: each peer may use its settings for that
    chat: bool = False  #: OpenAI's chat endpoint is a route too
    ablate: str = ""  #: a switch of FASTGW_ABLATE, for fastgw alone


@dataclass(frozen=True, slots=True)
class Wiring:
    """A scenario with addresses: what a peer needs to write its configuration."""

    scenario: Scenario
    port: int
    endpoints: tuple[str, ...]  #: "address:port" of the service
    directory: Path  #: the peer's own, empty
    certificate: Path = field(default=Path())
    key: Path = field(default=Path())
    routes: tuple[RoutePath, ...] = ()


def routes_of(scenario: Scenario) -> tuple[RoutePath, ...]:
    """The route table of a scenario."""
    chat = (RoutePath(CHAT_PATH, True),) if scenario.chat else ()
    return route_table(scenario.routes) + chat


def route_table(count: int) -> tuple[RoutePath, ...]:
    """``count`` routes such as a gateway in front of models has; every second is a prefix, the rest are exact."""
    return tuple(
        RoutePath(f"/v1/models/m{n:05d}/predict", True) if n % 2 == 0 else RoutePath(f"/api/teams/t{n:05d}/", False)
        for n in range(count)
    )


def endpoint_addresses(port: int, count: int) -> tuple[str, ...]:
    """The service's addresses, the same enumeration as in ``native/service.c``; a single one is 127.0.0.1."""
    if count == 1:
        return (f"127.0.0.1:{port}",)
    return tuple(f"127.1.{n // 250}.{n % 250 + 1}:{port}" for n in range(count))
