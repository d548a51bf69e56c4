"""Which services calls of gRPC may come to."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.called import called, destinations, modelled
from fastgw.core.exchange.minds import refuses_misfit
from fastgw.core.live.registry import Registry
from tests.unit.config.compile_stage import compiled
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


def test_answers_are_looked_at_of_services_that_models_lead_to(tmp_path: Path, registry: Registry) -> None:
    spec = loaded(
        tmp_path,
        f"""
routes: [{{path: /v1/*, models: true}}, {{path: /*, service: other}}]
models: {{gpt: {{service: one, fallback: [small]}}, small: {{service: two}}, any: {{service: versioned}}}}
services:
  one: {{endpoints: ["127.0.0.1:9000"], fallback: [{{service: stand_in}}]}}
  stand_in: {ENDPOINTS}
  two: {{endpoints: ["127.0.0.1:9000"], check_answers: false}}
  versioned: {{versions: {{v1: {{endpoints: ["127.0.0.1:9000"], weight: 1}}}}}}
  other: {ENDPOINTS}
""",
    )
    asked = modelled(spec)
    assert asked == {"one", "stand_in", "two", "versioned", "versioned@v1"}
    snapshot = compiled(spec, registry)
    looked = {one.name for one in snapshot.services if refuses_misfit in (one.minds or ())}
    assert looked == {"one", "stand_in", "versioned@v1"}
