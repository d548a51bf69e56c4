"""pydantic's findings in our words: nothing of pydantic's own wording or paths comes through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.config.explain import _keys_at
from fastgw.config.schema import FILTERS
from tests.unit.config.files import problems, with_listener, with_route, with_service

PYDANTIC = re.compile(r"Input should|valid (list|dictionary|string)|Value error|Extra inputs|function-|\[key\]|tagged")


@pytest.mark.parametrize(
    ("where", "some"),
    [
        ((), "listeners"),
        (("listeners", 0), "address"),
        (("listeners", 0, "tls"), "certificates"),
        (("listeners", 0, "tls", "certificates", 1), "cert"),
        (("routes", 3, "split", 0), "weight"),
        (("services", "a", "tls"), "server_name"),
        (("services", "a", "endpoints", 0), "weight"),
        (("filters", "a", "access_log"), "flush"),
        (("admin",), "address"),
    ],
)
def test_the_keys_of_every_place_are_known(where: tuple[str | int, ...], some: str) -> None:
    assert some in _keys_at(where)


@pytest.mark.parametrize(
    "where", [("services", "a", "balance"), ("nope", 1), ("filters", "a", "nope"), ("routes", 0, "headers")]
)
def test_places_without_keys_have_none(where: tuple[str | int, ...]) -> None:
    assert _keys_at(where) == []


@pytest.mark.parametrize("value", ["x", "~", "[]", "[x]", "[[x]]", "{}", "{x: 1}", "{cert: {}}", "true", "[~]", "[{}]"])
def test_every_key_of_the_wrong_kind_is_told_in_our_words(tmp_path: Path, value: str) -> None:
    texts = [f"{key}: {value}\n" for key in _keys_at(())]
    texts += [with_listener(f"{key}: {value}") for key in _keys_at(("listeners", 0)) if key != "address"]
    texts += [with_route(f"{key}: {value}") for key in _keys_at(("routes", 0)) if key not in ("path", "service")]
    texts += [with_service(f"{key}: {value}") for key in _keys_at(("services", "a")) if key != "endpoints"]
    texts += [
        f"filters: {{a: {{type: {kind}, {key}: {value}}}}}"
        for kind in FILTERS
        for key in _keys_at(("filters", "", kind))[1:]
    ]
    for text in texts:
        for problem in problems(tmp_path, text):
            assert not PYDANTIC.search(problem), (text, problem)
            assert re.match(r"\d+:\d+: ", problem), (text, problem)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(key=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8))
def test_unknown_keys_are_found_at_any_place(tmp_path: Path, key: str) -> None:
    cases: list[tuple[tuple[str | int, ...], str]] = [
        (("routes", 0), with_route(f'"{key}": 1')),
        (("listeners", 0), with_listener(f'"{key}": 1')),
        (("services", "a"), with_service(f'"{key}": 1')),
    ]
    for where, text in cases:
        if key not in _keys_at(where):
            assert any(f".{key}: unknown key; " in problem for problem in problems(tmp_path, text))
