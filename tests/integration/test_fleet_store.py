"""Configurations of a fleet in a real etcd, by the commands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fastgw.cli.main import main
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, encoded
from fastgw.fleet import store as module
from fastgw.fleet.copies import NodeCopies
from fastgw.fleet.follower import FleetFollower, NodeFacts, Used
from fastgw.fleet.records import FleetKeys, Generation
from fastgw.fleet.store import Pushed, Store
from tests.support.etcd import EtcdServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

TEXT = """\
listeners: [{address: "127.0.0.1:8080"}]
routes: [{path: /*, service: a}]
services: {a: {endpoints: ["127.0.0.1:9"]}}
"""

GRANTS = """
user add root:rootpw
user grant-role root root
role add gateway
role grant-permission gateway --prefix=true read /fastgw/edge/
role grant-permission gateway --prefix=true readwrite /fastgw/edge/nodes/
role grant-permission gateway --prefix=true readwrite /fastgw/edge/rollout
role add deploy
role grant-permission deploy --prefix=true read /fastgw/edge/
role grant-permission deploy --prefix=true readwrite /fastgw/edge/generations/
role grant-permission deploy readwrite /fastgw/edge/latest
user add gateway:a
user grant-role gateway gateway
user add deploy:b
user grant-role deploy deploy
auth enable
"""


def test_they_are_pushed_listed_and_taken_back(
    etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*words: str) -> str:
        assert main(["config", *words, "--etcd", etcd.url, "--key", "/fastgw/edge"]) == 0
        return capsys.readouterr().out

    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    assert command("push", str(file), "--no-wait") == "generation 1 is pushed to /fastgw/edge\n"
    assert "the text of generation 1" in command("rollback", "1", "--no-wait")
    assert command("pull") == TEXT
    assert [line.split()[0] for line in command("history").splitlines()] == ["2", "1"]

    async def many() -> tuple[list[Generation], list[int]]:
        client = EtcdClient(etcd.settings(""))
        with client.used():
            store = Store(client, FleetKeys("/fastgw/edge"))
            pushed = [store.push(Pushed(TEXT + f"zone: z{one}\n", "ann@desk", 0.0)) for one in range(4)]
            found = await asyncio.gather(*pushed)
            return found, [one.number for one in await store.history(9) if isinstance(one, Generation)]

    monkeypatch.setattr(module, "KEPT", 3)
    found, kept = asyncio.run(many())
    assert sorted(one.number for one in found) == [3, 4, 5, 6] and kept == [6, 5, 4]
    assert etcd.ctl("get", "--prefix", "--keys-only", "/fastgw/edge/").split() == [
        *(f"/fastgw/edge/generations/000000000{one}" for one in (4, 5, 6)),
        "/fastgw/edge/latest",
    ]


class Gateway:
    """A gateway that takes whatever it is given; a ``NodeHost``."""

    can_change = True

    def facts(self) -> NodeFacts:
        return NodeFacts("1.0", "", 1)

    async def check(self, _: Generation) -> tuple[str, ...]:
        return ()

    async def use(self, _: Generation) -> Used:
        return Used()

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        pass


def test_gateways_need_no_right_to_push_and_who_pushes_none_to_coordinate(etcd: EtcdServer, tmp_path: Path) -> None:
    """As docs/fleet.md has the roles."""
    for command in GRANTS.strip().splitlines():
        etcd.ctl(*command.split())
    keys, copies = FleetKeys("/fastgw/edge"), NodeCopies(str(tmp_path / "edge.yaml"))

    async def whole() -> None:
        node = EtcdClient(etcd.settings("", user="gateway", password="a"))
        pusher = EtcdClient(etcd.settings("", user="deploy", password="b"))
        with node.used(), pusher.used():
            host = Gateway()
            follower = FleetFollower(node, keys, "edge-1", copies, host, host)
            follower.begin()
            first = await Store(pusher, keys).push(Pushed(TEXT, "ann@desk", 0.0))
            async with asyncio.timeout(20):
                while first.number not in [one.uses for one in (await Store(pusher, keys).sight()).nodes.values()]:
                    pass  # as its record says, which pushers read too
            assert copies.text() == TEXT
            with pytest.raises(EtcdError, match="permission denied"):
                await Store(node, keys).push(Pushed(TEXT, "edge-1", 0.0))
            for key in (keys.rollout, keys.node("edge-1")):
                put = {"key": encoded(key.encode()), "value": encoded(b"{}")}
                with pytest.raises(EtcdError, match="permission denied"):
                    await pusher.ask("/v3/kv/put", put)
            await follower.leave()

    asyncio.run(whole())
