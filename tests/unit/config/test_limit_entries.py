"""Limits at the models themselves: how they are handed on, and who keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.limited import limited
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{{address: 127.0.0.1:18080}}]
routes:
  - {{path: /v1/*, models: {models}, filters: [{chain}]}}
services:
  a: {{endpoints: ["127.0.0.1:19000"]}}
models:
  big: {{service: a, limits: [{limits}]}}
  small: {{service: a}}
  alias: big
filters:
  limit: {{type: token_limit, limits: [{own}]}}
"""
NOBODY = "models.big.limits: nobody keeps them on the route '/v1/*': name a filter of type token_limit in its chain"


def file(
    limits: str = "rate: 5/m", own: str = "", chain: str = "limit, usage", models: str = "true", more: str = ""
) -> str:
    own = f"{{{own}}}" if own else ""
    limits = ", ".join(f"{{{one}}}" for one in limits.split("; "))
    return FILE.format(limits=limits, own=own, chain=chain, models=models) + more


def test_each_filter_gets_them_behind_its_own_with_the_model_they_are_of(tmp_path: Path) -> None:
    text = file(
        "rate: 5/m; max: 2, per: key; rate: 9/d, unit: requests, per: [user, model]; rate: 1/s, per: filter",
        "rate: 7/m",
    )
    spec = read(tmp_path, text)
    (limit,) = [one for one in spec.filters if one.name == "limit"]
    found = [dict(one) for one in dict(limit.options)["limits"]]
    assert [(one["rate"], one["per"], one.get("only")) for one in found] == [
        ((7, 60), ("key",), None),
        ((5, 60), ("model",), "big"),
        ((2, 0), ("key", "model"), "big"),
        ((9, 86400), ("user", "model"), "big"),
        ((1, 1), ("model",), "big"),
    ]
    assert [text for _, text in limited(spec)] == [
        "7 tokens/m per key",
        "5 tokens/m per model big",
        "2 requests at one time per key and model big",
        "9 requests/d per user and model big",
        "1 tokens/s per model big",
        "noted",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (file(), []),
        (file(own="rate: 7/m"), []),
        (file(chain="usage"), [NOBODY]),
        (file(chain="usage", models="[alias]"), [NOBODY]),
        (file(chain="usage", models="[small]"), []),
        (
            file(chain="limit"),
            [
                "filters.limit: nobody behind it in the chain of the route '/v1/*' meters what is used: name a filter of type usage there"
            ],
        ),
        (file("rate: 5/m, unit: requests", chain="limit"), []),
        (
            file("rate: 5/d, unit: cost"),
            ["filters.limit: limits the cost, and the filter usage behind it (route '/v1/*') has no prices"],
        ),
        (
            file("rate: 5/m; rate: 5/m"),
            ["models.big.limits[1].rate: is the rate of limits[0] already, per model too; give one of them"],
        ),
        (file("unit: tokens"), ["models.big.limits[0]: has neither rate nor max: one of them is the limit"]),
        (
            file("; ".join(f"rate: {one}/m" for one in range(1, 10))),
            ["models.big.limits: expected at most 8 limits, got 9"],
        ),
        (
            file().replace("alias: big", "alias: {alias_of: big, limits: [{rate: 1/m}]}"),
            ["models.alias.limits: has no effect beside alias_of: all is as that model has it"],
        ),
        (
            file().replace(", limits: [{rate: 5/m}]", ""),
            ["filters.limit.limits: there are none, and no model has some: it limits nothing"],
        ),
    ],
)
def test_what_can_be_wrong_with_them(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert [line.partition(": ")[2] for line in problems(tmp_path, text)] == expected
