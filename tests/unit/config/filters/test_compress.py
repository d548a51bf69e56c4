"""``compress`` in the file: what makes no sense, and a level for each coding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("type: compress", []),
        (
            "type: compress, codings: [zstd, br, gzip], types: [text/html, image/*, '*+json'], min_size: 0, streams: true",
            [],
        ),
        ("type: compress, codings: []", ["codings: is empty; it needs at least one coding"]),
        ("type: compress, codings: [gzip, br, gzip]", ["codings[2]: 'gzip' is in this list already"]),
        ("type: compress, codings: [deflate]", ["codings[0]: expected gzip, br or zstd, got 'deflate'"]),
        ("type: compress, gzip_level: 0", ["gzip_level: expected a whole number from 1 to 9, got '0'"]),
        (
            "type: compress, types: [json]",
            ["types[0]: expected a media type such as application/json, text/* or *+json, got 'json'"],
        ),
        (
            "type: compress, types: [text/event-stream]",
            ["types[0]: text/event-stream is not asked for by its type, but by 'streams: true'"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{small: {{{keys}}}}}")
    assert [one.partition(": ")[2].removeprefix("filters.small.") for one in found] == expected
    assert all(one.startswith("7:") for one in found)


def test_each_coding_has_its_level(tmp_path: Path) -> None:
    small = read(
        tmp_path, MINIMAL + "filters: {small: {type: compress, codings: [zstd, gzip], gzip_level: 6}}"
    ).filters[0]
    assert dict(small.options)["levels"] == (("zstd", 3), ("gzip", 6))
