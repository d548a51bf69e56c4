"""Limits held against the times at which requests came: the same refusals as by the filter itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.live.board import NAMED_TIMES, Board, blank
from fastgw.core.live.holds import sit_down
from fastgw.core.live.meters import Meter
from fastgw.core.live.words import BOARD_BYTES
from fastgw.rehearsal import limits as module
from fastgw.rehearsal.captures import RecordedRequest, read_line
from fastgw.rehearsal.comparing import Rehearsal, replayed
from fastgw.rehearsal.limits import RATE_LIMIT, LimitChange, LimitTrial
from fastgw.rehearsal.treatment import Treatments
from tests.unit.config.files import read

SECOND = 10**9
TEXT = """
listeners: [{name: edge, address: "127.0.0.1:18080"}]
chain: [capture]
filters:
  capture: {type: record, path: /tmp/c.log, sample: 100%}
  quota: {type: rate_limit, limits: [{rate: 5/s, burst: 2, per: "header:x-who"}]}
  whole: {type: rate_limit, limits: [{rate: 100/s, per: route}]}
routes:
  - {name: a, path: /a, service: one, filters: [quota, whole]}
  - {name: b, path: /b, service: one}
services: {one: {endpoints: ["10.0.0.1:80"]}}
"""
LESS = TEXT.replace("rate: 5/s, burst: 2", "rate: 1/s, burst: 1")


def request(behind: float, who: str = "#12", target: str = "/a", **more: Any) -> RecordedRequest:
    when = datetime.fromtimestamp(1_800_000_000 + behind, UTC).isoformat()
    given = {"v": 1, "at": when, "listener": "edge", "target": target, "host": "a.test", "status": 200}
    return read_line(json.dumps(given | {"fields": [["x-who", who]]} | more).encode() + b"\n")


@pytest.fixture
def led(tmp_path: Path) -> Callable[..., Rehearsal]:
    def found(old: str, new: str, *requests: RecordedRequest) -> Rehearsal:
        one, other = read(tmp_path, old), read(tmp_path, new)
        return replayed(requests, Treatments(one), Treatments(other, one), limits=LimitTrial(one, other))

    return found


def test_who_comes_too_fast_is_counted_by_both(led: Callable[..., Rehearsal]) -> None:
    times = [2.0, 0.0, 0.05, 0.1, 0.5]  # lines stand in the order of the ends
    requests = [request(at, who) for at in times for who in ("#12", "#34")]
    # Of each: 2 at once and one every 0.2 s; the new one: one every second.
    report = led(TEXT, LESS, *requests)
    assert report.limits == [LimitChange("quota", 10, 2, 6)] and report.limits_unknown == ""
    assert not report.lost  # it is told, and refuses no reload


def test_what_another_limit_refuses_comes_to_no_later_one(led: Callable[..., Rehearsal]) -> None:
    new = LESS.replace("rate: 100/s, per: route", "rate: 1/h, per: route")
    report = led(TEXT, new, *[request(0.0) for _ in range(5)])
    assert report.limits == [LimitChange("quota", 5, 3, 4)]  # one comes to the other limit, and passes
    report = led(TEXT, new, *[request(at * 10.0) for at in range(5)])
    assert report.limits == [LimitChange("whole", 5, 0, 4)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (", burst: 2, per: \"header:x-who\"}]", ", burst: 2, per: address}]"),
        ("per: \"header:x-who\"}]", "per: \"header:x-who\"}], dry_run: true"),
        ("per: \"header:x-who\"}", "per: \"header:x-who\", unit: bytes}"),
    ],
)  # fmt: skip
def test_what_nobody_can_know_is_left_out(led: Callable[..., Rehearsal], old: str, new: str) -> None:
    assert old in TEXT
    left_out = TEXT.replace(old, new)
    assert led(left_out, left_out, *[request(0.0) for _ in range(9)]).limits == []


def test_what_the_gateway_refused_before_is_none_and_other_routes_are_none(led: Callable[..., Rehearsal]) -> None:
    others = [request(0.0, status=401, code="unauthorized"), request(0.0, target="/b"), request(0.0, at="never")]
    assert led(TEXT, LESS, *others * 5).limits == []
    limited = [request(0.0, status=429, code="rate_limited") for _ in range(3)]
    assert led(TEXT, LESS, *limited).limits == [LimitChange("quota", 3, 1, 2)]


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (TEXT.replace("100%", "25%"), "25 % of the requests were recorded"),
        (TEXT.replace("chain: [capture]", "").replace("capture: {type: record, path: /tmp/c.log, sample: 100%}", ""), "records none"),
    ],
)  # fmt: skip
def test_of_a_sample_nothing_is_known_and_that_is_said(led: Callable[..., Rehearsal], old: str, said: str) -> None:
    report = led(old, old.replace("rate: 5/s", "rate: 1/s"), *[request(0.0) for _ in range(9)])
    assert report.limits == [] and said in report.limits_unknown
    assert led(old, old, request(0.0)).limits_unknown == ""  # nobody wants to know


def test_what_is_kept_is_bounded(led: Callable[..., Rehearsal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKETS_MAX", 2)
    crowd = [request(0.0, f"#{number}") for number in range(5) for _ in range(3)]
    assert led(TEXT, LESS, *crowd).limits[0].after < 10
    monkeypatch.setattr(module, "SEEN_MAX", 3)
    assert led(TEXT, LESS, *crowd).limits[0].met == 3


def test_the_filter_is_that_of_the_configuration(tmp_path: Path) -> None:
    assert RATE_LIMIT in {one.made_by for one in read(tmp_path, TEXT).filters}


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=30), st.integers(1, 9), st.integers(1, 4))
def test_refused_are_the_same_as_by_the_meter_on_the_board(waits: list[int], count: int, burst: int) -> None:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    seat = sit_down(Board(fd))
    try:
        rate = module.Rate(count, SECOND, burst)
        side = module._Side.__new__(module._Side)
        side._limits, side._times, side.refused, side.met = {"q": (module._Limit(rate, ()),)}, {}, {}, {}
        now, refused = 1, 0
        for wait in waits:
            now += wait
            refused += not Meter(seat.board, NAMED_TIMES, 7, rate, lambda now=now: now).admit()  # type: ignore[misc]
            side.lead((("q", ((),)),), now)
        assert side.refused.get("q", 0) == refused
    finally:
        seat.board.close()
        os.close(fd)
