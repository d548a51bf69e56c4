"""A rehearsal has something to be held with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read

CAPTURE = "filters: {capture: {type: record, path: PATH}}\n"
REHEARSE = "reload: {rehearse: 5m, max_lost: 1%}\n"


def text(*lines: str, path: str) -> str:
    return (MINIMAL + "".join(lines) + REHEARSE).replace("PATH", path)


def test_with_a_filter_that_requests_meet(tmp_path: Path) -> None:
    found = read(tmp_path, text(CAPTURE, "chain: [capture]\n", path=str(tmp_path / "c.log"))).reload
    assert (found.rehearse, found.max_lost) == (300.0, 0.01)
    assert read(tmp_path, MINIMAL).reload.rehearse == 0


@pytest.mark.parametrize(
    ("lines", "path", "said"),
    [
        ((), "", "no filter records requests: add filters: {capture: {type: record, path: "),
        ((CAPTURE,), "c.log", "no request meets capture: name it in chain"),
        ((CAPTURE.replace("PATH", "PATH, sample: 0%"), "chain: [capture]\n"), "c.log", "capture records nothing"),
        ((CAPTURE, "chain: [capture]\n"), "stderr", "cannot be read again: give the filter a file"),
    ],
)
def test_without_one_it_is_said_what_to_add(tmp_path: Path, lines: tuple[str, ...], path: str, said: str) -> None:
    found = problems(tmp_path, text(*lines, path=str(tmp_path / path) if path == "c.log" else path))
    assert any(said in one and "rehearse" in one for one in found), found


def test_a_mistake_elsewhere_hides_nothing_and_causes_none(tmp_path: Path) -> None:
    found = problems(tmp_path, text(CAPTURE, "chain: [capture]\n", path="[1]"))
    assert found and not any("rehearse" in one for one in found)
    (found_one,) = problems(tmp_path, f"{MINIMAL}reload: {{rehearse: soon}}\n")
    assert "rehearse" in found_one
