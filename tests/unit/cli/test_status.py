"""``fastgw status``: what it shows of what a gateway says, and its exit code."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli import status
from fastgw.cli.main import main
from tests.unit.cli.test_rollout import Played, played
from tests.unit.server.test_source_words import source

__all__ = ["played"]

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
CALM = {"state": "closed", "open_in": 0, "since": None, "until": None, "reason": None}


def member(**other: Any) -> dict[str, Any]:
    """An endpoint that is well."""
    return {
        "is_up": True,
        "state": "up",
        "since": None,
        "until": None,
        "cause": None,
        "error": None,
        "active": 1,
        "waiting": 0,
        "requests": 12,
        "failures": 0,
        "addresses": {},
    } | other


def service(*members: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A service with these at ports from 9000 on."""
    return {"endpoints": {f"10.0.0.1:{9000 + place}": one for place, one in enumerate(members)}} | other


def worker(index: int, **other: Any) -> dict[str, Any]:
    """A worker that is well."""
    return {"worker": index, "state": "ready", "restarts": 0, "rss": 32 << 20, "loop_lag": 0.0, "stalls": 0} | other


WELL: dict[str, Any] = {
    "version": "1.0",
    "build": "pure",
    "generation": 3,
    "config": "/etc/gw.yaml",
    "uptime": 7500.0,
    "draining": False,
    "last_reload": {"ok": True, "when": "2027-01-15T07:59:00.000Z", "error": None},
    "warnings": [],
    "reloads": {"ok": 2, "refused": 0, "went_back": 0},
    "guard": None,
    "workers": [worker(0), worker(1)],
    "connections": {"open": 5, "exchanges": 1},
    "services": {"llm": service(member(), member())},
    "versions": {},
    "problems": [],
}


def said(**other: Any) -> list[str]:
    return [*status.lines(WELL | other, NOW)]


def test_a_rehearsal_is_told() -> None:
    last = {"ok": False, "went_back": False, "by": "watch", "when": None, "error": "rehearsal: 3 of 9 requests"}
    found = said(last_reload=last | {"rehearsal": {"state": "refused", "reason": "3 of 9 requests"}})
    assert "rehearsal  refused: 3 of 9 requests" in found


def test_a_guard_is_told_and_what_came_of_it() -> None:
    guard = {"state": "watching", "seconds_left": 12.3, "before": {"requests": 90, "errors": 1}}
    found = said(guard=guard | {"after": {"requests": 40, "errors": 2}})
    assert "guard      12 s left: 1 of 90 failed -> 2 of 40 failed" in found
    last = {"ok": False, "went_back": True, "when": "2027-01-15T07:59:00.000Z", "error": "generation 3 was left again"}
    found = said(last_reload=last, reloads={"ok": 2, "refused": 0, "went_back": 1})
    at = found.index(
        "last load  WENT BACK to the configuration before 1 min ago (reloads: 2 ok, 0 refused, 1 went back)"
    )
    assert found[at + 1].strip() == "generation 3 was left again"


def test_a_fleet_has_a_line() -> None:
    fleet: dict[str, Any] = {"key": "/fastgw/edge", "node": "edge-1", "state": "serving", "reason": None, "since": None}
    fleet |= {"generation": 7, "rollout": None, "nodes": None, "coordinates": False}
    assert "fleet      /fastgw/edge as edge-1: generation 7, serving" in status.lines(WELL | {"fleet": fleet}, NOW)
    rollout = {"generation": 8, "phase": "went_back", "reason": "edge-2: 9 % failed"}
    fleet |= {
        "rollout": rollout,
        "nodes": 5,
        "coordinates": True,
        "state": "went_back",
        "reason": "why",
        "generation": None,
    }
    found = list(status.lines(WELL | {"fleet": fleet}, NOW))
    place = found.index("fleet      /fastgw/edge as edge-1: nothing of it, went back, 5 gateways, coordinates it")
    assert found[place + 1 : place + 3] == ["           why", "           generation 8 went back: edge-2: 9 % failed"]


def test_modules_of_webassembly_have_a_line() -> None:
    assert not [line for line in said(wasm=None) if line.startswith("wasm")]
    wasm = {"exchanges": 900, "open": 2, "traps": {"fuel": 3, "trap": 1}}
    assert "wasm       2 of 900 exchanges open; traps: fuel 3, trap 1" in said(wasm=wasm)
    assert "wasm       0 of 1 exchange open; traps: none" in said(wasm={"exchanges": 1, "open": 0, "traps": {}})


def test_websockets_by_frames_have_a_line_where_there_are_or_were_some() -> None:
    none: dict[str, Any] = {"open": 0, "messages": {"client": 0, "service": 0}, "closes": {}, "codes": {}}
    assert not [line for line in said(routes={"a": {"websocket": none}}) if line.startswith("websockets")]
    one = {"open": 2, "messages": {"client": 5, "service": 7}, "closes": {"idle": 1}, "codes": {"1001": 1}}
    other = {"open": 1, "messages": {"client": 1, "service": 0}, "closes": {"client": 2, "idle": 1}, "codes": {}}
    found = said(routes={"a": {"websocket": one}, "b": {"websocket": other}, "c": {"websocket": none}})
    assert "websockets 3 open, 6 messages of clients and 7 messages of services; closed: 2 idle, 2 client" in found
    found = said(routes={"a": {"websocket": none | {"open": 1}}})
    assert "websockets 1 open, 0 messages of clients and 0 messages of services; closed: none" in found


