"""Captures that somebody has made to do harm: read to their end, nothing of them is an order to a terminal, and no secret is told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.cli.main import main
from fastgw.rehearsal import comparing as module
from fastgw.rehearsal.captures import LINE_MAX, read_line
from fastgw.rehearsal.comparing import OTHERS, document, replayed
from fastgw.rehearsal.recent import RecentCapture
from fastgw.rehearsal.treatment import Treatments
from fastgw.rehearsal.verdicts import Trial
from tests.unit.config.files import read

OLD = """
listeners: [{name: edge, address: "127.0.0.1:18080", before_routing: [strip]}, {name: two, address: "127.0.0.1:18081"}]
chain: [cors]
filters:
  strip: {type: rewrite, strip_prefix: /api}
  cors: {type: cors, origins: ["https://a.test"]}
  team: {type: headers, request: {set: {x-team: blue}}}
routes:
  - {name: a, path: /a/*, headers: {x-plan: gold}, service: one, filters: [team]}
  - {name: m, path: /m/*, models: true}
  - {name: rest, path: /*, service: one, filters: [team]}
services: {one: {endpoints: ["10.0.0.1:80"]}}
models: {small: {service: one}}
"""
NEW = OLD.replace("blue", "red").replace("name: a,", "name: b,").replace("https://a.test", "https://b.test")
GOOD: dict[str, Any] = {
    "v": 1, "at": "2026-11-28T00:00:00Z", "listener": "edge", "scheme": "http", "method": "GET", "target": "/a/x?k=tok-secret",
    "host": "a.test", "fields": [["x-plan", "gold"], ["x-note", "hunter2"]], "body": {"size": 7, "data": "aHVudGVyMg=="},
    "route": "a", "service": "one", "model": "small", "code": "", "status": 200, "ms": 1.0,
}  # fmt: skip
ESCAPES = "\x1b]0;hunter2\x07\x1b[2J\r\n\u202e\u200b\ud800\x00"


def lines() -> list[bytes]:
    texts = [key for key, value in GOOD.items() if isinstance(value, str)]
    found = [json.dumps(GOOD | {key: value + ESCAPES}).encode() for key in texts for value in ("", "/" + GOOD[key])]
    odd: list[dict[str, Any]] = [
        {"fields": [[ESCAPES, ESCAPES], ["x-plan", ESCAPES], ["origin", "#\x1b"], ["", ""]]},
        {"fields": [["content-length", "99"], ["transfer-encoding", "chunked"], ["host", "b.test"], ["expect", "100-continue"]]},
        {"fields": [["x-plan", "gold\r\nx-other: hunter2"]]},
        {"body": {"size": -1}}, {"body": {"size": 1 << 70}}, {"body": {"size": True}}, {"body": {"size": "9"}},
        {"body": {"size": 3, "data": "!"}}, {"body": {"data": ["x"], "size": [1]}}, {"body": [1]},
        {"at": "9999-12-31T23:59:59Z"}, {"at": "0001-01-01T00:00:00+14:00"}, {"at": "1e400"},
        {"status": -1}, {"status": 10**300}, {"status": 1e400}, {"ms": -1e300}, {"ms": 1e14}, {"status": True},
        {"method": "CONNECT"}, {"method": "a" * 16_000}, {"host": "[::1"}, {"host": "a:b:c"}, {"target": "*"}, {"target": "/../.."},
        {"target": "/%00%ff%2e%2e/" + "%" * 100}, {"target": "//evil.test/"}, {"target": "/?" + "#" * 5000},
        {"v": True}, {"v": 2}, {"v": None}, {"listener": "none"},
    ]  # fmt: skip
    found += [json.dumps(GOOD | one).encode() for one in odd]
    deep = b'{"v": 1, "target": "/a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    found += [deep, b"{" * 5000, b"\xff" * 100, b"", b"1" * 5000, b'{"v":1,"target":"/","status":' + b"9" * 4000 + b"}"]
    return found


def written(folder: Path, *more: bytes) -> str:
    path = folder / "c.log"
    path.write_bytes(b"\n".join([*lines(), *more]) + b"\n" + json.dumps(GOOD).encode()[:50])
    return str(path)


@pytest.mark.parametrize("way", ["tried", "record"])
def test_every_one_is_read_and_none_gives_an_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(OLD)
    new.write_text(NEW)
    capture = written(tmp_path, b"x" * (LINE_MAX + LINE_MAX // 2))
    given = ["--from", str(old)] if way == "tried" else []
    for output in ([], ["--json"]):
        assert main(["replay", "--against", str(new), *given, *output, capture]) == 1
        out, err = capsys.readouterr()
        assert err == "" and "is longer than a line may be" in out and "is cut off" in out
        printed = json.dumps(json.loads(out), ensure_ascii=False) if output else out
        assert all(one.isprintable() or one == "\n" for one in printed)
        assert "hunter2" not in printed.replace("]0;hunter2", "") and "tok-secret" not in printed


def test_what_differs_without_end_is_told_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHANGES_MAX", 3)
    new = Treatments(read(tmp_path, NEW))
    requests = [read_line(json.dumps(GOOD | {"route": f"r{number}"}).encode() + b"\n") for number in range(9)]
    report = replayed(requests, None, new)
    assert len(report.changes) == 4 and report.changes[OTHERS].count == 6 and report.changed == 9


def test_reading_has_an_end_too(tmp_path: Path) -> None:
    (tmp_path / "c.log").write_bytes(b"\n" * 50_000)
    looks = iter([False, False, True])
    capture = RecentCapture([str(tmp_path / "c.log")], 0, 1e12, 100, lambda: next(looks))
    assert capture.read() == [] and capture.is_cut and capture.unread.total() == 2000


_KEYS = st.sampled_from(sorted(GOOD))
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.lists(st.text(), max_size=3), max_size=3)
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Any]], Any]:
    folder = tmp_path_factory.mktemp("both")
    old, new = read(folder, OLD), read(folder, NEW)
    trial, first, second = Trial(old, new), Treatments(old), Treatments(new, old)
    return lambda requests: replayed(requests, first, second, trial=trial)


@given(st.dictionaries(_KEYS, _VALUES, max_size=3))
def test_whatever_is_changed_in_a_line_it_is_compared_or_left_out(both: Any, changed: dict[str, Any]) -> None:
    try:
        request = read_line(json.dumps(GOOD | changed).encode() + b"\n")
    except ValueError:
        return
    report = both([request])
    told = json.dumps(document(report, Counter(), {}))
    assert report.requests == 1 and "hunter2" not in told
