"""scripts/counters: what follows from the table of counters is as committed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastgw.core import counters
from fastgw.core.blocks import DURATION_BUCKETS
from tests.support.demo import load

_counters = load("scripts/_counters.py")


def test_what_is_committed_is_what_it_writes() -> None:
    """If not: ``scripts/counters``."""
    assert _counters.TYPES.read_text() == _counters.types()
    page = _counters.PAGE.read_text()
    assert page == _counters.page(page)


def test_constants_of_the_c_compiler_are_those_of_the_table() -> None:
    text = _counters.types().partition("cdef enum:")[2].partition("cdef inline")[0]
    found = {name: int(value) for name, value in re.findall(r"^    (\w+) = (-?\d+)$", text, flags=re.MULTILINE)}
    assert len(found) == text.count(" = ")  # every line was understood
    assert found == {name: value for name, value in vars(counters).items() if name.isupper() and type(value) is int}


def test_the_search_that_is_written_finds_what_bisection_does() -> None:
    body = _counters.types().partition("cdef inline int bucket_of(long long micros) noexcept nogil:\n")[2]
    namespace: dict[str, object] = {}
    exec(f"def bucket_of(micros):\n{body}", namespace)
    for micros in {0, *(bound + off for bound in DURATION_BUCKETS for off in (-1, 0, 1)), 2**62}:
        assert namespace["bucket_of"](micros) == counters.bucket_of(micros)  # type: ignore[operator]


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        _counters.page("nothing")


def test_it_writes_and_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, types = tmp_path / "operations.md", tmp_path / "_counters.pxd"
    page.write_text(f"before\n{_counters.BEGIN}stale\n{_counters.END}after\n")
    types.write_text("stale")
    monkeypatch.setattr(_counters, "ROOT", tmp_path)
    monkeypatch.setattr(_counters, "PAGE", page)
    monkeypatch.setattr(_counters, "TYPES", types)
    assert _counters.main(["--check"]) == 1
    assert types.read_text() == "stale"
    assert _counters.main([]) == 0
    assert capsys.readouterr().out == "_counters.pxd\noperations.md\n" * 2
    assert types.read_text() == _counters.types()
    written = page.read_text()
    assert written.startswith("before\n") and written.endswith("after\n") and "fastgw_exchanges_open" in written
    assert _counters.main(["--check"]) == _counters.main([]) == 0
