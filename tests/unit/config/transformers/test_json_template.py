"""``json/template`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{input: {{name: json/template, {keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("template: {a: [{$: /x, default: 1}, true]}")).routes[0].transformers
    assert dict(spec.options) == {
        "template": b'{"a":[{"$":"/x","default":1},true]}',
        "max_bytes": 1 << 20,
        "max_output": 4 << 20,
        "inline_bytes": 16 << 10,
        "queue": 32,
        "side": "input",
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "is required"),
        ("template: {a: [{$: x}]}", "expected a JSON pointer such as /data/0/name"),
        ("template: {$: /x, y: 1}", "stands beside '$', and a reference has nothing else but 'default'"),
        ("template: {$: 5}", "expected a JSON pointer such as /data/0/name"),
        (
            'template: ["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"], max_output: 20',
            "is less than the template has: 54 bytes",
        ),
        (
            "template: [" + ", ".join(["{$: /x}"] * 257) + "]",
            "has 257 references, more than 256",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(keys))
    assert found.startswith("4:") and found.endswith(f": {said}")
