"""Redirects that lead in a circle are found before any client goes round in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems

HEAD = """listeners:
  - {address: "127.0.0.1:80"}
  - {address: "127.0.0.1:8443"}
services: {s: {endpoints: ["127.0.0.1:1"]}}
filters: {moved: {type: rewrite, path: /x}}
routes:
"""

CIRCLES = [
    ("  - {path: /a, redirect: /a}", {7: "leads back to itself: clients would go in circles"}),
    ("  - {path: /a, redirect: '${request.path}'}", {7: "leads back to itself"}),
    ("  - {path: /*, redirect: 'http://${request.host}${request.target}'}", {7: "leads back to itself"}),
    ("  - {path: /a, host: a.example, redirect: 'http://A.example/a?x#y'}", {7: "leads back to itself"}),
    (
        "  - {path: /a, host: '*.a.example', redirect: 'http://b.a.example/a'}\\n  - {path: /x, host: b.a.example, service: s}",
        {7: "itself"},
    ),
    ("  - {path: '/a/{x}/*', redirect: '/a/b/*'}", {7: "leads back to itself"}),
    ("  - {path: /a/*, redirect: /a/more/*}", {7: "leads back to itself"}),  # for ever, and longer each time
    ("  - {path: /a, methods: [POST], redirect: /a}", {7: "leads back to itself"}),
    ("  - {path: /a, headers: {x: y, z: '*'}, redirect: /a}", {7: "leads back to itself"}),
    (
        "  - {path: /a/*, redirect: /b/*}\\n  - {path: /b/*, name: b, redirect: '/a/*'}",
        {7: "leads to 'b' on line 8, which leads back here", 8: "leads to '/a/*' on line 7, which leads back here"},
    ),
    (
        "  - {path: /a, redirect: /b}\\n  - {path: /b, redirect: /c}\\n  - {path: /c, redirect: /a}\\n  - {path: /d, redirect: /a}",
        {7: "leads to '/b' on line 8, then '/c' on line 9, which", 8: "leads to '/c'", 9: "leads to '/a'"},
    ),
]

STRAIGHT = [
    "  - {path: /a, redirect: /b}",
    "  - {path: /a/*, redirect: /*}",  # each hop is shorter
    "  - {path: /a, redirect: /b}\\n  - {path: /b, service: s}",
    "  - {path: /*, redirect: /app/*}\\n  - {path: /app/*, service: s}",
    "  - {path: /*, redirect: 'https://${request.host}${request.target}'}",  # nobody listens there
    "  - {path: /*, redirect: 'http://${request.host}:8080${request.target}'}",
    "  - {path: /a, redirect: 'http://elsewhere.example/a'}",
    "  - {path: /a, methods: [POST], redirect: {to: /a, status: 303}}\\n  - {path: /a, methods: [GET], service: s}",
    "  - {path: /a, redirect: '/${header.x}'}",  # who knows
    "  - {path: /a, filters: [moved], redirect: '${request.path}'}",
    "  - {path: /a, host: a.example, redirect: 'http://b.example/a'}\\n  - {path: /a, host: b.example, service: s}",
    "  - {path: '/{x}', redirect: /some-thing}\\n  - {path: /some-thing, service: s}",
]


@pytest.mark.parametrize(("routes", "lines"), CIRCLES)
def test_a_circle_is_told_at_each_redirect_of_it(tmp_path: Path, routes: str, lines: dict[int, str]) -> None:
    found = problems(tmp_path, HEAD + routes.replace("\\n", "\n"))
    assert len(found) == len(lines)
    for line, words in lines.items():
        assert any(f":{line}:" in f":{one}" and words in one for one in found), found


@pytest.mark.parametrize("routes", STRAIGHT)
def test_what_ends_somewhere_is_none(tmp_path: Path, routes: str) -> None:
    assert problems(tmp_path, HEAD + routes.replace("\\n", "\n")) == []


def test_what_is_wrong_with_a_redirect_hides_no_other(tmp_path: Path) -> None:
    routes = (
        "  - {path: /a, redirect: /a}\n  - {path: /b, redirect: {to: 5, status: 308}}\n  - {path: /c, redirect: [x]}\n"
    )
    found = problems(tmp_path, HEAD + routes)
    assert len(found) == 3 and "itself" in found[0]
