"""What the workers find of members is told once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core.live.news import Finding
from fastgw.server.findings import Findings
from fastgw.server.log import Log

NAME = ("s", "a:1", "a:1")
OTHER = ("s", "b:1", "b:1")
KNOWN = {("s", "a:1"): ("a:1",), ("s", "b:1"): ("b:1",), ("s", "n.test:1"): ("10.0.0.1:1", "10.0.0.2:1")}
UP = Finding(*NAME, True)


def down(until: float = 101.0, endpoint: str = "a:1", reason: str = "Connection refused", address: str = "") -> Finding:
    return Finding("s", endpoint, address or endpoint, False, until, "connect_refused", reason)


class Stage:
    def __init__(self) -> None:
        self._out, fd = os.pipe()
        os.set_blocking(self._out, False)
        self.log = Log("supervisor", fd)
        self._fd = fd
        self.now = 100.0
        self.findings = Findings(lambda: 1_000_000.0 + self.now, lambda: self.now)

    def learn(self, worker: int, *findings: Finding) -> list[Finding]:
        return self.findings.learn(worker, findings, KNOWN, self.log)

    def lines(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(self._out, 1 << 16).splitlines()]
        except BlockingIOError:
            return []

    def close(self) -> None:
        os.close(self._out)
        os.close(self._fd)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.close()


def test_the_first_is_told_to_log_and_workers_and_the_next_are_not(stage: Stage) -> None:
    assert stage.learn(0, down()) == [down()]
    assert stage.learn(1, down()) == []
    assert stage.learn(0, down(104.0)) == []
    [line] = stage.lines()
    assert (line["event"], line["level"]) == ("an endpoint is ejected", "warning")
    assert (line["service"], line["endpoint"], line["cause"]) == ("s", "a:1", "connect_refused")
    assert (line["detail"], line["seconds"]) == ("Connection refused", 1.0)


def test_it_is_back_when_the_last_worker_has_it_back(stage: Stage) -> None:
    stage.learn(0, down())
    stage.learn(1, down())
    stage.lines()
    stage.now = 103.5
    assert stage.learn(1, UP) == [UP]  # the other one may try it now
    assert not stage.findings.is_up(NAME) and not stage.lines()
    assert stage.learn(0, UP) == []
    assert stage.findings.is_up(NAME)
    [line] = stage.lines()
    assert (line["event"], line["level"]) == ("an endpoint is back", "info")
    assert (line["cause"], line["seconds"]) == ("connect_refused", 3.5)


def test_who_never_had_it_ejected_says_nothing_by_having_it(stage: Stage) -> None:
    assert stage.learn(0, UP) == []
    stage.learn(0, down())
    assert stage.learn(1, UP) == []
    assert not stage.findings.is_up(NAME)


def test_a_late_report_of_a_member_that_is_gone_is_left_out(stage: Stage) -> None:
    assert stage.learn(0, down(endpoint="gone:1")) == []
    assert stage.findings.now == () and not stage.lines()


def test_what_a_status_says(stage: Stage) -> None:
    up = stage.findings.of(NAME)
    assert up == {"state": "up", "ejected_by": 0, "since": None, "until": None, "cause": None, "error": None}
    stage.learn(0, down())
    stage.now = 102.0
    stage.learn(1, down(108.0, reason="Network is unreachable"))
    found = stage.findings.of(NAME)
    assert (found["state"], found["ejected_by"], found["error"]) == ("ejected", 2, "Network is unreachable")
    assert (found["since"], found["until"]) == ("1970-01-12T13:48:20.000Z", "1970-01-12T13:48:28.000Z")


def test_a_worker_that_begins_is_told_what_is_known(stage: Stage) -> None:
    stage.learn(0, down())
    stage.learn(1, down())
    stage.learn(1, down(endpoint="b:1"))
    assert stage.findings.now == (down(), down(endpoint="b:1"))


def test_a_worker_that_is_gone_for_good_is_forgotten(stage: Stage) -> None:
    stage.learn(0, down(), down(endpoint="b:1"))
    stage.learn(1, down())
    stage.findings.forget(0, stage.log)
    assert not stage.findings.is_up(NAME) and stage.findings.is_up(OTHER)


def test_members_that_are_gone_are_forgotten(stage: Stage) -> None:
    stage.learn(0, down(), down(endpoint="b:1"))
    stage.findings.retain({("s", "b:1"): ("b:1",)})
    assert stage.findings.is_up(NAME) and not stage.findings.is_up(OTHER)


def of_name(address: str, is_up: bool = False) -> Finding:
    return Finding("s", "n.test:1", address, is_up, 101.0, "connect_refused", "Connection refused")


def test_each_address_of_a_name_is_told_by_itself(stage: Stage) -> None:
    stage.learn(0, of_name("10.0.0.1:1"), of_name("10.0.0.2:1"))
    stage.learn(0, of_name("10.0.0.1:1", True))
    lines = [(line["event"], line["endpoint"], line["address"]) for line in stage.lines()]
    assert lines == [
        ("an endpoint is ejected", "n.test:1", "10.0.0.1:1"),
        ("an endpoint is ejected", "n.test:1", "10.0.0.2:1"),
        ("an endpoint is back", "n.test:1", "10.0.0.1:1"),
    ]


def test_a_name_is_up_while_one_of_its_addresses_is(stage: Stage) -> None:
    addresses = KNOWN["s", "n.test:1"]
    stage.learn(0, of_name(addresses[0]))
    assert stage.findings.of_endpoint("s", "n.test:1", addresses)["state"] == "up"
    stage.learn(0, of_name(addresses[1]))
    found = stage.findings.of_endpoint("s", "n.test:1", addresses)
    assert (found["state"], found["cause"]) == ("ejected", "connect_refused")
    assert stage.findings.of_endpoint("s", "n.test:1", ())["state"] == "unresolved"


def test_an_address_that_the_name_lost_is_forgotten_and_a_late_report_of_it_left_out(stage: Stage) -> None:
    stage.learn(0, of_name("10.0.0.1:1"))
    stage.findings.retain({("s", "n.test:1"): ("10.0.0.2:1",)})
    assert stage.findings.now == ()
    assert stage.learn(0, of_name("10.0.0.3:1")) == []
