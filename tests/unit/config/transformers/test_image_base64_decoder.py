"""``image/base64-decoder`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{input: {{name: image/base64-decoder{keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("")).routes[0].transformers
    assert dict(spec.options) == {
        "field": "image",
        "formats": ("png", "jpeg", "gif", "webp", "bmp", "tiff"),
        "max_bytes": 10 << 20,
        "max_pixels": 50_000_000,
        "max_json": 64 << 10,
    }


@pytest.mark.parametrize("field", ["image", "data.image", "größe", "a b.c"])
def test_fields(tmp_path: Path, field: str) -> None:
    assert problems(tmp_path, route(f", field: {field}")) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("field: ''", "expected a key such as image, or keys such as data.image, got ''"),
        ("field: a..b", "expected a key such as image, or keys such as data.image, got 'a..b'"),
        ("field: .a", "expected a key such as image, or keys such as data.image, got '.a'"),
        ("formats: [svg]", "expected png, jpeg, gif, webp, bmp or tiff, got 'svg'"),
        ("formats: []", "is empty: no image passes"),
        ("max_bytes: 0", "expected a size from 1B to 1GiB, got '0'"),
        ("max_pixels: 0", "expected a whole number from 1 to 1099511627776, got '0'"),
        ("max_json: 2MiB", "expected a size from 16B to 1MiB, got '2MiB'"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(f", {keys}"))
    assert found.startswith("4:") and found.endswith(f": {said}")
