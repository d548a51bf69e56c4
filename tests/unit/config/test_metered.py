"""Which models are counted by name, and of which services."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.metered import metered
from tests.unit.config.test_grpc import loaded

ENDPOINTS = "{endpoints: ['127.0.0.1:9000']}"


def test_named_models_of_services_that_a_route_leads_to_past_the_filter(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        f"""
filters:
  used: {{type: usage, models: [big], prices: {{small: {{input: 1}}, "gpt-*": {{input: 1}}}}}}
  other: {{type: usage}}
  idle: {{type: usage, models: [nobody]}}
routes:
  - {{path: /a/*, service: one, filters: [used]}}
  - {{path: /b/*, split: [{{service: versioned, weight: 1}}], filters: [other]}}
  - {{path: /*, service: plain}}
services:
  one: {{endpoints: ["127.0.0.1:9000"], fallback: [{{service: stand_in}}]}}
  stand_in: {ENDPOINTS}
  versioned: {{versions: {{v1: {{endpoints: ["127.0.0.1:9000"], weight: 1}}}}}}
  plain: {ENDPOINTS}
""",
    )
    models = ("big", "small", "other")
    expected = [*(("one", one) for one in models), *(("stand_in", one) for one in models)]
    assert metered(spec) == [*expected, ("versioned", "other"), ("versioned@v1", "other")]


def test_models_that_a_route_leads_to_are_named(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        f"""
chain: [usage]
models:
  big: {{service: a, as: vendor/big}}
  "small-*": {{service: b}}
routes: [{{path: /v1/*, models: true}}]
services: {{a: {ENDPOINTS}, b: {ENDPOINTS}, c: {ENDPOINTS}}}
""",
    )
    assert metered(spec) == [(one, name) for one in "ab" for name in ("other", "big", "vendor/big")]


def test_a_filter_of_all_routes_counts_all_services(tmp_path: Path) -> None:
    text = f"chain: [usage]\nroutes: [{{path: /*, service: a}}]\nservices: {{a: {ENDPOINTS}, b: {ENDPOINTS}}}\n"
    assert metered(loaded(tmp_path, text)) == [("a", "other")]


def test_nothing_without_the_filter(tmp_path: Path) -> None:
    assert metered(loaded(tmp_path, f"routes: [{{path: /*, service: a}}]\nservices: {{a: {ENDPOINTS}}}\n")) == []
