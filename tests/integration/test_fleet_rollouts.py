"""How a fleet of real gateways takes what is pushed: canaries, what does harm, coordinators that end or die."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.main import main
from fastgw.fleet.coordinating import canaries_of
from tests.support.etcd import EtcdServer
from tests.support.fleet_nodes import KEY, FleetGateway
from tests.support.gateway import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd")]

TEXT = """\
admin: {address: "127.0.0.1:${ADMIN}"}
workers: 1
listeners: [{address: "127.0.0.1:${PORT}"}]
reload: {guard: 2s, min_requests: 20}
routes: [{path: /*, reply: {status: %d, body: %s}}]
"""
NAMES = ("edge-1", "edge-2")


class Fleet:
    """Two gateways and their etcd."""

    def __init__(self, etcd: EtcdServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.etcd, self._folder, self._capsys = etcd, folder, capsys
        self.nodes = {name: FleetGateway(etcd, name, folder) for name in NAMES}
        self.where = ["--etcd", etcd.url, "--key", KEY]

    def begin(self) -> None:
        for node in self.nodes.values():
            node.start()
        wait_until(lambda: len(self.shown()["nodes"]) == len(NAMES), limit=20, what="all are there")
        assert self.push(200, "first") == 0 and self.serves() == dict.fromkeys(NAMES, "first")

    def push(self, status: int, word: str, *more: str) -> int:
        file = self._folder / "gateway.yaml"
        file.write_text(TEXT % (status, word))
        return main(["config", "push", str(file), "--no-check", *self.where, *more])

    def shown(self) -> dict[str, Any]:
        """What ``fastgw fleet`` says; ``code`` is how it ends."""
        self._capsys.readouterr()
        code = main(["fleet", "--format", "json", *self.where])
        found: dict[str, Any] = json.loads(self._capsys.readouterr().out or "{}")
        return {"nodes": [], "coordinator": None, **found, "code": code}

    def serves(self) -> dict[str, str]:
        return {name: node.serves() for name, node in self.nodes.items()}

    @contextmanager
    def asked(self) -> Iterator[dict[str, set[str]]]:
        """Ask all the time; what each has answered."""
        answers: dict[str, set[str]] = {name: set() for name in NAMES}
        is_over = threading.Event()

        def ask(name: str) -> None:
            while not is_over.wait(0.01):
                answers[name].add(self.nodes[name].serves())

        threads = [threading.Thread(target=ask, args=(name,)) for name in NAMES]
        for one in threads:
            one.start()
        try:
            yield answers
        finally:
            is_over.set()
            for one in threads:
                one.join()


@pytest.fixture
def fleet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    etcd = EtcdServer()
    found = Fleet(etcd.start(), tmp_path, capsys)
    try:
        found.begin()
        yield found
    finally:
        for node in found.nodes.values():
            node.end()
        etcd.close()


def test_harm_stays_with_canaries_and_somebody_always_coordinates(fleet: Fleet) -> None:
    told = fleet.shown()
    assert (told["code"], told["rollout"]["phase"], told["wrong"]) == (0, "promoted", [])
    (canary,) = canaries_of(NAMES, 0.3)
    with fleet.asked() as answers:
        assert fleet.push(503, "harm", "--canary", "30%", "--hold", "1s") == 1
        wait_until(lambda: fleet.serves() == dict.fromkeys(NAMES, "first"), limit=2, what="all serve the one before")
    assert {name: "503" in found for name, found in answers.items()} == {name: name == canary for name in NAMES}
    told = fleet.shown()
    assert told["code"] == 1 and told["rollout"]["phase"] == "went_back" and told["rollout"]["promoted"] == 1
    assert told["rollout"]["reason"].startswith(f"{canary}: ") and "requests failed" in told["rollout"]["reason"]
    assert [one["state"] == "went_back" for one in told["nodes"]] == [name == canary for name in NAMES]

    # a coordinator that ends leaves its place at once
    leader = told["coordinator"]
    fleet.nodes[leader].stop()
    wait_until(lambda: fleet.shown()["coordinator"] not in (None, leader), limit=1.5, what="another coordinates")
    assert fleet.push(200, "second", "--canary", "50%", "--hold", "0s") == 0
    others = [name for name in NAMES if name != leader]
    assert {fleet.nodes[name].serves() for name in others} == {"second"}

    # one that comes takes what was promoted meanwhile
    fleet.nodes[leader].start()
    wait_until(lambda: fleet.nodes[leader].serves() == "second", what="it serves what was promoted")
    wait_until(lambda: fleet.shown()["code"] == 0, what="all is well")


@pytest.mark.long
def test_a_coordinator_is_killed_in_the_middle_and_etcd_goes_and_comes(fleet: Fleet) -> None:
    assert fleet.push(200, "held", "--canary", "60%", "--hold", "2s", "--no-wait") == 0
    wait_until(lambda: fleet.shown()["rollout"]["phase"] == "canary", what="canaries hold it")
    leader = fleet.shown()["coordinator"]
    dead = fleet.nodes[leader]
    begin = time.monotonic()
    dead.kill()
    wait_until(lambda: fleet.shown()["coordinator"] not in (None, leader), limit=15, what="another coordinates")
    assert time.monotonic() - begin < 11.5
    wait_until(lambda: fleet.shown()["rollout"]["phase"] == "promoted", what="it is brought to its end")
    dead.start()
    wait_until(lambda: set(fleet.serves().values()) == {"held"}, limit=20, what="all serve it")

    # one that stands still, and does not know that its time is over, writes nothing when it goes on
    leader = fleet.shown()["coordinator"]
    other = next(name for name in NAMES if name != leader)
    fleet.nodes[leader].signal(signal.SIGSTOP)
    wait_until(lambda: fleet.shown()["coordinator"] == other, limit=15, what="another coordinates")
    assert fleet.push(200, "without it") == 0 and fleet.nodes[other].serves() == "without it"
    before = fleet.shown()["rollout"]
    fleet.nodes[leader].signal(signal.SIGCONT)
    wait_until(lambda: set(fleet.serves().values()) == {"without it"}, what="it takes what was promoted meanwhile")
    wait_until(lambda: fleet.shown()["code"] == 0, what="all is well")
    assert (fleet.shown()["rollout"], fleet.shown()["coordinator"]) == (before, other)

    fleet.etcd.kill()
    wait_until(
        lambda: {one.fleet()["state"] for one in fleet.nodes.values()} == {"stale"}, limit=20, what="they are stale"
    )
    assert set(fleet.serves().values()) == {"without it"} and fleet.shown()["code"] == 1
    fleet.etcd.wipe()
    fleet.etcd.start()
    wait_until(lambda: len(fleet.shown()["nodes"]) == len(NAMES), limit=20, what="they are there again")
    assert set(fleet.serves().values()) == {"without it"} and fleet.shown()["latest"] == 0
    fleet.nodes[NAMES[0]].signal(signal.SIGHUP)  # which changes nothing of it
    assert fleet.push(200, "anew") == 0
    assert set(fleet.serves().values()) == {"anew"}
