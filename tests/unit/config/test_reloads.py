"""What the file says of how it is loaded again."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ReloadSpec
from tests.unit.config.files import MINIMAL, problems, read


def test_without_a_word_nothing_is_watched_or_guarded(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL).reload == ReloadSpec(
        watch=False, poll_interval=30.0, guard=0.0, max_error_increase=0.05, min_requests=50
    )


def test_all_of_it(tmp_path: Path) -> None:
    text = "reload: {watch: true, poll_interval: 5s, guard: 30s, max_error_increase: 2.5%, min_requests: 20}\n"
    assert read(tmp_path, MINIMAL + text).reload == ReloadSpec(
        watch=True, poll_interval=5.0, guard=30.0, max_error_increase=0.025, min_requests=20
    )


@pytest.mark.parametrize(
    "text",
    ["max_error_increase: 0.05", "min_requests: 0", "guard: soon", "gard: 30s", "watch: often", "poll_interval: 10ms"],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    (found,) = problems(tmp_path, f"{MINIMAL}reload: {{{text}}}\n")
    assert text.partition(":")[0] in found
