"""``audio/base64-decoder`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{input: {{name: audio/base64-decoder, {keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("field: audio")).routes[0].transformers
    assert dict(spec.options) == {
        "field": "audio",
        "formats": ("wav", "flac", "ogg", "mp3", "mp4", "webm", "aac"),
        "max_bytes": 25 << 20,
        "max_json": 64 << 10,
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("formats: [midi]", "expected wav, flac, ogg, mp3, mp4, webm or aac, got 'midi'"),
        ("formats: []", "is empty: no recording passes"),
        ("field: a..b", "expected a key such as image, or keys such as data.image, got 'a..b'"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(keys))
    assert found.startswith("4:") and found.endswith(f": {said}")
