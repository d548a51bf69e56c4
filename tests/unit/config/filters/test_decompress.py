"""``decompress`` in the file: what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("type: decompress", []),
        ("type: decompress, codings: [gzip], unknown: pass, max_size: 1GiB, max_ratio: 1000, responses: true", []),
        ("type: decompress, codings: [br, br]", ["codings[1]: 'br' is in this list already"]),
        ("type: decompress, max_size: 0", ["max_size: expected a size from 1B to 1TiB, got '0'"]),
        (
            "type: decompress, requests: false",
            ["requests: neither requests nor responses: the filter does nothing"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{small: {{{keys}}}}}")
    assert [one.partition(": ")[2].removeprefix("filters.small.") for one in found] == expected
    assert all(one.startswith("7:") for one in found)
