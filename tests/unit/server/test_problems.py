"""What is wrong with a gateway, from what its status has."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from fastgw.server.episodes import Episode
from fastgw.server.problems import MOST, problems
from tests.unit.cli.test_status import OPEN, SICK, WELL, member, service, worker

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
GOOD: dict[str, Any] = WELL | {
    "registration": [],
    "workers": [worker(0, quick_deaths=0, last_end=None), worker(1, quick_deaths=0, last_end=None)],
    "names": {},
    "key_sets": {},
    "lost_logs": {},
    "members_file": None,
    "names_file": None,
    "keys_file": None,
    "forecast": None,
    "dependencies": [],
    "certificates": [],
    "open_files": {"needed": 1000, "limit": 1000},
}


def listed(**changes: Any) -> dict[str, Any]:
    """What the status of a service has of a source."""
    found = {"source": "etcd x", "state": "listed", "cause": None, "error": None, "members": 2, "age": 10_800.0}
    return found | {"listed_at": "then", "changed_at": "then", "recalled": False} | changes


class Lately:
    """Episodes as a test wants them; each began ten seconds ago."""

    def __init__(self, **found: dict[Any, int | dict[str, int]]) -> None:
        self._found = found

    def clock(self) -> float:
        return 110.0

    def of(self, kind: str) -> dict[Any, Episode]:
        return {key: self._made(told) for key, told in self._found.get(kind, {}).items()}

    def _made(self, told: int | dict[str, int]) -> Episode:
        found = Episode(100.0)
        found.causes = Counter(told if isinstance(told, dict) else {})
        found.count = told if isinstance(told, int) else sum(told.values())
        return found


def told(lately: Lately | None = None, **other: Any) -> list[tuple[str, str, str, str, str | None]]:
    found = problems(GOOD | other, lately or Lately(), NOW)  # type: ignore[arg-type]
    return [(one["severity"], one["kind"], one["about"], one["cause"], one["since"]) for one in found]


NAME: dict[str, Any] = {"error": None, "addresses": [], "age": None, "recalled": False}
SINCE = "2027-01-15T07:59:50.000Z"
DOWN = member(is_up=False, state="ejected", cause="connect_refused", error="Connection refused", since="then")
CERTIFICATE = {"listener": "edge", "certificate": "a", "ends": "2027-01-16T07:00:00Z"}
M = "member 10.0.0.1:9000 of llm"
TWO = {"llm": {"versions": {one: {"service": f"llm@{one}", "weight": 50.0, "shadow": False} for one in ("v1", "v2")}}}


def test_nothing_is_wrong() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"draining": True}, ("critical", "draining", "", "it drains: what is under way is finished, nothing new is taken", None)),
        (
            {"workers": [worker(0, state="starting", quick_deaths=0, last_end=None)]},
            ("critical", "no_worker", "", "no worker is ready", None),
        ),
        (
            {"last_reload": {"ok": False, "when": "then", "error": "gw.yaml:3:1: a\ngw.yaml:4:1: b"}},
            (
                "error", "reload_refused", "",
                "the last reload is refused, the configuration before is in use: gw.yaml:3:1: a (and 1 more)", "then",
            ),
        ),
        (
            {"services": {"llm": service(DOWN, member())}},
            ("error", "ejected", M, "it is ejected: connect_refused: Connection refused", "then"),
        ),
        (
            {"services": {"llm": service(member(is_up=False, state="unresolved"), member())}},
            ("error", "unresolved", M, "it is unresolved", None),
        ),
        (
            {"services": {"llm": service(member(health=SICK))}},
            ("error", "unhealthy", M, "probes fail: status: 503", SICK["since"]),
        ),
        (
            {"services": {"llm": service(member(health={"10.0.0.9:1": SICK}))}},
            ("error", "unhealthy", M, "probes fail: status: 503", SICK["since"]),
        ),
        (
            {"services": {"llm": service(member(breaker=OPEN))}},
            ("error", "breaker", M, "its breaker is open: 5 of 5 calls failed", None),
        ),
        (
            {"services": {"llm": service(member(), breaker=OPEN)}},
            ("critical", "breaker", "service llm", "its breaker is open: 5 of 5 calls failed", None),
        ),
        (
            {"services": {"llm": service(member(waiting=3, active=8), limits={"max_connections": 4})}},
            (
                "error", "pool_full", M,
                "its pool is full: 8 connections busy (max_connections: 4 in each worker), 3 requests waiting", None,
            ),
        ),
        (
            {"services": {"llm": service(member(), panic={"state": "on", "reason": "1 of 4 is well", "since": "then"})}},
            ("error", "panic", "service llm", "all members are asked, too few are well: 1 of 4 is well", "then"),
        ),
        (
            {"names": {"a.test": NAME | {"cause": "not_found", "error": "a.test does not exist"}}},
            ("critical", "dns", "name a.test", "it does not resolve: a.test does not exist", None),
        ),
        (
            {"names": {"a.test": NAME | {"cause": "timeout", "addresses": ["::1"], "age": 10.0, "recalled": True}}},
            (
                "error", "dns", "name a.test",
                "it does not resolve: timeout; 1 address of before in use, found 10 s ago, before this gateway began", SINCE,
            ),
        ),
        (
            {"key_sets": {"http://k": {"cause": "refused", "error": "no", "keys": 2, "age": 10.0, "recalled": True}}},
            (
                "error", "key_set", "key set http://k",
                "its keys cannot be fetched: no; 2 in use, fetched 10 s ago, before this gateway began", SINCE,
            ),
        ),
        (
            {"key_sets": {"http://k": {"cause": "refused", "error": "no", "keys": 0, "age": 10.0, "recalled": False}}},
            (
                "critical", "key_set", "key set http://k",
                "its keys cannot be fetched: no; 0 in use, fetched 10 s ago, which is too long (stale)", SINCE,
            ),
        ),
        (
            {"services": {"llm": service(member(), discovery=[listed(state="failing", cause="refused", members=2)])}},
            ("error", "discovery", "service llm", "etcd x cannot be asked: refused; 2 members in use", "then"),
        ),
        (
            {"services": {"llm": service(member(), discovery=[listed(state="pending", members=2, recalled=True)])}},
            (
                "error", "discovery", "service llm",
                "etcd x says nothing: no answer yet; 2 members in use, who were listed 3 h ago, before this gateway began", "then",
            ),
        ),
        (
            {"services": {"llm": service(member(), discovery=[listed(members=0)])}},
            (
                "warning", "discovery", "service llm",
                "etcd x lists nobody: is it the right place? fastgw check --online shows what is beside it", "then",
            ),
        ),
        (
            {"members_file": {"path": "/m", "saved_at": None, "has_place": True, "error": "/m cannot be written: full"}},
            (
                "warning", "members_file", "members on the disk",
                "/m cannot be written: full: after a restart nobody is known until the registries answer", None,
            ),
        ),
        (
            {"lost_logs": {"/log": {"lines": 7, "cause": "No space left on device", "since": "then"}}},
            ("error", "log_lost", "log /log", "lines are lost (7): No space left on device", "then"),
        ),
        (
            {"certificates": [{"listener": "edge", "certificate": "a.pem", "ends": "2027-01-15T07:00:00Z"}]},
            ("critical", "certificate", "listener edge", "a.pem has expired", "2027-01-15T07:00:00Z"),
        ),
        (
            {"certificates": [{"listener": "edge", "certificate": "a.pem", "ends": "2027-01-29T07:00:00Z"}]},
            ("warning", "certificate", "listener edge", "a.pem expires in 13 days, at 2027-01-29T07:00:00Z", None),
        ),
    ],
    ids=lambda one: one[1] if isinstance(one, tuple) else "",
)  # fmt: skip
def test_what_the_status_has_is_told_with_its_cause(what: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert told(**what) == [expected]


@pytest.mark.parametrize(
    ("lately", "expected"),
    [
        (
            Lately(accept={(): 3}),
            (
                "critical", "descriptors", "",
                "clients are not accepted, for want of descriptors or memory (3 times): raise LimitNOFILE", SINCE,
            ),
        ),
        (
            Lately(board_full={(): 1}),
            ("error", "board_full", "", "the board has no room for the keys of limits: 1 request refused", SINCE),
        ),
        (
            Lately(log_lost={(): 2}),
            ("warning", "log_lost", "", "2 lines of access logs lost: the log says which, and why", SINCE),
        ),
        (
            Lately(stall={("1",): 1}),
            ("warning", "stalled", "worker 1", "it gave no sign of life for seconds (once)", SINCE),
        ),
        (
            Lately(death={("0",): 1}),
            ("warning", "worker_died", "worker 0", "it died (once): the log says why", SINCE),
        ),
        (
            Lately(shed={("llm", "queue_full"): 12}),
            ("critical", "queue_full", "service llm", "requests are turned away (12): its queue is full", SINCE),
        ),
        (
            Lately(failed={("llm", "10.0.0.1:9000"): {"answer_timeout": 3, "connect_refused": 1}}),
            (
                "warning", "answer_timeout", M,
                "4 requests failed there: answer_timeout 3, connect_refused 1", SINCE,
            ),
        ),
        (
            Lately(failed={("llm", "10.0.0.1:9000"): {"other": 1}}),
            (
                "warning", "other", M,
                "1 request failed there: another cause, such as the timeout of the route: 1", SINCE,
            ),
        ),
        (
            Lately(failed={("llm", "10.0.0.1:9000"): {"pool_full": 1}}),
            ("error", "pool_full", M, "1 request failed there: pool_full 1", SINCE),
        ),
    ],
    ids=lambda one: one[1] if isinstance(one, tuple) else "",
)  # fmt: skip
def test_what_has_grown_lately_is_told_since_when(lately: Lately, expected: tuple[Any, ...]) -> None:
    assert told(lately) == [expected]


def test_a_full_pool_is_told_once_with_whom_it_failed() -> None:
    full = {"llm": service(member(waiting=3, active=8), limits={"max_connections": 4})}
    name = ("llm", "10.0.0.1:9000")
    cause = "its pool is full: 8 connections busy (max_connections: 4 in each worker), 3 requests waiting, 7 failed"
    pool = ("error", "pool_full", M, cause, SINCE)
    assert told(Lately(failed={name: {"pool_full": 5, "pending_timeout": 2}}), services=full) == [pool]
    found = told(Lately(failed={name: {"pool_full": 7, "upstream_reset": 1}}), services=full)
    assert found[0] == pool and found[1][3] == "8 requests failed there: pool_full 7, upstream_reset 1"


def test_a_worker_that_dies_at_once_again_and_again() -> None:
    workers = [worker(0, quick_deaths=4, last_end="signal 11"), worker(1, quick_deaths=0, last_end=None)]
    cause = "it dies as soon as it is started (5 times, the last time by signal 11): the log says why"
    assert told(Lately(death={("0",): 5}), workers=workers) == [("error", "crash_loop", "worker 0", cause, SINCE)]


def test_a_certificate_that_has_time_is_no_problem() -> None:
    assert told(certificates=[{"listener": "edge", "certificate": "a", "ends": "2027-01-29T09:00:00Z"}]) == []


def test_of_versions_one_member_is_enough() -> None:
    found = {"llm@v1": service(DOWN), "llm@v2": service(member())}
    assert "no_member" not in [one[1] for one in told(services=found, versions=TWO)]
    found["llm@v2"] = service(DOWN)
    assert told(services=found, versions=TWO)[0][1:] == (
        "no_member", "service llm", "it has no member that can be used", "then",
    )  # fmt: skip


def test_the_worst_comes_first_and_they_are_bounded() -> None:
    lost = {"/log": {"lines": 7, "cause": "full", "since": None}}
    found = told(
        certificates=[CERTIFICATE] * 200,
        lost_logs=lost,
        services={"a": service(DOWN)},
    )
    assert [one[1] for one in found[:3]] == ["no_member", "ejected", "log_lost"]
    assert len(found) == MOST and sum(one[1] == "certificate" for one in found) == MOST - 4
    assert found[-1] == ("warning", "more", "", "and 104 more, which are not told", None)
    assert [one[1] for one in told(certificates=[CERTIFICATE] * MOST)] == ["certificate"] * MOST


def test_the_certificate_of_the_admin_address_counts() -> None:
    (found,) = told(certificates=[CERTIFICATE | {"listener": "admin address"}])
    assert found[1:3] == ("certificate", "admin address")


@pytest.mark.parametrize(
    ("files", "count"), [(None, 0), ({"needed": 1001, "limit": None}, 0), ({"needed": 1001, "limit": 1000}, 1)]
)
def test_files_that_may_not_be_enough_are_told_beforehand(files: dict[str, int | None] | None, count: int) -> None:
    found = problems(GOOD | {"open_files": files}, Lately(), NOW)  # type: ignore[arg-type]
    assert [(one["severity"], one["kind"]) for one in found] == [("warning", "open_files")] * count
    assert all("may need 1001 open files, and may have 1000" in one["cause"] for one in found)


def test_a_member_that_is_slow_beside_the_others_is_told_unless_it_is_left_out() -> None:
    slow = {"slow": {"seconds": 0.75, "others": 0.0175, "since": SINCE}}
    cause = "it is slow: half of its answers begin within 0.75 s, those of the others of its service within 0.0175 s"
    well = told(services={"llm": service(member(**slow))})
    assert well == [("warning", "slow", M, cause, SINCE)]
    out = told(services={"llm": service({**DOWN, **slow}, member())})
    assert [kind for _, kind, *_ in out] == ["ejected"]


def test_no_place_for_members_and_a_source_that_was_not_asked_yet_are_no_problems() -> None:
    told = {"path": "/m", "saved_at": None, "has_place": False, "error": "/m cannot be written: Read-only file system"}
    asked = service(member(), discovery=[listed(state="pending", members=None), listed()])
    assert problems(GOOD | {"members_file": told, "services": {"llm": asked}}, Lately(), NOW) == []  # type: ignore[arg-type]


def test_what_keeps_a_gateway_from_following_its_fleet() -> None:
    fleet = {"key": "/fastgw/edge", "state": "went_back", "reason": "9 % failed", "generation": 7, "since": "then"}
    cause = "the gateway has gone back from what its fleet gave it (/fastgw/edge, generation 7 is in use): 9 % failed"
    assert told(fleet=fleet) == [("error", "fleet", "", cause, "then")]
    assert told(fleet=fleet | {"state": "serving"}) == told(fleet=None) == []


def test_what_nothing_else_tells_of_is_told_when_it_cannot_be_asked() -> None:
    redis = {
        "kind": "redis",
        "name": "redis://r",
        "state": "failing",
        "age": 10.0,
        "goes_on": "leases",
        "error": "no",
        "cause": "x",
    }
    quiet = redis | {"kind": "mqtt", "state": "quiet"}
    etcd = redis | {"kind": "etcd"}  # of which its service tells
    judge = redis | {"kind": "introspection", "name": "http://j", "age": None, "goes_on": None, "error": None}
    assert told(dependencies=[redis, quiet, etcd, judge]) == [
        ("error", "redis", "Redis redis://r", "it cannot be asked: no; leases", SINCE),
        ("error", "introspection", "judge of tokens http://j", "it cannot be asked: x", None),
    ]