def test_what_is_watched_has_a_line() -> None:
    watch = {
        "files": 3,
        "by": "inotify",
        "cause": None,
        "poll_interval": 30.0,
        "missing": [],
        "last_trigger": "2027-01-15T07:58:00.000Z",
        "reloads": 2,
    }
    last = WELL["last_reload"] | {"by": "watch"}
    found = list(status.lines(WELL | {"watch": watch, "last_reload": last}, NOW))
    assert "last load  ok 1 min ago, by watch (reloads: 2 ok, 0 refused)" in found
    assert "watching   3 files, by inotify and every 30 s, changed 2 min ago (reloads: 2)" in found
    poorly = watch | {"by": "poll", "cause": "too many", "missing": ["/a", "/b"], "last_trigger": None}
    place = (found := list(status.lines(WELL | {"watch": poorly}, NOW))).index(
        "watching   3 files, every 30 s (reloads: 2)"
    )
    assert found[place + 1 : place + 3] == [
        "           not told of every change: too many",
        "           missing: /a, /b",
    ]
    assert "watching   3 files, by inotify (reloads: 2)" in status.lines(
        WELL | {"watch": watch | {"poll_interval": None, "last_trigger": None}}, NOW
    )


def test_a_gateway_that_is_well_is_a_few_lines() -> None:
    assert said() == [
        "fastgw 1.0 (pure), up 2 h 5 min, generation 3, /etc/gw.yaml",
        "problems   none",
        "last load  ok 1 min ago (reloads: 2 ok, 0 refused)",
        "workers    2 of 2 ready, 0 restarts, 64 MiB",
        "now        5 connections of clients, 1 request under way, 0 waiting",
        "",
        "SERVICE          STATE      REQUESTS  FAILED  ACTIVE  WAITING  WHY",
        "llm              2 of 2 up        24       0       2        0",
        "  10.0.0.1:9000  up               12       0       1        0",
        "  10.0.0.1:9001  up               12       0       1        0",
    ]


def test_a_service_whose_members_are_listed_says_by_whom() -> None:
    members = [member(listed_by=["etcd"]), member(listed_by=["configuration"])]
    lines = said(services={"llm": service(*members, discovery=[source(), source(kind="dns", state="doubted")])})
    assert [line.split("  ")[-1] for line in lines[-3:]] == [
        "etcd: 3 listed at 42, changed 5 min ago; dns: doubted for 60 min; 3 in use, listed 10 s ago",
        "from etcd",
        "from configuration",
    ]
    lines = said(services={"llm": service(member(listed_by=["etcd"]), discovery=[source()])})
    assert lines[-1].endswith(" 0")


OPEN = {"state": "open", "open_in": 1, "since": None, "until": "2027-01-15T08:00:03Z", "reason": "5 of 5 calls failed"}
SICK = {"state": "unhealthy", "since": "2027-01-15T07:59:50Z", "cause": "status", "error": "503"}


@pytest.mark.parametrize(
    ("is_what", "line"),
    [
        (
            {"state": "ejected", "cause": "connect_refused", "error": "Connection refused", "until": OPEN["until"]},
            "ejected connect_refused: Connection refused; next try in 3 s",
        ),
        ({"state": "unresolved"}, "unresolved"),
        ({"breaker": OPEN}, "breaker open 5 of 5 calls failed; next try in 3 s"),
        (
            {"breaker": OPEN | {"state": "half_open", "until": "2027-01-15T07:59:59Z"}},
            "breaker half_open 5 of 5 calls failed; being tried",
        ),
        ({"health": SICK}, "unhealthy status: 503, for 10 s"),
        ({"health": {"10.0.0.9:1": SICK}}, "unhealthy 10.0.0.9:1 status: 503, for 10 s"),
        (
            {"addresses": {"x": {"failing_for": 1, "error": "No route", "cause": "unreachable"}}, "is_up": True},
            "up fails in 1 worker: No route",
        ),
        ({"breaker": CALM}, "left out"),
    ],
)
def test_a_member_says_its_state_and_why(is_what: dict[str, Any], line: str) -> None:
    found = said(services={"llm": service(member(**({"is_up": "addresses" in is_what} | is_what)))})
    row = next(one for one in found if one.startswith("  10.0.0.1"))
    state, _, why = row.removeprefix("  10.0.0.1:9000").strip().partition("  ")
    assert (
        f"{state} {why.strip().removeprefix('12').strip().removeprefix('0       1        0').strip()}".strip() == line
    )


