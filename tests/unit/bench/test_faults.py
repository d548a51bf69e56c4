"""What the stories of failing services are made of: configurations that load, arithmetic, tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.scenarios.faults import bursts, closed, hedged, killed, outlier, overload, streams
from bench.scenarios.faults.__main__ import NAMES, chart, story, table
from bench.scenarios.faults.ground import START, Found, Story
from bench.scenarios.faults.load import Kind, Order, Seen, _Lane, _Load, total
from fastgw.config.load import load
from fastgw.testing.edge import new_loop
from fastgw.testing.mock import MockTransport

HERE = '["127.0.0.1:1001", "127.0.0.1:1002"]'
CONFIGURATIONS = {
    "killed": killed.FASTGW.format(endpoints=HERE),
    "bursts": bursts.FASTGW.format(endpoints=HERE, timeout=2) + bursts.BREAKER,
    "closed": closed.FASTGW.format(endpoints=HERE),
    "overload": overload.FASTGW.format(endpoints=HERE) + overload.ADMISSION,
    **{
        f"outlier, {name}": outlier.FASTGW.format(endpoints=HERE, balance=name, more=more)
        for name, more in outlier.BALANCERS.items()
    },
    "streams": streams.FASTGW.format(endpoints=HERE, balance=streams.ENGINE),
    "hedged": hedged.FASTGW.format(endpoints=HERE) + hedged.HEDGE,
}
FOUND = Found("none", False, [("a", {"x": 1, "y ms": 2.5}), ("b", {"x": 3, "y ms": 5.0})], ("y ms", "ms"), ["a note"])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_configuration_is_one(name: str, tmp_path: Path) -> None:
    file = tmp_path / "fastgw.yaml"
    file.write_text(START.format(port=1003, admin=1004, workers=1, listener="") + CONFIGURATIONS[name])
    assert [service.name for service in load(file, {}).services] == ["main"]


def test_every_name_has_a_story() -> None:
    assert [story(name).name for name in NAMES] == list(NAMES)


def test_the_bursts_are_within_the_run() -> None:
    ends = [0.0]
    for start, length in json.loads(Path(bursts.__file__).with_suffix(".json").read_text())["bursts"]:
        assert start > ends[-1]
        ends.append(start + length)
    assert ends[-1] < bursts.SCHEDULE["seconds"]


def test_a_request_is_whole() -> None:
    got = Kind("post", 1, "POST", "/x", "X-A: b\r\n", "hello").encoded()
    assert got == b"POST /x HTTP/1.1\r\nHost: a.test\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"


def test_what_was_not_answered_has_failed_and_no_latency() -> None:
    seen = Seen([0.0, 0.1, 0.2, 0.3], [0.5, 0.2, 9.0, 0.1], [200, 503, 0, 200], [False, False, False, True])
    assert (seen.failed, seen.fallbacks, seen.availability) == (2, 1, 0.5)
    assert seen.latency(1.0) == 0.5
    assert seen.latency(1.0, 503) == 0.2
    assert seen.latency(1.0, since=0.1) == 0.2
    assert seen.rate(200, 0.4, 0.6) == pytest.approx(10)
    assert total([seen, seen]).statuses == {200: 4, 503: 2, 0: 2}


def test_the_table_has_a_line_for_each_variant() -> None:
    one = Story("a", "A title", lambda _: pytest.fail("it is not run"))
    page = table(one, FOUND)
    assert "| a | 1 | 2.5 |" in page
    assert "**missed**" in page
    assert "a note" in page
    assert chart(one, FOUND).count('<rect class="a"') == 2


def test_a_stream_is_not_over_with_a_head_that_ends_in_a_nought() -> None:
    users = _Load(Order(port=1, seconds=1.0, lanes=1))
    seen = users.seen["get"]
    lane: Any = _Lane(users)
    lane.connection_made(MockTransport(new_loop(), lane))
    users._ask_by(lane, 0.0)
    lane.data_received(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx-request-id: 10\r\n\r\n")
    lane.data_received(b"a\r\ndata: {}\n\n\r\n")
    assert seen.status == [0]
    lane.data_received(b"0\r\n\r\n")
    assert seen.status[0] == 200
