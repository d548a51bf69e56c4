"""What the Python gateways of the benchmark share: the configuration file, the route table, the headers they add."""

from __future__ import annotations

import itertools
import json
import secrets
import ssl
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

Headers = list[tuple[str, str]]

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "proxy-authenticate",
    )
)
REPLACED = HOP_BY_HOP | {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via", "x-request-id"}


@dataclass(frozen=True, slots=True)
class Config:
    """The JSON file ``peers/python.py`` writes."""

    port: int
    endpoints: tuple[tuple[str, int], ...]
    exact: frozenset[str]
    prefixes: frozenset[str]
    cert: str
    key: str

    @property
    def scheme(self) -> str:
        """Of the listener."""
        return "https" if self.cert else "http"

    def tls(self) -> ssl.SSLContext | None:
        """The listener's context, None for plain HTTP."""
        if not self.cert:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def has_route(self, path: str) -> bool:
        """An exact path, or any prefix that ends in a slash."""
        if path in self.exact:
            return True
        end = path.rfind("/")
        while end >= 0:
            if path[: end + 1] in self.prefixes:
                return True
            end = path.rfind("/", 0, end)
        return False

    def turns(self) -> Iterator[tuple[str, int]]:
        """The endpoints, round and round."""
        return itertools.cycle(self.endpoints)


def load_config(path: str = "") -> Config:
    """Read the file named on the command line."""
    raw = json.loads(Path(path or sys.argv[1]).read_text())
    endpoints = (address.rsplit(":", 1) for address in raw["endpoints"])
    return Config(
        port=raw["port"],
        endpoints=tuple((host, int(port)) for host, port in endpoints),
        exact=frozenset(route["path"] for route in raw["routes"] if route["exact"]),
        prefixes=frozenset(route["path"] for route in raw["routes"] if not route["exact"]),
        cert=raw["cert"],
        key=raw["key"],
    )


def request_headers(headers: Iterable[tuple[str, str]], *, client: str, scheme: str, request_id: str) -> Headers:
    """What goes to the service: end-to-end headers of the client and those every gateway of the benchmark adds."""
    out: Headers = []
    forwarded = host = ""
    for name, value in headers:
        lower = name.lower()
        if lower not in REPLACED:
            out.append((name, value))
        elif lower == "x-forwarded-for":
            forwarded = value + ", "
        if lower == "host":
            host = value
    added = (forwarded + client, scheme, host, "1.1 python", request_id)
    out.extend(
        zip(("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via", "X-Request-Id"), added, strict=True)
    )
    return out


def response_headers(headers: Iterable[tuple[str, str]], request_id: str) -> Headers:
    """What goes to the client."""
    out = [(name, value) for name, value in headers if name.lower() not in REPLACED]
    return [*out, ("X-Request-Id", request_id)]


def new_request_id() -> str:
    """32 hexadecimal digits."""
    return secrets.token_hex(16)
