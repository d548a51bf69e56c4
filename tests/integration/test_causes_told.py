"""From "something is wrong" to its cause: what goes wrong is told on one screen of ``fastgw status``, in the log, and by the dashboard."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

import fastgw
from tests.integration.processes import Gateway, Service, connect, events, read_answer, reload, say, workers
from tests.support.certificates import Authority
from tests.support.gateway import ROOT, GatewayProcess, simple_config, wait_until
from tests.support.nameserver import NameServer, Records
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, canned, hold, response

pytestmark = pytest.mark.integration

CONFIG = """
workers: 1
admin: {address: "127.0.0.1:$admin"}
resolver: {servers: ["NAMES"], min_interval: 100ms, max_interval: 100ms}
listeners:
  - {name: edge, address: "127.0.0.1:$port", filters: [log]}
  - {name: secure, address: "127.0.0.1:0", tls: {certificates: [{cert: CERT, key: KEY}]}}
filters:
  log: {type: access_log, path: /dev/full, flush: 10ms}
routes:
  - {path: /dead, service: dead}
  - {path: /slow, service: slow}
  - {path: /pool, service: pool}
  - {path: /breaker, service: breaker}
  - {path: /queue, service: queue}
  - {path: /dns, service: dns}
services:
  dead: {endpoints: ["127.0.0.1:REFUSED", "GOOD"], ejection: {base: 60s, max: 60s}}
  slow: {endpoints: ["SLOW", "GOOD", "GOOD2"], ejection: {slow: 2, minimum: 2, base: 60s, max: 60s}}
  pool: {endpoints: ["HELD"], pool: {max_connections: 1, max_pending: 1, pending_timeout: 30s}}
  breaker: {endpoints: ["BROKEN", "GOOD"], breaker: {minimum: 2, base: 60s, max: 60s}}
  queue: {endpoints: ["HELD"], admission: {limit: 1, queue: {size: 1, timeout: 30s}}}
  dns: {endpoints: ["gone.test:80"]}
