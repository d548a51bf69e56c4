"""The pure parts of the scenario harness: reading /proc, arithmetic, configurations, services, mutations, tables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.scenarios import __main__ as command
from bench.scenarios import tracing
from bench.scenarios.harness import Result, Scenario, render_json, render_markdown
from bench.scenarios.measure import Usage, descendants, parse_pss, parse_stat, percentile
from bench.scenarios.mutate import ANSWERS, REQUESTS, mutate, mutated_answer, mutated_request
from bench.scenarios.peers import Ports, render
from bench.scenarios.services import BodySkipper, body_of, what_for
from bench.scenarios.split import outcome, splittable

ROLLUP = """55d0c8e00000-7ffd5c5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               18196 kB
Pss:               11035 kB
Pss_Dirty:          8032 kB
"""
PORTS = Ports(1001, 1002, 1003, 1004, 1005, 1006)


def usage(at: float, pss: int = 0, cpu: float = 0.0) -> Usage:
    return Usage(at=at, pss=pss, fds=0, sockets=0, cpu=cpu, processes=1)


def test_pss_is_read_in_bytes_and_not_mistaken_for_its_parts() -> None:
    assert parse_pss(ROLLUP) == 11035 * 1024
    assert parse_pss("") == 0


def test_stat_is_read_past_a_command_name_with_brackets_and_spaces() -> None:
    fields = " ".join(["S", "77"] + ["0"] * 9 + ["150", "50"] + ["0"] * 30)
    parent, seconds = parse_stat(f"12 (a) b) {fields}\n")
    assert parent == 77
    assert seconds == pytest.approx(200 / os.sysconf("SC_CLK_TCK"))


def test_descendants_are_followed_to_any_depth() -> None:
    assert descendants(1, [(2, 1), (3, 2), (4, 9), (5, 3)]) == [1, 2, 3, 5]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_percentile_is_the_nearest_rank(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_nothing_is_not_a_number() -> None:
    assert percentile([], 0.5) != percentile([], 0.5)


def test_usage_compares_with_an_earlier_one() -> None:
    before, after = usage(10, 1000, 1.0), usage(12, 5000, 2.0)
    assert after.grown_per(before, 4) == 1000
    assert before.grown_per(after, 4) == 0
    assert after.grown_per(before, 0) == 0
    assert after.cpu_share(before) == pytest.approx(0.5)
    assert after.cpu_share(after) == 0


@pytest.mark.parametrize("name", ["nginx", "haproxy", "fastgw"])
def test_every_configuration_names_every_port_it_forwards_to(name: str) -> None:
    text = render(name, PORTS, Path("/tmp/x"), 100)
    assert all(f"127.0.0.1:{port}" in text for port in (1001, 1002, 1003, 1004))
    assert "{" not in text.replace("{ ", "").replace("{\n", "") or name == "fastgw"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/models", ("main", "")),
        (b"/bytes/10?x=1", ("bytes", "10")),
        (b"/stream/events/3", ("events", "3")),
        (b"/mutated/77", ("mutated", "77")),
        (b"/bytes", ("main", "")),
    ],
)
def test_the_path_says_what_the_service_answers(path: bytes, expected: tuple[str, str]) -> None:
    assert what_for(b"get " + path + b" http/1.1\r\nhost: a")[:2] == expected


def test_the_service_reads_the_framing() -> None:
    assert body_of(b"post / http/1.1\r\nhost: a\r\ncontent-length: 12") == (12, False)
    assert body_of(b"post / http/1.1\r\ntransfer-encoding: chunked") == (0, True)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("length", "chunked", "body"),
    [
        (11, False, b"hello world"),
        (0, True, b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"),
        (0, True, b"0\r\nT: 1\r\n\r\n"),
    ],
)
def test_a_body_is_skipped_to_its_end_however_it_arrives(size: int, length: int, chunked: bool, body: bytes) -> None:
    skipper = BodySkipper(length, chunked)
    data = body + b"NEXT"
    rest: bytes | None = None
    at = 0
    while rest is None:
        rest = skipper.feed(data[at : at + size])
        at += size
    assert rest + data[at:] == b"NEXT"


def test_mutations_follow_from_the_seed_alone() -> None:
    first = [mutated_request(Random(seed)) for seed in range(200)]
    assert first == [mutated_request(Random(seed)) for seed in range(200)]
    assert len(set(first)) > 150
    assert all(first) and all(mutated_answer(Random(seed)) for seed in range(200))


def test_a_mutation_of_anything_is_never_empty() -> None:
    assert all(mutate(b"x", Random(seed), 8) for seed in range(500))


def test_the_sound_messages_are_sound() -> None:
    assert all(b"\r\n\r\n" in message for message in REQUESTS + ANSWERS)
    assert all(b"\r\nHost: " in message for message in REQUESTS)


def test_only_request_cases_of_some_length_are_split() -> None:
    cases: list[dict[str, Any]] = [
        {"name": "a", "direction": "request", "raw": "GET"},
        {"name": "b", "direction": "response", "raw": "HTTP"},
        {"name": "c", "direction": "request", "raw_repeat": [["x", 9]]},
        {"name": "d", "direction": "request", "raw": "x" * 5000},
        {"name": "e", "direction": "request", "raw": "GET", "segs": [1]},
    ]
    assert [case["name"] for case in splittable(cases)] == ["a"]


def test_two_safe_outcomes_are_the_same_and_a_failure_is_not() -> None:
    assert outcome({"v": "PASS", "st": [400], "n": 0}) == outcome({"v": "ALT", "st": [400], "n": 0})
    assert outcome({"v": "PASS", "st": [400], "n": 0}) == outcome({"v": "PASS", "st": [501], "n": 0})
    assert outcome({"v": "PASS", "st": [400], "n": 0}) != outcome({"v": "UNSAFE", "st": [400], "n": 0})
    assert outcome({"v": "PASS", "st": [200], "n": 0}) != outcome({"v": "PASS", "st": [400], "n": 0})


async def never(bench: object) -> Result:
    raise AssertionError("only its name is used")


SCENARIO = Scenario("9", "idle", "memory", "<= 2 KiB", never)


def test_the_table_marks_what_was_missed_and_what_did_not_run() -> None:
    results = {"idle": {"fastgw": Result("3 kB", False, {"bytes": 3072}), "nginx": Result("a|b", True)}}
    table = render_markdown([SCENARIO], ["fastgw", "nginx", "haproxy"], results, "heading")
    assert table.splitlines()[-1] == "| 9 | memory | <= 2 KiB | 3 kB (!) | a\\|b | - |"
    document = json.loads(render_json([SCENARIO], results, {"quick": True}))
    assert document["about"] == {"quick": True}
    assert document["scenarios"]["idle"]["peers"]["fastgw"] == {
        "text": "3 kB",
        "is_met": False,
        "figures": {"bytes": 3072},
    }


def test_the_command_line_knows_the_scenarios_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.parse(["--only", "idle", "--peers", "nginx", "--quick"]).peers == ("nginx",)
    for arguments in (["--only", "nothing"], ["--peers", "apache"]):
        with pytest.raises(SystemExit):
            command.parse(arguments)
    assert "apache" in capsys.readouterr().err
    names = [scenario.name for scenario in command.SCENARIOS]
    assert len(set(names)) == len(names) == 30


def test_traces_are_judged_by_what_was_promised() -> None:
    more, share = tracing.over([3.0, 9.0, 2.5], [2.0, 6.0, 2.0])
    assert (more, share) == (1.0, 1.5)
    kept = {"unsampled_more": 9e-7, "sampled_share": 1.04, "dead_p99": 0.0029, "traced_p99": 0.002, "dead_grown": 4096}
    assert tracing.judge(kept)
    for name, missed in (
        ("unsampled_more", 1.1e-6),
        ("sampled_share", 1.06),
        ("dead_p99", 0.0031),
        ("dead_grown", 2 << 20),
    ):
        assert not tracing.judge({**kept, name: missed}), name
    assert tracing.spent(os.getpid()) > 0
