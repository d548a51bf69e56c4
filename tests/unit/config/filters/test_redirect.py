"""``redirect`` in the file: where it leads, and that it does not lead back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    return MINIMAL + f"filters: {{away: {{type: redirect{keys}}}}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", []),
        (", scheme: https, to: 'http://${request.host}/plain'", []),
        (", scheme: any, to: 'https://www.example${request.target}'", []),
        (", status: 304", ["7:42: filters.away.status: expected 301, 302, 303, 307 or 308, got '304'"]),
        (", scheme: ftp", ["7:42: filters.away.scheme: expected http, https or any, got 'ftp'"]),
        (
            ", to: /elsewhere",
            ["7:38: filters.away.to: is a path, which leads back to this filter; expected an http URI"],
        ),
        (
            ", to: '${request.target}'",
            ["7:38: filters.away.to: is a path, which leads back to this filter; expected an http URI"],
        ),
        (
            ", to: 'http://${request.authority}/x'",
            ["7:38: filters.away.to: leads back to this filter, which answers requests of http too"],
        ),
        (
            ", scheme: any",
            ["7:42: filters.away.scheme: leads back to this filter, which answers requests of https too"],
        ),
        (
            ", to: 'https://${header.x}/'",
            ["7:38: filters.away.to: has no valid host in front of its path, got 'https://${header.x}/'"],
        ),
    ],
)
def test_what_leads_nowhere_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_keys(keys)) == expected


def test_what_nobody_says(tmp_path: Path) -> None:
    assert dict(read(tmp_path, with_keys("")).filters[0].options) == {
        "scheme": "http",
        "to": (b"https://", "request.host", "request.target"),
        "status": 308,
    }


def test_it_needs_no_definition(tmp_path: Path) -> None:
    text = MINIMAL.replace("18080\n", "18080\n    filters: [redirect]\n")
    assert [(one.name, dict(one.options)["status"]) for one in read(tmp_path, text).filters] == [("redirect", 308)]
