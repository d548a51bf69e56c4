"""What is wrong between models, services and routes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems
from tests.unit.config.test_models import FILE, file

VERSIONED = '  b: {versions: {v1: {endpoints: ["127.0.0.1:19001"], weight: 1}}}'


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("small: {service: b}", "small: {}", "models.small: is nowhere: give it one of service, split, alias_of"),
        ("small: {service: b}", "small: {service: b, alias_of: big}", "models.small.alias_of: stands beside service"),
        ("small: {service: b}", "small: {service: c}", "models.small.service: no service named 'c'"),
        ("small: {service: b}", 'small: {service: b, as: "x/*"}', "has a '*', and 'small' has none"),
        ("service: b, weight: 1}", 'service: b, weight: 1, as: "*"}', "models.canary.split[1].as: has a '*'"),
        ("service: b, weight: 1}", "service: bb, weight: 1}", "models.canary.split[1].service: no service named 'bb'"),
        (
            "weight: 9, as: v1}, {service: b, weight: 1",
            "weight: 0}, {service: b, weight: 0",
            "no part has a weight above",
        ),
        ("canary: {split", "canary: {as: x, split", "models.canary.as: stands beside split; each part has its own"),
        ("alias: big", "alias: bigg", "models.alias: no model named 'bigg'; did you mean 'big'?"),
        ("alias: big", "alias: other", "models.alias: leads back to itself"),
        ("alias: big", "alias: {alias_of: other}", "models.alias.alias_of: leads back to itself"),
        ("alias: big", 'alias: "open/*"', "models.alias: 'open/*' is a pattern"),
        ("alias: big", "alias: {alias_of: big, as: x}", "models.alias.as: has no effect beside alias_of"),
        ("alias: big", "alias: {alias_of: big, fallback: [small]}", "models.alias.fallback: has no effect"),
        ("[small, alias]", "[smal]", "models.big.fallback[0]: no model named 'smal'; did you mean 'small'?"),
        ("[small, alias]", "[big]", "'big' cannot stand in for itself"),
        ("[small, alias]", '["open/*"]', "'open/*' is a pattern"),
        ("[small, alias]", "[canary-2]", "'canary-2' is at several services"),
        (
            "[small, alias]",
            "[small], fallback_on: []",
            "models.big.fallback_on: is empty, so no other model is ever asked",
        ),
        (
            "small: {service: b}",
            "small: {service: b, fallback_on: [503]}",
            "fallback_on: has no effect without fallback",
        ),
        ('  b: {endpoints: ["127.0.0.1:19001"]}', VERSIONED, "the service of 'small' has versions"),
        ("ROUTE", "models: [smal]", "routes[0].models[0]: no model named 'smal'; did you mean 'small'?"),
        ("ROUTE", "models: {only: [smal]}", "routes[0].models.only[0]: no model named 'smal'"),
        ("ROUTE", "models: true, reply: {text: x}", "routes[0].reply: stands beside models"),
        ("ROUTE", "models: true, split: [{service: a, weight: 1}]", "routes[0].split: stands beside models"),
        ("ROUTE", "models: true, cache: {methods: [POST]}", "routes[0].cache.methods: has no effect beside models"),
        ("ROUTE", "models: true, cache: {ttl: 0}", "routes[0].cache.ttl: is 0, so no answer of a model would be kept"),
        ("ROUTE", 'models: true, service: "{x}"', "routes[0].service: stands beside models"),
        ("ROUTE", "models: true, body_buffer: 0", "routes[0].models: takes bodies whole"),
        ("ROUTE", "models: true, mirror: {service: b}", "the route leads to 'b' itself"),
        ("ROUTE", "model: true", "did you mean 'models'?"),
    ],
)
def test_what_is_wrong(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in FILE
    found = problems(tmp_path, file("models: true").replace(before, after) if before != "ROUTE" else file(after))
    assert any(expected in one for one in found), found


def test_a_route_needs_models(tmp_path: Path) -> None:
    text = file().partition("models:\n  big")[0]
    assert any("leads to no model: there is nothing in models" in one for one in problems(tmp_path, text))


def test_one_mistake_causes_no_other(tmp_path: Path) -> None:
    assert len(problems(tmp_path, file().replace("small: {service: b}", "small: {service: b, az: x}"))) == 1
    assert len(problems(tmp_path, file().replace("alias: big", "alias: {service: 7@}"))) == 1
