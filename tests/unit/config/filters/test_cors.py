"""``cors`` in the file: origins as browsers write them, and never ``*`` with credentials."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    return MINIMAL + f"filters:\n  c:\n    type: cors\n    {keys}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("origins: https://app.example", []),
        (
            "origins: ['http://localhost:3000', 'https://*.app.example', 'capacitor://localhost', 'http://[::1]:81']",
            [],
        ),
        ("origins: 'chrome-extension://abcdefghijklmnop'", []),
        ("methods: GET", ["filters.c.origins: is required"]),
        ("origins: []", ["filters.c.origins: expected 1 to 200 origins, got 0"]),
        (
            "origins: app.example",
            [
                (
                    "filters.c.origins: expected an origin such as https://app.example or https://*.app.example, "
                    "got 'app.example'"
                )
            ],
        ),
        (
            "origins: https://app.example/",
            ["filters.c.origins: browsers leave the last slash out; write https://app.example"],
        ),
        (
            "origins: https://app.example:443",
            ["filters.c.origins: browsers leave the usual port out; write https://app.example"],
        ),
        (
            "origins: https://*app.example",
            [
                (
                    "filters.c.origins: expected an origin such as https://app.example or https://*.app.example, "
                    "got 'https://*app.example': the host has a '*' that is not the whole first label"
                )
            ],
        ),
        (
            "origins: 'null'",
            [
                (
                    "filters.c.origins: 'null' is the origin of any page in a sandbox, and of files: "
                    "it is nobody, and never allowed"
                )
            ],
        ),
        (
            "origins: ['*', 'https://app.example']",
            ["filters.c.origins: has '*', which is every origin, and others; give one of them"],
        ),
        (
            "{origins: '*', credentials: true}",
            [
                (
                    "filters.c.origins: '*' cannot stand together with credentials: "
                    "any page could act and read as the user; list them"
                )
            ],
        ),
        (
            "{origins: 'https://a.example', credentials: true, headers: '*', methods: '*', expose: '*'}",
            [
                f"filters.c.{key}: '*' cannot stand together with credentials: "
                "browsers take it literally then; list them"
                for key in ("headers", "methods", "expose")
            ],
        ),
        (
            "{origins: '*', headers: ['*', x-a]}",
            ["filters.c.headers: has '*', which is all of them, and others; give one of them"],
        ),
        ("{origins: '*', methods: []}", ["filters.c.methods: is empty; it needs at least one method"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    text = with_keys(keys)
    if keys.startswith("{"):
        text = MINIMAL + f"filters:\n\n\n  c: {{type: cors, {keys[1:]}"
    found = problems(tmp_path, text)
    assert all(re.match("10:[0-9]+: ", one) or ": is required" in one for one in found)
    assert [one.partition(": ")[2] for one in found] == expected


def test_what_the_filter_gets(tmp_path: Path) -> None:
    text = with_keys(
        "origins: [HTTPS://App.Example, 'https://*.app.example']\n    headers: [X-A, x-a]\n    expose: X-B"
    )
    assert dict(read(tmp_path, text).filters[0].options) == {
        "origins": ("https://app.example", "https://*.app.example"),
        "methods": ("GET", "HEAD", "POST"),
        "headers": ("x-a",),
        "expose": ("x-b",),
        "credentials": False,
        "max_age": 600.0,
        "refuse_others": False,
    }
