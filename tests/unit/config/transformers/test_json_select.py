"""``json/select`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{input: {{name: json/select, {keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("pick: /a")).routes[0].transformers
    assert dict(spec.options) == {
        "require": (),
        "pick": "/a",
        "keep": (),
        "drop": (),
        "rename": (),
        "max_bytes": 1 << 20,
        "inline_bytes": 16 << 10,
        "queue": 32,
        "side": "input",
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "changes nothing: it needs pick, keep, drop, rename or require"),
        ("pick: a", "expected a JSON pointer such as /data/0/name, got 'a'"),
        ("pick: /~3", "has a '~' that is no escape: '~0' is a '~', '~1' a '/', got '/~3'"),
        ("pick: /a/*", "'*' is no single value"),
        ("require: [/b, '/a/*/c']", "'*' is no single value"),
        ("rename: {'/a/*': b}", "'*' is no single key"),
        ("keep: ['']", "expected a JSON pointer such as /data/0/name, got ''"),
        (
            "keep: [" + ", ".join(f"/a{number}" for number in range(257)) + "]",
            "has more than 256 entries",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(keys))
    assert found.startswith("4:") and found.endswith(f": {said}")


def test_it_stands_on_both_sides(tmp_path: Path) -> None:
    one = "{name: json/select, rename: {/a: b}}"
    first, last = read(tmp_path, with_route(f"transformers: {{input: {one}, output: {one}}}")).routes[0].transformers
    assert [dict(spec.options)["side"] for spec in (first, last)] == ["input", "output"]
    assert dict(first.options)["rename"] == (("/a", "b"),)
