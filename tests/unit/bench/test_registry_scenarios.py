"""The pure parts of the scenarios of discovery: what is judged, what a gateway was seen to say, which changes happen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.scenarios import members, registry_faults
from bench.scenarios.faults.ground import Gateway
from bench.scenarios.registry import cluster as etcd
from bench.scenarios.registry.watching import Watching

GOOD = {"failed": 0, "first_median": 0.05, "last_most": 0.1, "out_most": 0.3, "gone_most": 10.9}


@pytest.mark.parametrize(
    ("what", "bad"),
    [("failed", 1), ("first_median", 0.21), ("last_most", 0.21), ("out_most", 1.1), ("gone_most", 11.1)],
)
def test_members_that_come_and_go_are_judged_by_each_figure(what: str, bad: float) -> None:
    assert members.judge(GOOD)
    assert not members.judge({**GOOD, what: bad})


def test_faults_of_a_registry_are_judged_by_the_worst() -> None:
    good = {"failed": 0.0, "converged": 1.9}
    assert registry_faults.judge({"away": good, "wiped": good})
    assert not registry_faults.judge({"away": good, "wiped": {**good, "failed": 1.0}})
    assert not registry_faults.judge({"away": {**good, "converged": 2.1}, "wiped": good})


def test_what_was_seen_of_a_member_says_when_it_was_out_and_gone() -> None:
    watching = Watching(Gateway(1, 2, Path()), "vision")
    for at, state in ((1.0, "up"), (2.0, "ejected"), (3.0, "ejected")):
        watching.see(at, {"a": {"state": state}})
    watching.see(4.0, {})
    assert (watching.out("a"), watching.gone("a")) == (2.0, 4.0)
    assert watching.gone("never") == 1.0


def test_a_member_that_stays_is_never_out() -> None:
    watching = Watching(Gateway(1, 2, Path()), "vision")
    watching.see(1.0, {"a": {"state": "up"}})
    assert watching.out("a") == watching.gone("a") == float("inf")


def test_operations_go_in_transactions_that_etcd_takes() -> None:
    some = [etcd.put_operation(f"/k{n}", "v") for n in range(250)]
    assert [len(one["success"]) for one in etcd.in_hundreds(some)] == [100, 100, 50]
    assert json.loads(json.dumps(some[0])) == {"requestPut": {"key": "L2sw", "value": "dg=="}}
