"""What is decided in another way, in words without values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.rehearsal import verdicts as module
from fastgw.rehearsal.captures import RecordedRequest, read_line
from fastgw.rehearsal.comparing import Rehearsal, replayed
from fastgw.rehearsal.stage import Decided, Stage
from fastgw.rehearsal.treatment import Treatments
from fastgw.rehearsal.verdicts import NAMES_MOST, Trial, verdict_lines
from tests.unit.config.files import read

PASSED = Decided(200, "", b"/a", b"1", {"x-a": b"1"}, {"date": b"1", "x-b": b"hunter2"})


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (PASSED, ()),
        (PASSED._replace(answered={"date": b"2", "x-b": b"hunter2"}), ()),
        (Decided(403, "origin_denied", None), ("answer: as the service says -> 403 origin_denied",)),
        (Decided(410, "", None), ("answer: as the service says -> 410",)),
        (
            PASSED._replace(path=b"/hunter2", body=b"2"),
            ("the service gets another path", "the service gets another body"),
        ),
        (PASSED._replace(asked={"x-c": b"hunter2"}), ("the service gets: no x-a, x-c",)),
        (PASSED._replace(answered={"x-b": b"3"}), ("the client gets: no date, another x-b",)),
        (PASSED._replace(status=404), ("answer: 200 -> 404",)),
        (Decided(0, "", b"/a", b"1", {"x-a": b"1"}), ()),
        (Decided(301, "", None, b"", {}, PASSED.answered), ("answer: 200 -> 301",)),
    ],
)
def test_words(new: Decided, lines: tuple[str, ...]) -> None:
    assert verdict_lines(PASSED, new) == lines
    assert "hunter2" not in "".join(lines)


def test_a_line_has_an_end() -> None:
    many = PASSED._replace(asked={f"x-{number}": b"" for number in range(50)})
    (line,) = verdict_lines(PASSED, many)
    assert line.endswith(f"and {51 - NAMES_MOST} more")


TEXT = """
listeners: [{name: edge, address: "127.0.0.1:18080"}]
filters:
  cors: {type: cors, origins: ["https://a.test"], refuse_others: true}
  team: {type: headers, request: {set: {x-team: blue}}}
routes:
  - {name: a, path: /a/*, service: one, filters: [cors]}
  - {name: b, path: /b/*, service: one, filters: [team]}
services: {one: {endpoints: ["10.0.0.1:80"]}}
"""


def request(target: str, **changed: Any) -> RecordedRequest:
    given = {"v": 1, "listener": "edge", "target": target, "host": "a.test", "status": 200}
    return read_line(json.dumps(given | changed).encode() + b"\n")


@pytest.fixture
def tried(tmp_path: Path) -> Any:
    def found(new: str, *requests: RecordedRequest) -> Rehearsal:
        old, other = read(tmp_path, TEXT), read(tmp_path, new)
        trial = Trial(old, other)
        report = replayed(requests, Treatments(old), Treatments(other, old), trial=trial)
        trial.close()
        return report

    return found


def test_who_is_refused_is_lost_and_who_is_not_is_only_changed(tried: Any) -> None:
    new = TEXT.replace("https://a.test", "https://b.test")
    pages = [("https://a.test", 3), ("https://b.test", 2)]
    requests = [request("/a/x", fields=[["origin", origin]]) for origin, count in pages for _ in range(count)]
    report = tried(new, *requests, request("/a/x"), request("/a/x", fields=[["origin", "#12"]]), request("/b/x"))
    assert {reason: one.count for reason, one in report.lost.items()} == {"answered 403 origin_denied": 3}
    assert report.served == 6 and report.changed == 7  # those of b.test had no answer before
    assert report.unknown == {"filter cors: origin was recorded as a hash": 1}
    answers = {lines[-1]: one.count for lines, one in report.changes.items()}
    assert answers["answer: as the service says -> 403 origin_denied"] == 3
    assert answers["answer: 403 origin_denied -> as the service says"] == 2


def test_what_a_service_gets(tried: Any) -> None:
    report = tried(TEXT.replace("x-team: blue", "x-group: blue"), request("/b/x"), request("/a/x"))
    [(lines, one)] = report.changes.items()
    assert one.count == 1 and lines[-1] == "the service gets: no x-team, x-group" and not report.lost


def test_only_who_meets_something_else_is_tried(tried: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "of", lambda *_: pytest.fail("was tried"))
    assert tried(TEXT, request("/a/x")).changed == 0


def test_filters_that_cannot_be_made_are_said_and_nobody_is_tried(tried: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> Stage:
        raise FileNotFoundError("gone")

    monkeypatch.setattr(module, "Stage", refuse)
    report = tried(TEXT.replace("blue", "red"), request("/b/x"), request("/b/x"))
    assert report.changed == 2 and report.unknown == {"the filters cannot be made (FileNotFoundError)": 2}


def test_what_cannot_be_asked_again_is_said(tried: Any) -> None:
    report = tried(TEXT.replace("blue", "red"), request("/b/\x1b"), request("/b/x", fields=[["upgrade", "#12"]]))
    assert report.unknown == {"it cannot be asked again": 1, "it asked for another protocol": 1}
