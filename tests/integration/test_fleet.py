"""Gateways that get their configuration from a real etcd: the first one, the next ones, none, and without etcd."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.support.etcd import EtcdServer
from tests.support.fleet_nodes import FleetGateway
from tests.support.gateway import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

TEXT = """\
admin: {address: "127.0.0.1:${ADMIN}"}
workers: 1
listeners: [{address: "127.0.0.1:${PORT}"}]
routes: [{path: /*, reply: {text: %s}}]
"""


class Node(FleetGateway):
    """One gateway of the fleet, which may be upgraded."""

    def successor(self) -> int:
        """The process that has taken over; 0: none."""
        for line in self.log.read_text().splitlines():
            if '"a new gateway has taken our place"' in line:
                return int(json.loads(line)["successor"])
        return 0

    def end(self) -> None:
        """Its successor too."""
        if successor := self.successor():
            os.kill(successor, signal.SIGTERM)
            wait_until(lambda: not self.get(self.admin, "/livez"), what="the successor ends")
        super().end()


def test_the_life_of_a_fleet(etcd: EtcdServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [Node(etcd, f"edge-{number}", tmp_path) for number in (1, 2)]
    one, two = nodes

    def push(text: str, *more: str) -> int:
        file = tmp_path / "gateway.yaml"
        file.write_text(text)
        return main(["config", "push", str(file), "--no-check", "--etcd", etcd.url, "--key", "/fastgw/edge", *more])

    def all_serve(text: str, *some: Node) -> bool:
        return all(node.serves() == text for node in some or nodes)

    try:
        for node in nodes:  # before anything is pushed
            node.start()
        names = "/fastgw/edge/nodes/"
        wait_until(lambda: len(etcd.ctl("get", "--prefix", "--keys-only", names).split()) == 2, what="both wait")
        assert push(TEXT % "one") == 0
        wait_until(lambda: all_serve("one"), what="the first one is served")
        wait_until(lambda: {node.fleet().get("state") for node in nodes} == {"serving"}, what="they say so")

        begin = time.monotonic()
        assert push(TEXT % "two") == 0
        assert all_serve("two") and time.monotonic() - begin < 2

        # one that none can use is taken by none, and all say why
        capsys.readouterr()
        assert push(TEXT % "three" + "nonsense: 1\nstate_file: /etc/fastgw-x\n") == 1
        said = capsys.readouterr().out
        assert "edge-1: refuses it" in said and "edge-2: refuses it" in said and "refused: edge-1, edge-2: gen" in said
        assert "state_file: /etc/fastgw-x is not allowed here" in said
        assert all_serve("two")
        assert [node.fleet()["problems"] for node in nodes] == [one.fleet()["problems"]] * 2

        # without etcd: everything stays, and a node that is started serves its last good copy
        two.stop()
        etcd.kill()
        two.start()
        wait_until(lambda: all_serve("two"), what="the last good copy is served")
        assert two.fleet()["generation"] == 2 and "last good one" in two.log.read_text()

        # it is back: they are as before, and follow
        etcd.start()
        wait_until(lambda: two.fleet().get("nodes") == 2, what="the fleet is there again")
        one.signal(signal.SIGUSR2)  # an upgrade on the way
        wait_until(lambda: one.successor() > 0, what="an upgrade")
        assert push(TEXT % "four", "--canary", "50%", "--hold", "0") == 0
        assert all_serve("four")
        successor = json.loads(one.get(one.admin, "/status"))
        assert successor["fleet"]["generation"] == 4 and successor["last_reload"]["by"] == "etcd"
    finally:
        for node in nodes:
            node.end()
