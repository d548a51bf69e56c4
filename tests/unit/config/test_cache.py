"""What of a route's answers is kept, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.cache_settings import CacheSettings
from tests.unit.config.files import problems, read, with_route


def test_a_cache_is_opt_in_and_has_bounds(tmp_path: Path) -> None:
    (plain,) = read(tmp_path, with_route("errors: problem")).routes
    assert plain.cache is None
    (route,) = read(tmp_path, with_route("cache: {}")).routes
    assert route.cache == CacheSettings(
        methods=("GET",),
        ttl=0.0,
        shared=False,
        vary=(),
        max_bytes=64 << 20,
        max_entries=10_000,
        max_entry=1 << 20,
        max_variants=8,
        max_body=64 << 10,
        wait=5.0,
        max_waiting=100,
        epoch=0,
        temperature="zero",
    )
    (route,) = read(tmp_path, with_route("cache: {methods: [POST], ttl: 1h, vary: [X-Tenant]}")).routes
    assert route.cache is not None
    assert (route.cache.methods, route.cache.ttl, route.cache.vary) == (("POST",), 3600.0, ("x-tenant",))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("cache: {methods: []}", "routes[0].cache.methods: is empty: nothing would be kept"),
        ("cache: {methods: [PUT]}", "routes[0].cache.methods[0]: expected GET or POST"),
        ("cache: {max_bytes: 64KiB}", "routes[0].cache.max_entry: is more than max_bytes (65536)"),
        ("cache: {max_body: 1KiB}", "routes[0].cache.max_body: has no effect without POST in methods"),
        ("cache: {vary: [accept, cookie]}", "routes[0].cache.vary[1]: 'cookie' is in the key already"),
        ("cache: {wait: 0}", "routes[0].cache.wait: "),
        ("cache: {temperature: any}", "routes[0].cache.temperature: has no effect without models"),
    ],
)
def test_what_cannot_be_kept(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, with_route(keys))
    assert any(line.partition(": ")[2].startswith(expected) for line in found), found


def test_what_is_answered_here_is_not_kept(tmp_path: Path) -> None:
    text = with_route("cache: {}").replace("service: a", "reply: {}")
    assert any("routes[0].cache: has no effect with reply" in line for line in problems(tmp_path, text))


def test_beside_models_other_things_are_usual(tmp_path: Path) -> None:
    def found(cache: str) -> CacheSettings:
        text = with_route(f"models: true, cache: {cache}") + "models: {m: {service: a}}\n"
        (route,) = read(tmp_path, text).routes
        assert route.cache is not None
        return route.cache

    plain = found("{}")
    assert (plain.methods, plain.ttl, plain.wait, plain.temperature) == (("POST",), 600.0, 60.0, "zero")
    said = found("{ttl: 1m, wait: 3s, temperature: any, max_body: 1KiB}")
    assert (said.methods, said.ttl, said.wait, said.temperature) == (("POST",), 60.0, 3.0, "any")
