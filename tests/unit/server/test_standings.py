"""What the workers report of addresses, summed up."""

from __future__ import annotations

from fastgw.core.live.news import FAILING, USED, Standing
from fastgw.server.standings import Standings, stamp


def standing(address: str, state: str, reason: str = "", endpoint: str = "a.test:80") -> Standing:
    return Standing("s", endpoint, address, state, "connect_failed" if reason else "", reason)


def test_each_worker_counts_with_what_it_said_last() -> None:
    now = iter((10.0, 20.0, 30.0, 40.0))
    standings = Standings(lambda: next(now))
    standings.learn(0, [standing("10.0.0.1:80", FAILING, "refused")])
    standings.learn(1, [standing("10.0.0.1:80", FAILING, "it did not answer in time")])
    standings.learn(1, [standing("10.0.0.2:80", USED)])
    found = standings.of("s", "a.test:80", ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"])
    assert found == {
        "10.0.0.1:80": {
            "used_by": 0,
            "failing_for": 2,
            "cause": "connect_failed",
            "error": "it did not answer in time",
            "since": "1970-01-01T00:00:20.000Z",
        },
        "10.0.0.2:80": {"used_by": 1, "failing_for": 0, "cause": None, "error": None, "since": None},
        "10.0.0.3:80": {"used_by": 0, "failing_for": 0, "cause": None, "error": None, "since": None},
    }
    standings.learn(1, [standing("10.0.0.1:80", USED)])
    found = standings.of("s", "a.test:80", ["10.0.0.1:80"])["10.0.0.1:80"]
    assert (found["used_by"], found["failing_for"], found["error"]) == (1, 1, "refused")


def test_a_worker_that_is_gone_says_nothing() -> None:
    standings = Standings()
    standings.learn(0, [standing("10.0.0.1:80", FAILING, "refused")])
    standings.forget(0)
    assert standings.of("s", "a.test:80", ["10.0.0.1:80"])["10.0.0.1:80"]["failing_for"] == 0


def test_endpoints_that_are_gone_are_forgotten() -> None:
    standings = Standings()
    standings.learn(0, [standing("a:1", USED, endpoint="a:1"), standing("b:1", USED, endpoint="b:1")])
    standings.retain({("s", "b:1"): ("b:1",)})
    assert standings.of("s", "a:1", ["a:1"])["a:1"]["used_by"] == 0
    assert standings.of("s", "b:1", ["b:1"])["b:1"]["used_by"] == 1


def test_stamp() -> None:
    assert stamp(0.0) is None
    assert stamp(86400.0) == "1970-01-02T00:00:00.000Z"


def test_addresses_that_a_name_lost_are_forgotten() -> None:
    standings = Standings()
    standings.learn(0, [standing("10.0.0.1:80", USED), standing("10.0.0.2:80", USED)])
    standings.retain({("s", "a.test:80"): ("10.0.0.2:80",)})
    found = standings.of("s", "a.test:80", ["10.0.0.1:80", "10.0.0.2:80"])
    assert [one["used_by"] for one in found.values()] == [0, 1]


def test_endpoints_that_leave_are_forgotten_by_name() -> None:
    standings = Standings()
    standings.learn(0, [standing("a:1", USED, endpoint="a:1"), standing("b:1", USED, endpoint="b:1")])
    standings.leave([("s", "a:1"), ("s", "never")])
    assert standings.of("s", "a:1", ["a:1"])["a:1"]["used_by"] == 0
    assert standings.of("s", "b:1", ["b:1"])["b:1"]["used_by"] == 1
