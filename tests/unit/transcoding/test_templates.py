"""Paths of ``google.api.http``: what is one, what it matches, and what it captures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.templates import PathTemplates, TemplateError, TemplateMatch, parse


def found(path: str, *templates: str, method: bytes = b"GET") -> tuple[str, dict[str, str]] | set[bytes]:
    table: PathTemplates[str] = PathTemplates()
    for one in templates:
        verb, _, text = one.rpartition(" ")
        assert table.add(parse(text), verb.encode() or b"GET", one) is None
    it = table.find(method, path)
    if isinstance(it, TemplateMatch):
        return it.owner, dict(parse(it.owner.rpartition(" ")[2]).captured(it.segments))
    return it


@pytest.mark.parametrize(
    ("template", "path", "captured"),
    [
        ("/v1/a", "/v1/a", {}),
        ("/v1/{name}", "/v1/x", {"name": "x"}),
        ("/v1/{name}", "/v1/a%2Fb", {"name": "a/b"}),
        ("/v1/{name}", "/v1/%E2%82%AC%20", {"name": "€ "}),
        ("/v1/{name=shelves/*}", "/v1/shelves/a%2Fb", {"name": "shelves/a%2Fb"}),
        ("/v1/{name=shelves/*/books/*}", "/v1/shelves/1/books/2", {"name": "shelves/1/books/2"}),
        ("/v1/{name=**}", "/v1/a/b%2Fc/d%20e", {"name": "a/b%2Fc/d e"}),
        ("/v1/{name=**}", "/v1/", {"name": ""}),
        ("/v1/{name=**}", "/v1", {"name": ""}),
        ("/v1/{name=a/**}", "/v1/a/b/c", {"name": "a/b/c"}),
        ("/v1/**", "/v1/a/b", {}),
        ("/v1/*/b", "/v1/a/b", {}),
        ("/v1/{a.b}/{c}", "/v1/x/y", {"a.b": "x", "c": "y"}),
        ("/v1/{name}:archive", "/v1/x:archive", {"name": "x"}),
        ("/v1/{name=a/*}:archive", "/v1/a/x:y:archive", {"name": "a/x:y"}),
        ("/v1/a:archive", "/v1/a:archive", {}),
    ],
)
def test_what_matches(template: str, path: str, captured: dict[str, str]) -> None:
    assert found(path, template) == (template, captured)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/v1/a", "/v1/a/"),
        ("/v1/a", "/v1/A"),
        ("/v1/{name}", "/v1/"),
        ("/v1/{name}", "/v1/a/b"),
        ("/v1/{name=a/*}", "/v1/a"),
        ("/v1/{name}:archive", "/v1/x"),
        ("/v1/{name}:archive", "/v1/:archive"),
        ("/v1/*/b", "/v1//b"),
    ],
)
def test_what_does_not(template: str, path: str) -> None:
    assert found(path, template) == set()


def test_a_colon_is_one_of_the_path_where_no_verb_has_that_name() -> None:
    assert found("/v1/x:y", "/v1/{name}", "/v1/{name}:archive") == ("/v1/{name}", {"name": "x:y"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v1/a", "/v1/a"), ("/v1/b", "/v1/*"), ("/v1/a/b", "/v1/**"), ("/v1/a:go", "/v1/*:go"), ("/v1/a/c", "/v1/*/c")],
)
def test_the_closest_is_found_whatever_the_order(path: str, expected: str) -> None:
    templates = ["/v1/**", "/v1/*", "/v1/a", "/v1/*:go", "/v1/*/c"]
    assert found(path, *templates) == found(path, *reversed(templates)) == (expected, {})


def test_one_that_has_not_the_method_hides_no_other() -> None:
    assert found("/v1/a", "POST /v1/a", "GET /v1/{name}") == ("GET /v1/{name}", {"name": "a"})
    assert found("/v1/a", "POST /v1/a", "PUT /v1/{name}") == {b"POST", b"PUT"}
    assert found("/v1/a", "* /v1/a", method=b"PURGE") == ("* /v1/a", {})


def test_two_cannot_have_the_same() -> None:
    table: PathTemplates[str] = PathTemplates()
    assert table.add(parse("/v1/{a}"), b"GET", "first") is None
    assert table.add(parse("/v1/*"), b"GET", "second") == "first"
    assert table.add(parse("/v1/*"), b"PUT", "third") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("v1", "begin with '/'"),
        ("/v1/{a", "without its"),
        ("/v1/a}", "has a '}'"),
        ("/v1/x{a}", "has a '{'"),
        ("/v1/{a}b", "has a '}'"),
        ("/v1/{{a}}", "has a '{'"),
        ("/v1/{a b}", "no path of a field"),
        ("/v1/{}", "no path of a field"),
        ("/v1/{a}/{a}", "captured twice"),
        ("/v1/**/b", "behind '**'"),
        ("/v1/{a=**}/b", "behind '**'"),
        ("/v1/a b", "no segment"),
        ("/v1//b", "no segment"),
        ("/v1/{a=b//c}", "no segment"),
        ("/v1/a:", "no verb"),
    ],
)
def test_what_is_no_template(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why.replace("*", r"\*").replace("{", r"\{")):
        parse(text)


@given(st.text("/{}*:=.ab%", max_size=12))
def test_any_text_is_one_or_is_refused(text: str) -> None:
    try:
        template = parse("/" + text)
    except TemplateError:
        return
    path = "/" + "/".join({"*": "x", "**": "y/z"}.get(one, one) for one in template.segments)
    table: PathTemplates[int] = PathTemplates()
    table.add(template, b"GET", 7)
    matched = table.find(b"GET", path + (f":{template.verb}" if template.verb else ""))
    assert isinstance(matched, TemplateMatch)
    template.captured(matched.segments)


def test_what_is_escaped_and_no_utf8_is_told() -> None:
    with pytest.raises(UnicodeDecodeError):
        found("/v1/%FF", "/v1/{name}")
