"""``mtls`` in the file: what a certificate must say, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def with_rule(rule: str, more: str = "") -> str:
    return MINIMAL + f"filters: {{staff: {{type: mtls, rules: [{{{rule}}}]{more}}}}}"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("cn: ann", []),
        ("", ["filters.staff.rules[0]: says nothing: give it one of cn, ou, dns, uri, fingerprint"]),
        ("cn: []", ["filters.staff.rules[0].cn: is empty; it needs at least one text"]),
        ("cn: '*.example'", ["filters.staff.rules[0].cn: '*.example' is a pattern, and only dns and uri have such"]),
        (
            "dns: 'a.*.example'",
            ["filters.staff.rules[0].dns: 'a.*.example' has a '*' that is not the whole first label"],
        ),
        (
            "uri: 'spiffe://a/*/b'",
            [
                (
                    "filters.staff.rules[0].uri: expected a URI such as spiffe://example/web, or spiffe://example/* for all below, got "
                    "'spiffe://a/*/b'"
                )
            ],
        ),
        (
            "fingerprint: abcd",
            [
                "filters.staff.rules[0].fingerprint: expected the SHA-256 of a certificate in 64 hexadecimal digits, got 'abcd'"
            ],
        ),
        ("o: x", ["filters.staff.rules[0].o: unknown key"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, rule: str, expected: list[str]) -> None:
    found = problems(tmp_path, with_rule(rule))
    assert all(one.startswith("7:") for one in found)
    assert [one.split(": ", 1)[1].split("; did you")[0] for one in found] == expected


def test_what_the_filter_gets(tmp_path: Path) -> None:
    rule = f"cn: [ann, bob], dns: '*.Example', uri: 'spiffe://a/*', fingerprint: '{':'.join(['ab'] * 32)}'"
    assert dict(read(tmp_path, with_rule(rule, ", header: X-User, identity: uri")).filters[0].options) == {
        "rules": (
            (
                ("cn", ("ann", "bob")),
                ("dns", ("*.example",)),
                ("uri", ("spiffe://a/*",)),
                ("fingerprint", ("ab" * 32,)),
            ),
        ),
        "identity": "uri",
        "header": "x-user",
    }
    assert dict(read(tmp_path, MINIMAL + "filters: {staff: {type: mtls}}").filters[0].options)["rules"] == ()