def test_what_is_wrong_elsewhere_is_told() -> None:
    found = said(
        last_reload={"ok": False, "when": "2027-01-15T07:00:00Z", "error": "gw.yaml:3:1: a\ngw.yaml:4:1: b"},
        workers=[worker(0, state="stalled", restarts=2, stalls=1, loop_lag=1.5), worker(1)],
        warnings=["a certificate ends soon"],
    )
    assert "last load  REFUSED, the configuration before is in use 1 h ago (reloads: 2 ok, 0 refused)" in found
    assert "           gw.yaml:4:1: b" in found
    assert "           warning: a certificate ends soon" in found
    assert "workers    1 of 2 ready, 2 restarts, 64 MiB" in found
    assert "           worker 0: stalled, 2 restarts, stuck 1 time, its loop is 1.50 s late" in found


def test_a_service_tells_of_its_queue_breaker_and_versions() -> None:
    admission = {"places": 8, "limit": 8, "queued": 4, "shed": {"queue_full": 3}}
    versions = {"llm": {"versions": {"v2": {"service": "llm@v2", "weight": 25.0, "shadow": True}}}}
    panic = {"state": "on", "reason": "1 of 4 is well"}
    one = service(member(waiting=2), admission=admission, breaker=OPEN, panic=panic)
    found = said(services={"llm@v2": one}, versions=versions)
    assert next(line for line in found if line.startswith("llm@v2")).endswith(
        "  6  25 %, shadow; breaker open: 5 of 5 calls failed; next try in 3 s; 8 of 8 places; 3 turned away; all are asked: 1 of 4 is well"
    )
    assert "6 waiting" in found[4]


def problem(kind: str, cause: str = "why", **other: Any) -> dict[str, Any]:
    return {"severity": "error", "kind": kind, "about": "", "cause": cause, "since": None} | other


def test_what_is_wrong_stands_on_top_with_its_cause_and_since_when() -> None:
    found = said(
        problems=[
            problem("no_member", "it has none", about="service a", severity="critical"),
            problem("certificate", "it ends", since="2027-01-15T07:58:00Z", severity="warning"),
        ]
    )
    assert found[1:3] == ["! critical         service a: it has none", "! warning   2 min  it ends"]
    assert "problems   none" not in found


def test_problems_leave_room_for_the_table() -> None:
    found = said(problems=[problem("dns") for _ in range(30)])
    assert len([line for line in found if line.startswith("!")]) == status.MOST_PROBLEMS + 1
    assert "! and 18 more, which --json tells" in found


@pytest.mark.parametrize(
    ("kinds", "code"),
    [([], 0), (["dns", "breaker"], 0), (["dns", "no_member"], 3), (["draining"], 3), (["no_worker"], 3)],
)
def test_the_exit_code_says_whether_all_can_be_served(
    played: Played, tmp_path: Path, kinds: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    played.answer = {"ok": True, "status": copy.deepcopy(WELL | {"problems": [problem(kind) for kind in kinds]})}
    assert main(["status", "--socket", str(tmp_path / "admin.sock")]) == code
    assert played.requests == [{"do": "status"}]
    assert capsys.readouterr().out.count("! error") == len(kinds)
    assert main(["status", "--socket", str(tmp_path / "admin.sock"), "--json"]) == code
    assert json.loads(capsys.readouterr().out) == played.answer["status"]


def test_no_control_character_reaches_a_terminal(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played.answer = {
        "ok": True,
        "status": WELL | {"services": {"a": service(member(state="ejected", error="\x1b[2Jx"))}},
    }
    main(["status", "--socket", str(tmp_path / "admin.sock")])
    assert "?[2Jx" in capsys.readouterr().out


def test_who_cannot_be_asked_is_1(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", str(tmp_path / "none.sock")]) == 1
    assert "no gateway can be asked at" in capsys.readouterr().err
    played.answer = {"ok": False, "error": "not_allowed", "detail": "only root"}
    assert main(["status", "--socket", str(tmp_path / "admin.sock")]) == 1
    assert capsys.readouterr() == ("", "fastgw: only root\n")


def test_processors_of_workers_that_are_pinned_are_told() -> None:
    told = said(workers=[worker(0, processor=4), worker(1, processor=5)])
    assert "workers    2 of 2 ready, 0 restarts, 64 MiB, pinned to processors 4, 5" in told


def test_what_it_depends_on_has_lines_that_are_bounded() -> None:
    told = {
        "kind": "etcd",
        "name": "etcd http://e",
        "state": "failing",
        "age": 7.0,
        "goes_on": "3 members",
        "cause": "refused",
    }
    well = {"kind": "keys", "name": "http://k", "state": "connected", "age": 1.0, "goes_on": "1 key", "cause": None}
    shown = [*status.lines(WELL | {"dependencies": [told] + [well] * status.MOST_DEPENDENCIES}, NOW)]
    place = shown.index("depends on etcd http://e: failing (refused): 3 members, of 7 s ago")
    assert shown[place + 1] == "           keys http://k: connected: 1 key"
    assert shown[place + status.MOST_DEPENDENCIES] == "           and 1 more, which --json tells"
    assert not any("depends on" in line for line in status.lines(WELL, NOW))
