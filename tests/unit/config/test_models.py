"""What the file says of models, as plain data."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ModelPartSpec, ModelSpec, ModelStepSpec
from fastgw.policy.fallback import CAUSES
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes:
  - {path: /v1/*, ROUTE}
services:
  a: {endpoints: ["127.0.0.1:19000"]}
  b: {endpoints: ["127.0.0.1:19001"]}
models:
  big: {service: a, as: org/big, fallback: [small, alias]}
  small: {service: b}
  alias: big
  other: alias
  canary: {split: [{service: a, weight: 9, as: v1}, {service: b, weight: 1}]}
  canary-2: canary
  "open/*": {service: a, as: "*"}
  default: {alias_of: small}
"""


def file(route: str = "models: true") -> str:
    """A file whose route says ``route``."""
    return FILE.replace("ROUTE", route)


def models(tmp_path: Path, text: str = "") -> dict[str, ModelSpec]:
    return {one.name: one for one in read(tmp_path, text or file()).models}


def test_where_each_name_leads(tmp_path: Path) -> None:
    found = models(tmp_path)
    assert {name: one.parts for name, one in found.items()} == {
        "big": (ModelPartSpec("a", 1, "org/big"),),
        "small": (ModelPartSpec("b", 1, ""),),
        "alias": (ModelPartSpec("a", 1, "org/big"),),
        "other": (ModelPartSpec("a", 1, "org/big"),),
        "canary": (ModelPartSpec("a", 9, "v1"), ModelPartSpec("b", 1, "")),
        "canary-2": (ModelPartSpec("a", 9, "v1"), ModelPartSpec("b", 1, "canary")),
        "open/*": (ModelPartSpec("a", 1, "*"),),
        "default": (ModelPartSpec("b", 1, "small"),),
    }
    assert found["canary"].services == ("a", "b") and found["big"].services == ("a", "b", "a")


def test_an_alias_falls_back_as_what_it_means_does(tmp_path: Path) -> None:
    found = models(tmp_path)
    steps = (ModelStepSpec("small", "b", "small"), ModelStepSpec("alias", "a", "org/big", "big"))
    assert found["big"].fallback == steps == found["other"].fallback
    assert (found["big"].causes, found["big"].statuses) == (CAUSES, (429, *range(500, 600)))
    assert found["small"].fallback == ()


def test_an_alias_of_what_has_no_name_sends_none(tmp_path: Path) -> None:
    text = file().replace("default: {alias_of: small}", "default: {service: a}\n  x: default")
    assert models(tmp_path, text)["x"].parts == (ModelPartSpec("a", 1, ""),)


def test_which_models_a_route_leads_to(tmp_path: Path) -> None:
    (route,) = read(tmp_path, file()).routes
    assert route.models == ("big", "small", "alias", "other", "canary", "canary-2", "open/*", "default")
    assert (route.service, route.settings.errors) == (None, "dialect")
    for some in ('[small, "open/*"]', '{only: [small, "open/*"]}'):
        (route,) = read(tmp_path, file(f"models: {some}, service: b, errors: problem")).routes
        assert (route.models, route.service, route.settings.errors) == (("small", "open/*"), "b", "problem")
    (route,) = read(tmp_path, file("models: false, service: b")).routes
    assert (route.models, route.settings.errors) == ((), "problem")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("small: {service", '"": {service', "expected the name of a model"),
        ("small: {service", '" small": {service', "expected the name of a model of up to 256 printable bytes"),
        ("small: {service", f"{'x' * 257}: {{service", "up to 256 printable bytes"),
        ('"open/*"', '"*/open/*"', "has more than one '*'"),
        ('as: "*"', 'as: "*/*"', "has more than one '*'"),
        ("as: org/big", "az: org/big", "models.big.az: unknown key; known are service"),
        ("fallback: [small", "fallback_on: [5xy], fallback: [small", "4xx, 5xx, or a status from 400 to 599"),
        ("weight: 1}", "weigth: 1}", "did you mean 'weight'?"),
    ],
)
def test_what_is_wrong_with_one(tmp_path: Path, before: str, after: str, expected: str) -> None:
    assert before in FILE
    found = problems(tmp_path, file().replace(before, after))
    assert any(expected in one for one in found), found
