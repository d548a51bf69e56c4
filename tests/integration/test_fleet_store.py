"""Configurations of a fleet in a real etcd, by the commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.main import main
from fastgw.discovery.etcd_client import EtcdClient
from fastgw.fleet import store as module
from fastgw.fleet.records import FleetKeys, Generation
from fastgw.fleet.store import Pushed, Store
from tests.support.etcd import EtcdServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("etcd", "etcdctl")]

TEXT = """\
listeners: [{address: "127.0.0.1:8080"}]
routes: [{path: /*, service: a}]
services: {a: {endpoints: ["127.0.0.1:9"]}}
"""


@pytest.fixture
def etcd() -> Iterator[EtcdServer]:
    server = EtcdServer()
    try:
        yield server.start()
    finally:
        server.close()


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
