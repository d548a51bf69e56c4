"""What the file says of streams, and where something is done about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.exchange.beginnings import hold
from fastgw.core.exchange.minds import refuses_misfit
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.exchange.times import Times
from fastgw.core.live.registry import Registry
from fastgw.core.settings import StreamSettings
from tests.unit.config.compile_stage import compiled
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{{address: "127.0.0.1:18080"}}]
routes:
  - {{path: /a/*, name: a, service: a}}
  - {{path: /b/*, name: b, service: b}}
  - {{path: /c/*, name: c, service: c}}
  - {{path: /v1/*, name: m, models: true}}
services:
  a: {{endpoints: ["127.0.0.1:19000"], streams: {streams}}}
  b: {{endpoints: ["127.0.0.1:19001"]}}
  c: {{endpoints: ["127.0.0.1:19001"], fallback: [{{service: a}}]}}
models: {{m: b}}
"""


def test_keys(tmp_path: Path) -> None:
    text = "{first_token_timeout: 5s, event_timeout: 30s, keep_alive: 15s, error_event: false}"
    a, b, _ = read(tmp_path, FILE.replace("m: b", "m: {{service: b}}").format(streams=text)).services
    assert a.settings.streams == StreamSettings(5.0, 30.0, 15.0, error_event=False) and b.settings.streams is None
    assert a.settings.is_held and a.settings.has_times and not b.settings.has_times


@pytest.mark.parametrize("is_held", [True, False])
def test_who_looks_at_streams_stands_in_the_chains_of_routes_that_lead_to_them(
    tmp_path: Path, registry: Registry, *, is_held: bool
) -> None:
    text = FILE.replace("m: b", "m: {{service: b}}").format(streams="{first_token_timeout: 1s}" if is_held else "{}")
    snapshot = compiled(read(tmp_path, text), registry)
    routes = {rule.payload.name: rule.payload for rule in snapshot.listeners["listener-1"].router.rules}
    found = {name: isinstance(route.chain.filters[-1], StreamFilter) for name, route in routes.items()}
    assert found == {"a": True, "b": False, "c": True, "m": True}
    services = {one.name: one for one in snapshot.services}
    assert services["a"].minds == ((hold,) if is_held else None) and services["b"].minds == (refuses_misfit,)
    assert isinstance(services["a"].times, Times) is is_held and services["b"].times is None


def test_what_needs_nothing_of_it_has_nothing(tmp_path: Path, registry: Registry) -> None:
    text = FILE.replace("streams: {streams}", "weight: 1").replace(", weight: 1", "").replace("models: {{m: b}}", "")
    text = text.replace("  - {{path: /v1/*, name: m, models: true}}\n", "").format()
    snapshot = compiled(read(tmp_path, text), registry)
    for rule in snapshot.listeners["listener-1"].router.rules:
        assert not any(isinstance(one, StreamFilter) for one in rule.payload.chain.filters)


def test_comments_are_not_sent_all_the_time(tmp_path: Path) -> None:
    text = FILE.replace("m: b", "m: {{service: b}}")
    (told,) = problems(tmp_path, text.format(streams="{keep_alive: 99ms}"))
    assert "services.a.streams.keep_alive: is less than 100ms" in told
    assert not problems(tmp_path, text.format(streams="{keep_alive: 100ms}"))
    assert problems(tmp_path, text.format(streams="{keep_alive: often}"))
