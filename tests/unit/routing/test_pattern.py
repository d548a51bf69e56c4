"""The text of paths and hosts: what is refused, with which words, and what a pattern takes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastgw.routing.pattern import host_matches, host_order, host_problems, parse_path, path_problems
from tests.unit.routing.tables import path_key, paths, request_paths


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "*",
        "/*",
        "/a/*",
        "/a/",
        "/a.b/..c/...",
        "/v1/{model}/predict",
        "/{a}/{b-2}/{_c}/*",
        "/a%2Fb",
        "/a;v=1,2:@!$&'()+~",
    ],
)
def test_a_good_path_has_no_problems(path: str) -> None:
    assert path_problems(path) == []


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "has no leading slash"),
        ("a", "has no leading slash"),
        ("**", "has no leading slash"),
        ("/a//b", "contains '//', an empty segment, which only a '*' matches"),
        ("/a/./b", "contains the segment '.', which a normalised path never has"),
        ("/a/..", "contains the segment '..', which a normalised path never has"),
        ("/a?b", "contains '?', which ends a path (a query is not part of it)"),
        ("/a#b", "contains '#', which ends a path (a query is not part of it)"),
        ("/a b", "contains ' ', which is written %20 in a request"),
        ("/é", "contains 'é', which is written %C3%A9 in a request"),
        ("/a^b", "contains '^', which is written %5E in a request"),
        ("/a\x7f", "contains '\\x7f', which is written %7F in a request"),
        ("/100%", "has a '%' in '100%' without two hexadecimal digits"),
        ("/%zz", "has a '%' in '%zz' without two hexadecimal digits"),
        ("/%00", "contains '%00', which a request may not have"),
        ("/%41", "contains '%41', which a normalised path has as 'A'"),
        ("/%2f", "contains '%2f', which a normalised path has as '%2F'"),
        ("/{a", "has unbalanced braces in '{a'"),
        ("/a}", "has unbalanced braces in 'a}'"),
        ("/}a{", "has unbalanced braces in '}a{'"),
        ("/{a}b", "has a parameter inside '{a}b', but a parameter fills a whole segment"),
        ("/{a}{b}", "has a parameter inside '{a}{b}', but a parameter fills a whole segment"),
        ("/{}", "has a parameter '{}' whose name is not made of letters, digits, '_' and '-'"),
        ("/{1a}", "has a parameter '{1a}' whose name is not made of letters, digits, '_' and '-'"),
        ("/{a}/x/{a}/{a}", "uses the parameter '{a}' more than once"),
        ("/*/a", "has a '*' that is not last"),
        ("/a*", "has a '*' inside 'a*', but a '*' is a whole segment, the last one"),
        ("/a*b/c", "has a '*' inside 'a*b', but a '*' is a whole segment, the last one"),
    ],
)
def test_a_bad_path_is_told_why(path: str, problem: str) -> None:
    assert path_problems(path) == [problem]


def test_every_problem_of_a_path_is_told() -> None:
    assert len(path_problems("//../{a/*/b c")) == 5


@given(st.text(max_size=20))
def test_any_text_is_judged_without_an_exception(text: str) -> None:
    assert isinstance(path_problems("/" + text), list)
    assert isinstance(host_problems(text), list)


@pytest.mark.parametrize(
    "host", ["", "localhost", "api.example", "API.Example", "*.edge.example", "10.0.0.1", "[::1]", "a_b.c-d"]
)
def test_a_good_host_has_no_problems(host: str) -> None:
    assert host_problems(host) == []


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("*", "is '*'; leave it out to match any host"),
        ("a.example:80", "is more than a name: no scheme, no port, no path"),
        ("http://a.example", "is more than a name: no scheme, no port, no path"),
        ("münchen.example", "is not ASCII; write the name in its 'xn--' form"),
        ("a.*.example", "has a '*' that is not the whole first label"),
        ("*a.example", "has a '*' that is not the whole first label"),
        ("*.*.example", "has a '*' that is not the whole first label"),
        ("*.", "is not a host name"),
        ("a..example", "is not a host name"),
        ("a.example.", "is not a host name"),
        ("a b", "is not a host name"),
        (".".join(["a" * 60] * 5), "is not a host name"),
    ],
)
def test_a_bad_host_is_told_why(host: str, problem: str) -> None:
    assert host_problems(host) == [problem]


def test_host_patterns_have_an_order() -> None:
    hosts = ["", "*.example", "a.edge.example", "*.edge.example"]
    assert sorted(hosts, key=host_order) == ["a.edge.example", "*.edge.example", "*.example", ""]
    assert [host for host in hosts if host_matches(host, "a.edge.example")] == hosts
    assert [host for host in hosts if host_matches(host, "edge.example")] == ["", "*.example"]


def test_what_a_pattern_is() -> None:
    pattern = parse_path("/v1/{model}/*")
    assert pattern.segments == (b"v1", None)
    assert pattern.names == ((1, "model"),)
    assert pattern.extent == parse_path("/v1/{other}/*").extent
    assert pattern.order == (0, 1, 2)
    assert not pattern.is_exact
    assert not parse_path("/*").is_exact
    assert parse_path("/a/b").is_exact
    assert parse_path("/a/b").order == (0, 0)
    assert parse_path("*").is_exact


@given(paths, request_paths)
@example("*", "*")
@example("/*", "*")
@example("/a", "")
def test_a_pattern_takes_what_the_plain_reading_takes(pattern: str, path: str) -> None:
    assert parse_path(pattern).matches(path.encode()) == (path_key(pattern, path) is not None)


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/v1/{model}/predict", b"/v1/resnet%2F50/predict", {"model": b"resnet%2F50"}),
        ("/{a}/{b}/*", b"/1/2/3/4", {"a": b"1", "b": b"2"}),
        ("/{a}/{b}/*", b"/1/2", {}),
        ("/{a}", b"/", {}),
        ("/a/*", b"/a/b", {}),
        ("*", b"*", {}),
    ],
)
def test_params(pattern: str, path: bytes, params: dict[str, bytes]) -> None:
    assert parse_path(pattern).params(path) == params


@pytest.mark.parametrize(
    ("pattern", "path", "rest"),
    [
        ("/a/*", b"/a/b/c", b"b/c"),
        ("/a/*", b"/a/", b""),
        ("/a/{x}/*", b"/a/1//2%2F", b"/2%2F"),
        ("/*", b"/", b""),
        ("/a/*", b"/b/c", None),
        ("/a/b", b"/a/b", None),
        ("*", b"*", None),
    ],
)
def test_what_the_star_takes(pattern: str, path: bytes, rest: bytes | None) -> None:
    assert parse_path(pattern).rest(path) == rest
