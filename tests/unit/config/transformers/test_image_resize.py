"""``image/resize`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{input: {{name: image/resize, {keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("width: 640")).routes[0].transformers
    assert dict(spec.options) == {
        "width": 640,
        "height": 0,
        "fit": "fit",
        "enlarge": False,
        "format": "auto",
        "quality": 85,
        "metadata": "drop",
        "formats": ("png", "jpeg", "gif", "webp", "bmp", "tiff"),
        "max_bytes": 10 << 20,
        "max_pixels": 50_000_000,
        "inline_pixels": 16_384,
        "threads": 2,
        "queue": 32,
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "is needed, or height: images get another size here"),
        ("fit: fill, width: 5", "is needed where fit is fill"),
        ("fit: stretch, height: 5", "is needed where fit is stretch"),
        ("fit: crop, width: 5", "expected fit, fill or stretch, got 'crop'"),
        ("width: 20000", "expected a whole number from 0 to 16383, got '20000'"),
        ("width: 5, formats: []", "is empty: no image passes"),
        ("width: 5, quality: 0", "expected a whole number from 1 to 100, got '0'"),
        ("width: 5, max_pixels: 100000000", "expected a whole number from 1 to 89478485, got '100000000'"),
        ("width: 9000, height: 9000", "is less than 9000 x 9000, which is made here"),
        ("width: 5, threads: 0", "expected a whole number from 1 to 64, got '0'"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(keys))
    assert found.startswith("4:") and found.endswith(f": {said}")


def test_without_pillow_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.config.transformers.image_resize.find_spec", lambda name: None)
    [found] = problems(tmp_path, route("width: 5"))
    assert found.endswith("needs the package Pillow: pip install 'fastgw[image]'")


def test_what_it_does_is_told(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("width: 5")).routes[0].transformers
    assert spec.does == "makes images 5 x any pixels (fit)"


def test_it_takes_what_the_decoder_makes(tmp_path: Path) -> None:
    resize = "{name: image/resize, width: 5}"
    assert problems(tmp_path, with_route(f"transformers: {{input: [image/base64-decoder, {resize}]}}")) == []
    [found] = problems(tmp_path, with_route(f"transformers: {{input: [{resize}, image/base64-decoder]}}"))
    assert "'image/base64-decoder' takes application/json, and 'image/resize' in front of it makes image/jpeg" in found
    [found] = problems(tmp_path, with_route(f"transformers: {{input: [audio/base64-decoder, {resize}]}}"))
    assert "'image/resize' takes image/png" in found
