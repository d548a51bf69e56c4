"""Lines of JSON: in batches, at the latest after a while, and counted where the disk does not follow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.filters.log_file import FILES
from fastgw.filters.log_lines import LogLines
from fastgw.testing.edge import new_loop


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "lines"
    FILES.finish()
    assert not [thread for thread in threading.enumerate() if thread.name == "access-log"]


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_full_batch_is_written_at_once_and_others_after_a_while(path: Path) -> None:
    loop = new_loop()
    lines = LogLines(str(path), batch=30, flush=2.0)
    lines.start(loop)
    lines.add({"n": 1})
    assert len(loop.timers) == 1
    lines.add({"long": "x" * 30})
    assert not loop.timers
    lines.add({"n": 3})
    loop.advance(2.1)
    assert not loop.timers
    lines.stop()
    FILES.finish()
    assert written(path) == [{"n": 1}, {"long": "x" * 30}, {"n": 3}]


def test_what_is_lost_is_told_by_the_next_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines(str(path))
    lines.start(new_loop())
    file = FILES.acquire(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(type(file), "is_full", property(lambda self: True))
        lines.add({"n": 1})
        lines.add({"n": 2})
    lines.add({"n": 3})
    lines.stop()
    FILES.release(file)
    FILES.finish()
    assert written(path) == [{"n": 3, "dropped": 2}]


def test_lines_of_text_have_nothing_of_json(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines(str(path), is_json=False)
    lines.start(new_loop())
    file = FILES.acquire(str(path))

    def write(text: bytes) -> None:
        lines.begin()
        lines.writer.put(text)
        lines.end()

    with monkeypatch.context() as patch:
        patch.setattr(type(file), "is_full", property(lambda self: True))
        write(b"lost")
    write(b"a b")
    lines.stop()
    FILES.release(file)
    FILES.finish()
    assert path.read_bytes() == b"a b\n"
    assert FILES.losses.take()[str(path)].lines == 1


def test_a_line_that_somebody_failed_to_end_is_none(path: Path) -> None:
    loop = new_loop()
    lines = LogLines(str(path), flush=2.0)
    lines.start(loop)
    lines.add({"n": 1})
    lines.begin()
    lines.writer.put(b'{"half"')
    lines.add({"n": 2})
    lines.begin()
    lines.writer.put(b'{"half"')
    loop.advance(2.1)
    lines.add({"n": 3})
    lines.stop()
    FILES.finish()
    assert written(path) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_batch_is_begun_only_where_the_file_has_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = LogLines(str(path), batch=20)
    lines.start(new_loop())
    lines.add({"n": 1})
    file = FILES.acquire(str(path))
    with monkeypatch.context() as patch:
        patch.setattr(type(file), "is_full", property(lambda self: True))
        for number in range(2, 5):
            lines.add({"n": number})
    lines.add({"n": 5})
    lines.stop()
    FILES.release(file)
    FILES.finish()
    assert written(path) == [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 5, "dropped": 1}]
    assert FILES.losses.take()[str(path)].lines == 1


def test_a_line_behind_the_end_is_written_all_the_same(path: Path) -> None:
    lines = LogLines(str(path))
    lines.start(new_loop())
    lines.stop()
    lines.add({"late": True})
    FILES.finish()
    assert written(path) == [{"late": True}]


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        LogLines(str(tmp_path / "nowhere" / "log")).start(new_loop())
