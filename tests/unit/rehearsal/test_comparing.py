"""Two numbers: who is treated in another way, and who had an answer and would have none."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.spec import GatewaySpec
from fastgw.rehearsal.captures import LONGEST, RecordedRequest, read_line
from fastgw.rehearsal.comparing import EXAMPLES_MOST, Affected, Rehearsal, document, replayed
from fastgw.rehearsal.treatment import Treatments
from tests.unit.config.files import read

TEXT = """
listeners: [{name: edge, address: "127.0.0.1:18080"}, {name: inner, address: "127.0.0.1:18081"}]
routes:
  - {name: a, path: /a/*, service: one}
  - {name: b, path: /b/*, service: one}
  - {name: m, path: /m/*, models: true}
services: {one: {endpoints: ["10.0.0.1:80"]}}
models: {small: {service: one}, large: {service: one}}
"""


def request(**changed: Any) -> RecordedRequest:
    given = {
        "v": 1,
        "at": "2026-11-28T00:00:00Z",
        "listener": "edge",
        "target": "/a/x",
        "host": "a.test",
        "status": 200,
    }
    return read_line(json.dumps(given | changed).encode() + b"\n")


@pytest.fixture
def compare(tmp_path: Path) -> Any:
    old = read(tmp_path, TEXT)

    def compared(new: str, *requests: RecordedRequest) -> Rehearsal:
        spec: GatewaySpec = read(tmp_path, new)
        return replayed(requests, Treatments(old), Treatments(spec, old))

    return compared


@pytest.mark.parametrize(
    ("old", "new", "changed", "reason"),
    [
        ("{name: a, path: /a/*, service: one}", "{name: a, path: /aa/*, service: one}", {}, "no route"),
        ("path: /a/*, service: one", "path: /a/*, methods: [POST], service: one", {}, "no route"),
        ("path: /a/*, service: one", "path: /a/*, reply: {status: 410}", {}, "answered 410 by the route"),
        (", large: {service: one}", "", {"target": "/m/v1/chat/completions", "model": "large"}, "no such model"),
        ("name: edge, address: \"127.0.0.1:18080\"", "name: other, address: \"127.0.0.1:1\"", {}, "no listener"),
    ],
)  # fmt: skip
def test_who_had_an_answer_and_has_none(compare: Any, old: str, new: str, changed: dict[str, Any], reason: str) -> None:
    assert old in TEXT
    report = compare(TEXT.replace(old, new, 1), request(**changed), request(target="/b/x", listener="inner"))
    assert (report.served, report.losses) == (2, 1)
    assert {why: dict(one.examples) for why, one in report.lost.items()}.keys() == {reason}


@pytest.mark.parametrize(
    "changed",
    [{"status": 404}, {"status": 502}, {"status": 200, "code": "aborted"}, {"status": 0}, {"target": "/none"}],
)
def test_who_had_none_loses_nothing(compare: Any, changed: dict[str, Any]) -> None:
    report = compare(TEXT.replace("path: /a/*", "path: /other/*"), request(**changed))
    assert (report.requests, report.served, report.losses) == (1, 0, 0)


def test_a_listener_that_is_named_in_another_way_is_the_one_at_its_address(compare: Any) -> None:
    report = compare(TEXT.replace("name: edge", "name: front"), request())
    assert report.losses == 0


def test_what_is_compared_once_for_all_is_that_of_each(compare: Any) -> None:
    new = TEXT.replace("path: /a/*,", "path: /a/*, timeout: 5s,").replace("10.0.0.1:80", "10.0.0.2:80")
    report = compare(new, request(), request(), request(target="/b/x"))
    found = {tuple(line.partition(":")[0] for line in lines): one.count for lines, one in report.changes.items()}
    service = ("service one", "service one")
    assert found == {("route a", *service): 2, service: 1}


def test_each_way_has_a_chain_of_its_own(compare: Any) -> None:
    new = TEXT.replace("path: /a/*,", "path: /a/*, filters: [server_timing],")
    new = new.replace("path: /b/*,", "path: /b/*, filters: [team],")
    new += "filters: {team: {type: headers, request: {set: {x-team: blue}}}}\n"
    report = compare(new, request(), request(target="/b/x"))
    assert len(report.changes) == 2 and report.changed == 2


def test_who_has_no_time_is_told_so(tmp_path: Path) -> None:
    made = Treatments(read(tmp_path, TEXT))
    report = replayed([request()] * 200, made, made, iter([False, True]).__next__)
    assert (report.requests, report.is_cut) == (64, True)


def test_examples_are_bounded_and_nothing_of_them_is_an_order() -> None:
    found = Affected()
    for number in range(EXAMPLES_MOST + 5):
        found.add(request(target=f"/{number}?hunter2", host="\x1b[2Ja\u202e" + "x" * 1000, method="G\r\nT"))
    assert found.count == EXAMPLES_MOST + 5 and len(found.examples) <= EXAMPLES_MOST
    assert all(one.isprintable() and len(one) <= LONGEST for one in found.examples)


def test_the_document_has_all_of_it_and_no_more_changes_than_are_wanted(compare: Any) -> None:
    report = compare(TEXT.replace("path: /a/*", "path: /z/*"), request(at="\x1b[2J"), request(target="/b/x"))
    found = document(report, Counter({"is no JSON": 2}), {"is no JSON": "c.log"}, 0)
    assert found["changes"] == found["losses"] == [] and found["left_out"][0]["count"] == 2
    found = document(report, Counter(), {})
    assert (found["requests"], found["changed"], found["served"], found["lost"]) == (2, 1, 2, 1)
    assert found["losses"] == [
        {"count": 1, "reason": "no route", "examples": [{"request": "GET a.test/a/x", "count": 1}]}
    ]
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)
