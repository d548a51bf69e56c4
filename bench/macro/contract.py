"""Nothing is measured that does not do the work: what every gateway must add, checked on the wire before the load."""

from __future__ import annotations

import ipaddress
import re

from bench.macro.client import Answer, connect, exchange, parse_echo
from bench.macro.errors import BenchError
from bench.macro.scenario import HOST, Wiring

_ID = re.compile(r"[0-9A-Za-z-]{16,64}")


def missing_work(upstream: dict[str, str], answer: Answer, scheme: str) -> list[str]:
    """What a gateway left out, from the head the service saw and the answer the client saw."""
    faults = []
    wanted = {"host": HOST, "x-forwarded-proto": scheme, "x-forwarded-host": HOST}
    for name, value in wanted.items():
        if upstream.get(name, "").lower() != value:
            faults.append(f"{name} to the service is {upstream.get(name)!r}, not {value!r}")
    if not _is_address(upstream.get("x-forwarded-for", "")):  # Envoy names its own address for a client on loopback
        faults.append("x-forwarded-for to the service is no address")
    if not upstream.get("via"):
        faults.append("the service saw no Via")
    request_id = upstream.get("x-request-id", "")
    if not _ID.fullmatch(request_id):
        faults.append("the service saw no X-Request-Id")
    if answer.headers.get("x-request-id", "") != request_id:
        faults.append("the client's X-Request-Id is not the service's")
    return faults


def check(wiring: Wiring) -> list[str]:
    """Ask a running gateway for an echo, twice on one connection; complaints, the first of them about the answer itself."""
    route = wiring.routes[0].path
    suffix = "" if wiring.routes[0].exact else "x"
    request = f"GET {route}{suffix}?echo=1 HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: check\r\n\r\n".encode()
    scheme = "https" if wiring.scenario.tls else "http"
    try:
        with connect(wiring.port, tls=wiring.scenario.tls) as connection:
            first, second = exchange(connection, request), exchange(connection, request)
            unknown = exchange(connection, f"GET /nowhere HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    except (OSError, BenchError, ValueError) as error:
        return [f"no proper answer: {error}"]
    if first.status != 200 or second.status != 200:
        return [f"answered {first.status}, {second.status}"]
    seen, again = parse_echo(first.body), parse_echo(second.body)
    faults = missing_work(seen, first, scheme)
    if seen.get("x-request-id") == again.get("x-request-id"):
        faults.append("two requests had the same X-Request-Id")
    if unknown.status != 404:
        faults.append(f"a path without a route was answered {unknown.status}")
    return faults


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
