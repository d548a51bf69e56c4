"""``json/bbox-formatter`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.transformers.json_bbox_formatter import _SOURCES
from fastgw.transformers.detections import SOURCES
from tests.unit.config.files import problems, read, with_route


def route(keys: str) -> str:
    return with_route(f"transformers: {{output: {{name: json/bbox-formatter{keys}}}}}")


def test_what_nobody_says(tmp_path: Path) -> None:
    [spec] = read(tmp_path, route("")).routes[0].transformers
    assert dict(spec.options) == {
        "source": "auto",
        "format": "auto",
        "unit": "auto",
        "to": "normalized",
        "max_bytes": 4 << 20,
        "max_boxes": 1000,
        "inline_bytes": 16 << 10,
        "queue": 32,
    }


def test_every_source_has_its_reader() -> None:
    assert ("auto", *SOURCES) == _SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_sources(tmp_path: Path, source: str) -> None:
    assert problems(tmp_path, route(f", source: {source}, format: cxcywh, unit: thousand, to: pixel")) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("to: thousand", "expected normalized or pixel, got 'thousand'"),
        ("source: huggingfac", "or google_vision, got 'huggingfac'; did you mean 'huggingface'?"),
        ("max_boxes: 0", "expected a whole number from 1 to 100000, got '0'"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, said: str) -> None:
    [found] = problems(tmp_path, route(f", {keys}"))
    assert found.startswith("4:") and found.endswith(said)
