"""The routes for requests that no route takes, and the methods that some route does."""

from __future__ import annotations

import pytest

from fastgw.core.snapshot.fallbacks import Fallbacks, allowed
from fastgw.routing import Router
from fastgw.testing import usual
from fastgw.testing.edge import Edge
from fastgw.wire.methods import served
from tests.unit.core.exchange.test_unmatched import listener


def test_a_fallback_that_is_the_only_one_is_found_without_a_look() -> None:
    fallbacks = Fallbacks(Router([]), lambda word: usual.route("none", 0, errors=word))
    assert fallbacks.find(b"a", b"/b") is fallbacks.first


@pytest.mark.parametrize(
    ("formats", "first"),
    [(("openai", "dialect"), "problem"), (("openai", "problem"), "problem"), (("openai", "openai"), "openai")],
)
def test_what_has_no_path_gets_the_format_of_all_or_a_problem(formats: tuple[str, ...], first: str) -> None:
    edge = Edge()
    found = listener(edge, *((f"/{number}", "GET", one) for number, one in enumerate(formats))).fallbacks
    assert found.first.settings.errors == first
    assert found.find(b"a", b"/0/x").settings.errors == formats[0]
    edge.end()


@pytest.mark.parametrize(
    ("methods", "names"),
    [
        (["GET"], "GET, HEAD, OPTIONS"),
        (["GET", "BREW POST"], "BREW, GET, HEAD, OPTIONS, POST"),
        ([], "OPTIONS"),
    ],
)
def test_allow_lists_what_some_path_takes(methods: list[str], names: str) -> None:
    edge = Edge()
    router = listener(edge, *((f"/{number}", one, "problem") for number, one in enumerate(methods))).router
    assert allowed(router, served()) == names
    edge.end()


def test_allow_lists_everything_where_a_route_takes_any_method() -> None:
    edge = Edge()
    found = listener(edge, ("/a", "BREW", "problem"), ("/b", "", "problem"))
    assert found.allow.split(", ") == sorted(one.decode() for one in served(["BREW"]))
    edge.end()
