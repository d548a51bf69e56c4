"""Which services calls of gRPC may come to."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.called import called, destinations
from tests.unit.config.test_grpc import loaded

ENDPOINTS = "{endpoints: ['127.0.0.1:9000']}"


def test_services_of_routes_that_say_so_and_what_stands_in_for_them(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        f"""
routes:
  - {{grpc: {{service: a.A}}, service: one}}
  - {{grpc: {{service: a.B}}, split: [{{service: two, weight: 1}}]}}
  - {{grpc: {{service: a.C}}, service: versioned}}
  - {{path: /*, service: other}}
services:
  one: {{endpoints: ["127.0.0.1:9000"], fallback: [{{service: stand_in}}]}}
  stand_in: {{endpoints: ["127.0.0.1:9000"], fallback: [{{service: last}}]}}
  last: {ENDPOINTS}
  two: {ENDPOINTS}
  versioned: {{versions: {{v1: {{endpoints: ["127.0.0.1:9000"], weight: 1}}}}}}
  other: {ENDPOINTS}
""",
    )
    assert called(spec) == {"one", "stand_in", "last", "two", "versioned", "versioned@v1"}
    assert destinations(spec.routes[1]) == {"two"}


def test_nobody_where_no_route_says_so(tmp_path: Path) -> None:
    assert not called(loaded(tmp_path, f"routes: [{{path: /*, service: one}}]\nservices: {{one: {ENDPOINTS}}}\n"))
