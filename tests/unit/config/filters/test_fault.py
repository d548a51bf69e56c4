"""``fault`` in the file: what it does, and that nobody forgets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import inspect
from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    text = MINIMAL.replace("service: a}", "service: a, filters: [faulty]}")
    assert text != MINIMAL
    return text + f"filters: {{faulty: {{type: fault{keys}}}}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (", abort: 503", None),
        (", delay: 1s, headers: {x-a: 1}", None),
        ("", "filters.faulty: does nothing: give it a delay or an abort"),
        (", delay: 0", "filters.faulty: does nothing: give it a delay or an abort"),
        (", delay: 2s-1s", "the first of the range is the longer one, got '2s-1s'"),
        (", delay: soon", "expected a duration"),
        (", delay: 1s-2h", "a delay is an hour at most, got '1s-2h'"),
        (", abort: 200", "expected a status from 400 to 599, or cut, got '200'"),
        (", abort: later", "expected a status from 400 to 599, or cut, got 'later'"),
        (", abort: 503, share: 0.5", "expected a percentage"),
        (", abort: 503, headers: {x-a: 1, X-A: 2}", "is the same header field as 'x-a'"),
    ],
)
def test_what_it_can_be(tmp_path: Path, keys: str, expected: str | None) -> None:
    found = problems(tmp_path, with_keys(keys))
    assert found == [] if expected is None else any(expected in one for one in found), found


@pytest.mark.parametrize(
    ("keys", "options", "does"),
    [
        (", abort: cut", {"delay": (0.0, 0.0), "abort": -1}, "faults: cuts, 100 % of requests"),
        (
            ", delay: 100ms - 2s, abort: 503, share: 5%",
            {"delay": (0.1, 2.0), "abort": 503, "share": 0.05},
            "faults: waits 0.1 to 2 s, then answers 503, 5 % of requests",
        ),
        (", delay: 20s", {"delay": (20.0, 20.0), "abort": 0}, "faults: waits 20 s, 100 % of requests"),
    ],
)
def test_what_it_does(tmp_path: Path, keys: str, options: dict[str, object], does: str) -> None:
    (fault,) = (one for one in read(tmp_path, with_keys(keys)).filters if one.name == "faulty")
    given = dict(fault.options)
    assert {key: given[key] for key in options} == options
    assert fault.does == does
    assert fault.settings.timeout == 10.0 + given["delay"][1]  # type: ignore[index]


def test_a_file_that_injects_faults_is_fine_but_told(tmp_path: Path) -> None:
    file = tmp_path / "gw.yaml"
    file.write_text(with_keys(", abort: 503"))
    found = inspect(file, {})
    assert not found.problems
    assert any("injects faults into requests" in one.message for one in found.warnings)
