"""Which versions get copies of the requests of a route."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.shadows import shadows
from tests.unit.config.files import read
from tests.unit.config.test_version_rules import file

SHADOW = "    shadow: {version: v2}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (file(), []),
        (file(SHADOW), ["chat"]),
        (file(SHADOW).replace("service: chat}", "service: other}"), []),
        (
            file(SHADOW).replace("service: chat}", "split: [{service: other, weight: 1}, {service: chat, weight: 1}]}"),
            ["chat"],
        ),
        (file(SHADOW).replace("/*, service: chat}", "'/{n}', service: '{n}', among: [other, chat]}"), ["chat"]),
    ],
)
def test_a_route_is_shadowed_where_a_service_of_it_is(tmp_path: Path, text: str, expected: list[str]) -> None:
    spec = read(tmp_path, text)
    assert [one.name for one in shadows(spec, spec.routes[0])] == expected
