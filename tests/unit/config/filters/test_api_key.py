"""``api_key`` in the file: the keys, where they are, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    return MINIMAL + f"filters: {{auth: {{type: api_key, {keys}}}}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("file: keys.json", []),
        ("file: keys.json, key_from: ['query:key', authorization]", []),
        ("realm: x", ["filters.auth.file: is required"]),
        ("file: none", ["filters.auth.file: FOLDER/none cannot be read: No such file or directory"]),
        (
            "file: bad",
            ["filters.auth.file: FOLDER/bad: keys[0].sha256: is no SHA-256 in 64 hexadecimal digits, in lower case"],
        ),
        ("file: keys.json, key_from: []", ["filters.auth.key_from: is empty; it needs at least one place"]),
        (
            "file: keys.json, key_from: body",
            [
                "filters.auth.key_from: expected authorization, header:NAME, cookie:NAME, query:NAME or subprotocol:NAME, got 'body'"
            ],
        ),
        ("file: keys.json, header: x-api-key", ["filters.auth.header: 'x-api-key' is where the key is"]),
        ("file: keys.json, when_full: open", ["filters.auth.when_full: expected refuse or let_through, got 'open'"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    (tmp_path / "bad").write_text('{"keys": [{"name": "ann", "sha256": "secret"}]}')
    found = problems(tmp_path, with_keys(keys))
    assert all(one.startswith("7:") for one in found)
    assert [one.split(": ", 1)[1] for one in found] == [one.replace("FOLDER", str(tmp_path)) for one in expected]
    assert "secret" not in str(found)


def test_what_the_filter_gets(tmp_path: Path) -> None:
    assert dict(read(tmp_path, with_keys("file: keys.json, header: X-Consumer")).filters[0].options) == {
        "file": str(tmp_path / "keys.json"),
        "key_from": ("authorization", "header:x-api-key"),
        "realm": "",
        "forward": False,
        "header": "x-consumer",
        "when_full": "refuse",
    }
