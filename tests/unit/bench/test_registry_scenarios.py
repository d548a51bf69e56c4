"""The pure parts of the scenarios of discovery: what is judged, what a gateway was seen to say, which changes happen."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.scenarios import members, members_flood, names_change, picks, registry_faults
from bench.scenarios.faults.ground import Gateway
from bench.scenarios.registry import cluster as etcd
from bench.scenarios.registry.changing import BATCH, Changes
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


def test_changes_leave_return_and_weigh_and_end_with_everybody_there() -> None:
    keys = {f"/services/s0/127.0.0.1:{port}" for port in range(1, 201)}
    there = set(keys)

    def happens(operation: Mapping[str, Any]) -> None:
        [(kind, said)] = operation.items()
        key = base64.b64decode(said["key"]).decode()
        assert key in keys
        if kind == "requestPut":
            there.add(key)
        else:
            there.remove(key)

    changes = Changes(sorted(keys), Random(1))
    kinds = set()
    for operation in islice(changes, 40 * BATCH):
        happens(operation)
        kinds |= set(operation)
        assert len(there) >= 100
    assert kinds == {"requestPut", "requestDeleteRange"} and there != keys
    for operation in changes.ends():
        happens(operation)
    assert there == keys and changes.ends() == []


@pytest.mark.parametrize(("what", "bad"), [("plain_share", 1.3), ("converged", 1.1), ("failed", 1), ("grown", 3 << 20)])
def test_a_flood_is_judged_by_each_figure(what: str, bad: float) -> None:
    good = {"plain_share": 1.2, "converged": 0.9, "failed": 0, "grown": -4096}
    assert members_flood.judge(good)
    assert not members_flood.judge({**good, what: bad})


@pytest.mark.parametrize(
    "line",
    [
        '812 connect(20, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.2")}, 16) = 0',
        '[pid   812] sendto(20, "x", 1, MSG_NOSIGNAL, {sa_family=AF_INET6, sin6_port=htons(5399), ...}, 28) = 1',
        '812   openat(AT_FDCWD, "/etc/resolv.conf", O_RDONLY|O_CLOEXEC) = 20',
    ],
)
def test_a_look_up_is_seen_in_what_strace_writes(line: str) -> None:
    others = [
        '812 connect(20, {sa_family=AF_INET, sin_port=htons(9000), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '812 openat(AT_FDCWD, "/proc/self/stat", O_RDONLY) = 3',
        "812 +++ exited with 0 +++",
    ]
    assert names_change.resolver_calls([*others, line], 5399) == [line]


@pytest.mark.parametrize(
    ("what", "bad"), [("failed", 1), ("resolver_calls", 1), ("traced", 0), ("followed_most", 3.0), ("p99_silent", 0.02)]
)
def test_names_that_change_are_judged_by_each_figure(what: str, bad: float) -> None:
    good = {"failed": 0, "resolver_calls": 0, "traced": 9, "followed_most": 2.0}
    good |= {"p99_before": 0.01, "p99_during": 0.012, "p99_silent": 0.011}
    assert names_change.judge(good)
    assert not names_change.judge({**good, what: bad})


def test_picks_are_read_by_what_is_counted_and_by_the_number_of_members(tmp_path: Path) -> None:
    for number, (word, total) in enumerate(
        {
            "random:5": 5_000_000,
            "random:5000": 6_000_000,
            "random.again:5": 62_600,
            "random.again:5000": 125_200,
        }.items()
    ):
        (tmp_path / f"out.{number}").write_text(f"desc: Trigger: Client Request: {word}\ntotals: {total}\n")
    found = picks._read(tmp_path)
    assert found == {"random": {5: 1000, 5000: 1200}, "random.again": {5: 100, 5000: 200}}
    assert not picks.judge(found) and picks.judge({"random": found["random"]})
    assert picks.judge({"random.weights": found["random.again"], "bounded_hash": found["random.again"]})
