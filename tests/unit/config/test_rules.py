"""Routes as a routing table."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.rules import routing_table, rule
from tests.unit.config.files import read, with_route


def test_a_route_becomes_a_rule(tmp_path: Path) -> None:
    spec = read(tmp_path, with_route("host: api.example, methods: [GET, POST], headers: {X-A: 1}"))
    [route] = spec.routes
    made = rule(route.name, route, 7)
    assert (made.name, made.path, made.host) == ("GET,POST api.example /* x-a=1", "/*", "api.example")
    assert (made.methods, made.headers, made.payload) == (frozenset({"GET", "POST"}), (("x-a", "1"),), 7)


def test_the_table_finds_the_specification(tmp_path: Path) -> None:
    spec = read(tmp_path, with_route("host: api.example"))
    table = routing_table(spec)
    assert table.match(b"api.example", b"GET", b"/x", lambda name: None) is spec.routes[0]
    assert table.match(b"other.example", b"GET", b"/x", lambda name: None) is None
