"""``guardrails`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def text(keys: str) -> str:
    return MINIMAL + f"filters: {{g: {{type: guardrails, {keys}}}}}"


def test_what_a_worker_is_told(tmp_path: Path) -> None:
    options = dict(
        read(tmp_path, text("max_tokens: 100, images: {max_pixels: 4000000, types: [png, png]}")).filters[0].options
    )
    assert (options["max_tokens"], options["default_tokens"], options["over_tokens"]) == (100, 0, "clamp")
    assert dict(options["images"]) == {"max": 10, "max_pixels": 4_000_000, "types": ("png",), "remote": True}
    options = dict(read(tmp_path, text("phrases: [Do no evil]")).filters[0].options)
    assert (options["images"], options["phrases"], options["max_body"]) == (None, ("Do no evil",), 32 << 20)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("max_body: 1MiB", "filters.g: refuses nothing: give it one of max_tokens, default_tokens, max_choices, "),
        ("default_tokens: 9, over_tokens: refuse", "filters.g.over_tokens: has no effect without max_tokens"),
        ("max_tokens: 5, default_tokens: 9", "filters.g.default_tokens: is more than max_tokens (5)"),
        ("images: {types: []}", "filters.g.images.types: is empty; max: 0 refuses all images"),
        ("images: {types: [svg]}", "filters.g.images.types[0]: expected png, jpeg, gif, webp, bmp or tiff"),
        ("max_tokens: 0", "filters.g.max_tokens"),
        ("parameters: [" + ", ".join(f"a{one}" for one in range(201)) + "]", "has more than 200 of them"),
    ],
)
def test_what_is_wrong(tmp_path: Path, keys: str, expected: str) -> None:
    found = problems(tmp_path, text(keys))
    assert len(found) == 1 and expected in found[0], found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("sets: {a: {max_tokens: 5}, b: {}}", []),
        ("sets: {a: {max_tokens: 5}}, by_label: plan", []),
        ("max_tokens: 5, by_label: plan", ["filters.g.by_label: has no effect without sets"]),
        ("sets: {a: {over_tokens: refuse}}", ["filters.g.sets.a.over_tokens: has no effect without max_tokens"]),
        (
            "sets: {a: {max_tokens: 5, default_tokens: 6}}",
            ["filters.g.sets.a.default_tokens: is more than max_tokens (5)"],
        ),
        ("sets: {a: {images: {types: []}}}", ["filters.g.sets.a.images.types: is empty; max: 0 refuses all images"]),
        (
            f"sets: {{{', '.join(f's{number}: {{}}' for number in range(101))}}}",
            ["filters.g.sets: has more than 100 of them"],
        ),
    ],
)
def test_sets(tmp_path: Path, keys: str, expected: list[str]) -> None:
    assert [line.partition(": ")[2] for line in problems(tmp_path, text(keys))] == expected