"""


class Told(NamedTuple):
    """What is said of a cause."""

    kind: str
    about: str  #: what its problem begins with
    words: str  #: in the problem
    event: str  #: in the log
    fields: dict[str, Any]  #: of its line


CAUSES = {
    "dead member": Told(
        "ejected", "member $REFUSED of dead", "connect_refused: ", "an endpoint is ejected", {"service": "dead", "cause": "connect_refused"}
    ),
    "slow member": Told(
        "ejected", "member $SLOW of slow", "slow", "an endpoint is left out", {"service": "slow", "cause": "slow"}
    ),
    "full pool": Told(
        "pool_full", "member $HELD of pool",
        "its pool is full: 1 connection busy (max_connections: 1 in each worker), 1 request waiting, 1 failed",
        "an endpoint fails", {"service": "pool", "cause": "pool_full"},
    ),
    "open breaker": Told(
        "breaker", "member $BROKEN of breaker", "its breaker is open: ", "a breaker is open", {"service": "breaker"}
    ),
    "full queue": Told(
        "queue_full", "service queue", "its queue is full, 1 may be under way", "requests are turned away",
        {"service": "queue", "cause": "queue_full", "level": "warning"},
    ),
    "name that does not resolve": Told(
        "dns", "name gone.test", "it does not resolve: gone.test does not exist", "a name has no answer",
        {"name": "gone.test", "cause": "not_found"},
    ),
    "disk full": Told(
        "log_lost", "log /dev/full", "No space left on device", "access log lines are lost", {"path": "/dev/full"}
    ),
    "certificate": Told(
        "certificate", "listener secure", "expires in 8 days", "a certificate ends soon", {"listener": "secure", "days": 8}
    ),
    "refused reload": Told(
        "reload_refused", "", "nonsense", "the new configuration is refused, the old one stays", {"generation": 1}
    ),
}  # fmt: skip


class Troubled(NamedTuple):
    """A gateway with all of that, and what it says then."""

    running: GatewayProcess
    names: dict[str, str]  #: for ``$`` in ``Told.about``
    problems: list[dict[str, Any]]  #: of ``fastgw status --json``
    table: str
    live: dict[str, Any]  #: of the dashboard


def told_by(running: GatewayProcess, *options: str) -> str:
    """What ``fastgw status`` prints."""
    command = [sys.executable, "-m", "fastgw", "status", "-c", str(running.config), *options]
    found = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT)
    assert found.returncode in (0, 3), found.stderr
    return found.stdout


def live_values(running: GatewayProcess) -> dict[str, Any]:
    """The first that the dashboard gets to show."""
    with urllib.request.urlopen(running.admin_url + "/events", timeout=10) as stream:
        while not (line := stream.readline()).startswith(b"data: "):
            assert line
    found: dict[str, Any] = json.loads(line[6:])
    return found


def slowly(request: Received, connection: Connection) -> None:
    threading.Event().wait(0.1)
    connection.send(response(b"late"))


def answered(port: int, path: str) -> int:
    """The status."""
    with connect(port) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
        return int(read_answer(sock).split(b" ", 2)[1])


def make_all(running: GatewayProcess, stack: ExitStack) -> None:
    """Make what is wrong so; connections that wait for an answer end with ``stack``."""
    kinds = {one["kind"] for one in running.admin("/status")["problems"]}  # from now on counters are seen to grow
    assert kinds <= {"open_files", "dns", "no_member", "unresolved", "certificate"}
    for path, kind in (("/dead", "ejected"), ("/slow", "ejected"), ("/breaker", "breaker")):
        wait_until(
            lambda path=path, kind=kind: answered(running.port, path) and is_told(running, kind, path[1:]), what=path
        )
    assert answered(running.port, "/dns") == 502
    for path in ("/pool", "/queue"):
        for under_way in (1, 2):
            sock = stack.enter_context(connect(running.port))
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            wait_until(lambda path=path, count=under_way: started(running, path) == count)
            wait_until(
                lambda path=path: is_carried(running, path[1:])
            )  # else it is still waiting, and the next is one too many
        assert answered(running.port, path) == 503
    reload(running, running.config.read_text() + "nonsense: 1\n")


def is_told(running: GatewayProcess, kind: str, service: str) -> bool:
    problems = running.admin("/status")["problems"]
    return any(one["kind"] == kind and one["about"].endswith(f" of {service}") for one in problems)


def started(running: GatewayProcess, path: str) -> int:
    count: int = running.admin("/status")["routes"][path]["started"]
    return count


def is_carried(running: GatewayProcess, service: str) -> bool:
    """Has the member a request?"""
    (member,) = running.admin("/status")["services"][service]["endpoints"].values()
    return bool(member["active"] == 1)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Troubled]:
    folder = tmp_path_factory.mktemp("troubled")
    cert, key = authority.pair("ends", "edge.test", days=9, folder=folder)
    go_on = threading.Event()
    with ExitStack() as stack:

        def member(script: Callable[..., None]) -> str:
            return stack.enter_context(UpstreamServer(script)).address

        names = {
            "REFUSED": f"127.0.0.1:{free_port()}",
            "SLOW": member(slowly),
            "HELD": member(hold(go_on, say(b"held"))),
            "BROKEN": member(canned(response(status="500 No"))),
            "GOOD2": member(say(b"good")),
            "GOOD": member(say(b"good")),
        }
        text = CONFIG.replace("127.0.0.1:REFUSED", names["REFUSED"])
        server = stack.enter_context(NameServer({"other.test": Records("127.0.0.1")}))
        inside = {"NAMES": server.address, "CERT": cert, "KEY": key}
        for name, value in (names | inside).items():
            text = text.replace(f'"{name}"', f'"{value}"').replace(f": {name}", f": {value}")
        running = GatewayProcess(text, folder)
        stack.callback(running.kill)  # which does nothing to one that has ended
        running.wait_ready()
        with ExitStack() as clients:
            make_all(running, clients)
            wait_until(lambda: events(running, CAUSES["full queue"].event), what="the log has the last of them")
            wait_until(lambda: running.admin("/status")["lost_logs"], what="lines are lost")
            problems = json.loads(told_by(running, "--json"))["problems"]
            yield Troubled(running, names, problems, told_by(running), live_values(running))
            go_on.set()
        assert running.stop() == 0


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_is_told(cause: str, troubled: Troubled) -> None:
    told = CAUSES[cause]
    about = told.about
    for name, value in troubled.names.items():
        about = about.replace(f"${name}", value)
    found = [
        one
        for one in troubled.problems
        if (one["kind"], one["about"]) == (told.kind, about) and told.words in one["cause"]
    ]
    assert found, troubled.problems
    one = found[0]
    # the screen
    [row] = [line for line in troubled.table.splitlines() if line.startswith("! ") and told.words in line]
    assert f"! {one['severity']}" in row and about in row
    # the dashboard
    assert (one["severity"], one["kind"], one["about"]) in [
        (shown["severity"], shown["kind"], shown["about"]) for shown in troubled.live["problems"]
    ]
    # the log
    lines = events(troubled.running, told.event)
    of_it = [line for line in lines if told.fields.items() <= line.items()]
    assert of_it and of_it[0]["level"] in ("warning", "error"), lines


def test_all_of_it_is_one_screen(troubled: Troubled) -> None:
    lines = troubled.table.splitlines()
    assert len(lines) <= 40
    assert not any("more, which --json tells" in line for line in lines)
    assert any(line.startswith("! ") for line in lines[1:2])  # on top


@pytest.mark.skipif(
    not fastgw.compiled(), reason="in pure Python the event loop accepts, and tells nobody when it cannot"
)
def test_descriptors_that_are_exhausted_are_told(gateway: Gateway, service: Service) -> None:
    running = gateway(simple_config(service(say(b"hi")).address))
    running.admin("/status")
    [worker] = workers(running)
    open_now = max(int(name) for name in os.listdir(f"/proc/{worker['pid']}/fd"))
    before = resource.prlimit(
        worker["pid"], resource.RLIMIT_NOFILE, (open_now + 3, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    with ExitStack() as clients:
        for _ in range(open_now + 10):
            clients.enter_context(connect(running.port))
        wait_until(lambda: problem(running, "descriptors"), what="it is told")
        assert "for want of descriptors" in told_by(running) and "raise LimitNOFILE" in told_by(running)
        assert "descriptors" in [one["kind"] for one in live_values(running)["problems"]]
        [line, *_] = wait_until(lambda: events(running, "connections cannot be accepted"))
        assert "no descriptor is free" in line["cause"]
        resource.prlimit(worker["pid"], resource.RLIMIT_NOFILE, before)


def test_a_worker_that_dies_again_and_again_is_told(gateway: Gateway, service: Service) -> None:
    running = gateway(simple_config(service(say(b"hi")).address))
    running.admin("/status")
    pid = workers(running)[0]["pid"]
    for _ in range(4):
        os.kill(pid, signal.SIGKILL)
        gone = pid
        pid = wait_until(lambda old=gone: (one := workers(running)[0]["pid"]) != old and one)
    found = wait_until(lambda: problem(running, "crash_loop"), what="it is told")
    assert found["about"] == "worker 0" and "dies as soon as it is started" in found["cause"]
    assert "SIGKILL" in found["cause"]
    assert "worker 0: it dies as soon as it is started" in told_by(running)
    live = live_values(running)
    assert "crash_loop" in [one["kind"] for one in live["problems"]] and live["workers"][0]["restarts"] == 4
    lines = events(running, "a worker died and is started again")
    assert [line["signal"] for line in lines] == ["SIGKILL"] * 4
    wait_until(lambda: workers(running)[0]["state"] == "ready")


@pytest.mark.long
def test_a_slow_member_that_nothing_leaves_out_is_told(gateway: Gateway, service: Service) -> None:
    good, slow = service(say(b"good")).address, service(slowly).address
    running = gateway(simple_config(good).replace(f'"{good}"', f'"{good}", "{slow}"'))
    found = wait_until(lambda: answered(running.port, "/") and problem(running, "slow"), what="it is told", limit=90.0)
    assert found["about"].startswith(f"member {slow} of ") and "half of its answers begin within" in found["cause"]
    assert "slow: half of its answers" in told_by(running)
    assert "slow" in [one["kind"] for one in live_values(running)["problems"]]
    [line, *_] = wait_until(lambda: events(running, "an endpoint is slow"))
    assert line["endpoint"] == slow


def problem(running: GatewayProcess, kind: str) -> dict[str, Any]:
    """The first of this kind, or nothing."""
    return next((one for one in running.admin("/status")["problems"] if one["kind"] == kind), {})
