"""Where a redirect leads: what no client can make another host of."""

from __future__ import annotations

import pytest

from fastgw.config.location import target
from fastgw.config.values import Expanded


def expanded(text: str, *variables: str) -> Expanded:
    places = [(text.index(f"${{{one}}}"), text.index(f"${{{one}}}") + len(one) + 3) for one in variables]
    return Expanded(text, text, tuple(places))


@pytest.mark.parametrize("text", ["/new/*", "https://a.example", "http://a.example:8080/x?y", "https://[::1]/"])
def test_what_leads_somewhere(text: str) -> None:
    assert target(text) == (text.encode(),)


@pytest.mark.parametrize(
    "text", ["new", "//a.example/", "/\\a.example", "ftp://a.example/", "https://", "https://a b/"]
)
def test_what_leads_nowhere(text: str) -> None:
    with pytest.raises(ValueError, match="got"):
        target(text)


@pytest.mark.parametrize(
    ("text", "variable", "is_right"),
    [
        ("https://${request.host}/x", "request.host", True),
        ("https://${request.host}:8443/x", "request.host", True),
        ("https://${request.host}x/", "request.host", False),
        ("https://${header.x}/", "header.x", False),
        ("${request.target}", "request.target", True),
        ("${request.query}", "request.query", False),
    ],
)
def test_a_variable_is_no_host_but_that_of_the_request(text: str, variable: str, is_right: bool) -> None:
    value = expanded(text, variable)
    if is_right:
        assert variable in target(value)
    else:
        with pytest.raises(ValueError, match="got"):
            target(value)
