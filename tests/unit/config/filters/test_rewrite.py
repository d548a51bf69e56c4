"""``rewrite`` in the file: what it says, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def text(options: str) -> str:
    return MINIMAL + "filters:\n  r:\n    type: rewrite\n" + "".join(f"    {line}\n" for line in options.splitlines())


def test_what_the_filter_gets(tmp_path: Path) -> None:
    (found,) = read(tmp_path, text("pattern: ^/a(/.*)$\nto: /b$1")).filters[:1]
    given = dict(found.options)
    assert (found.made_by, given["to"], given["path"]) == ("fastgw.filters.rewrite:Rewrite", ("/b", 1), None)
    assert given["pattern"].startswith(r"(?:[\x2f][\x61]([\x2f]")
    (found,) = read(tmp_path, text("strip_prefix: /api\nadd_prefix: /v2")).filters[:1]
    given = dict(found.options)
    assert (given["strip_prefix"], given["add_prefix"], given["pattern"]) == ("/api", "/v2", None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("path: /x", []),
        ("strip_prefix: /x", []),
        ("add_prefix: /x/y", []),
        ("", ["8:3: filters.r: changes nothing: give it strip_prefix, add_prefix, path, or pattern and to"]),
        ("path: x", ["10:11: filters.r.path: expected a path in its normal form, got 'x': it does not begin with '/'"]),
        ("path: ''", ["filters.r.path: expected a path in its normal form, got '': it does not begin with '/'"]),
        ("path: /a?b=c", ["filters.r.path: '/a?b=c' has a query: the one of the request stays"]),
        ("path: /a b", ["filters.r.path: expected a path in its normal form, got '/a b': it has the byte 0x20"]),
        ("path: /a/../b", ["filters.r.path: expected a path in its normal form, got '/a/../b'"]),
        ("path: /../b", ["filters.r.path: expected a path in its normal form, got '/../b': it leaves the root"]),
        ("path: /%4", ["filters.r.path: expected a path in its normal form, got '/%4': it has a '%' that is not"]),
        ("path: /é", ["filters.r.path: expected a path in its normal form, got '/é'"]),
        ("path: [/a]", ["filters.r.path: expected a path such as /v2, got a list"]),
        ("strip_prefix: /api/", ["got '/api/'; did you mean '/api'?"]),
        ("strip_prefix: /api/*", ["got '/api/*'; did you mean '/api'?"]),
        (
            "strip_prefix: /",
            ["filters.r.strip_prefix: expected a prefix such as /v2, without what comes behind it, got '/'"],
        ),
        ("add_prefix: v2", ["filters.r.add_prefix: expected a path in its normal form, got 'v2'"]),
        (
            "path: /x\nadd_prefix: /y",
            ["10:5: filters.r.path: stands beside strip_prefix; one filter rewrites in one way"],
        ),
        ("path: /x\npattern: /y\nto: /z", ["11:5: filters.r.pattern: stands beside path; one filter rewrites in one"]),
        ("pattern: /y", ["10:5: filters.r.pattern: needs to beside it"]),
        ("to: /y", ["10:5: filters.r.to: needs pattern beside it"]),
        ("pattern: ''\nto: /y", ["filters.r.pattern: is empty"]),
        ("pattern: (a+)+\nto: /y", ["10:14: filters.r.pattern: '(a+)+': a group is not repeated"]),
        ("pattern: /.*/.*x\nto: /y", ["filters.r.pattern: '/.*/.*x': could be matched in too many ways"]),
        ("pattern: /(.*)\nto: y$1", ["11:9: filters.r.to: expected a path such as /v2/$1, got 'y$1'"]),
        ("pattern: /(.*)\nto: /$1?a=b", ["filters.r.to: '/$1?a=b' has a query"]),
        ("pattern: /(.*)\nto: /../$1", ["filters.r.to: expected a path in its normal form, got '/../$1'"]),
        ("pattern: /(.*)\nto: /$2", ["11:9: filters.r.to: there is no group $2: the pattern has 1"]),
        ("pattern: /.*\nto: /$1", ["filters.r.to: there is no group $1: the pattern has none"]),
        ("pattern: /(.*)\nto: /$0", ["filters.r.to: there is no group $0: groups begin with $1"]),
        ("pattern: /(.*)\nto: $1", ["filters.r.to: need not be a path: $1 can begin with something else than '/'"]),
        ("pattern: /a(/.*)?\nto: $1", ["filters.r.to: need not be a path"]),
        ("pattern: /a(/.*)\nto: $1", []),
        ("regex: /a\nto: /b", ["filters.r.regex: unknown key", "filters.r.to: needs pattern beside it"]),
        ('path: "/${header.x}"', ["filters.r.path: no variable of a request stands here, got '/${header.x}'"]),
    ],
)
def test_what_is_said(tmp_path: Path, options: str, expected: list[str]) -> None:
    found = problems(tmp_path, text(options))
    assert len(found) == len(expected), found
    assert all(part in problem for part, problem in zip(expected, found, strict=True)), found


def test_what_came_from_the_environment_is_not_shown(tmp_path: Path) -> None:
    for options in (
        "pattern: ${SECRET}\nto: /x",
        "path: ${SECRET}",
        "strip_prefix: ${SECRET}",
        "pattern: /x\nto: ${SECRET}",
    ):
        (found,) = problems(tmp_path, text(options), {"SECRET": "(hunter2)+ /"})
        assert "hunter2" not in found and "${SECRET}" in found
