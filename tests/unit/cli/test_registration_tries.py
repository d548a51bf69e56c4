"""Registries that a gateway registers in, tried once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.references import references
from fastgw.cli.registration_tries import registration_references
from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded
from tests.support.consul import Consul
from tests.support.ports import free_port
from tests.unit.config.files import MINIMAL, read, with_service

EDGE = "listeners: [{listener: listener-1, service: edge}]"


def referred(folder: Path, text: str, whole: str = MINIMAL) -> list[Referred]:
    return list(registration_references(read(folder, f"registration: {{{text}, {EDGE}}}\n{whole}")))


def tried(reference: Referred) -> Usable | FailedError:
    async def whole() -> Usable:
        return await reference.attempt()

    try:
        return asyncio.run(whole())
    except FailedError as error:
        return error


def test_each_registry_is_one_reference(tmp_path: Path) -> None:
    text = "etcd: {endpoints: ['http://127.0.0.1:1']}, consul: {token: s3cret}"
    found = referred(tmp_path, text)
    assert [(one.kind, one.place, one.paths) for one in found] == [
        ("etcd", "etcd http://127.0.0.1:1 /services", (("registration", "etcd"),)),
        ("consul", "consul http://127.0.0.1:8500", (("registration", "consul"),)),
    ]
    spec = read(tmp_path, f"registration: {{{text}, {EDGE}}}\n{MINIMAL}")
    assert [one.place for one in references(spec)] == [one.place for one in found]
    assert not [*registration_references(read(tmp_path, MINIMAL))]


def test_a_key_of_each_service_would_be_put_if_what_never_is_were_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    denied = EtcdError("denied", "permission denied", 7)

    async def ask(_: object, path: str, message: dict[str, Any]) -> dict[str, Any]:
        assert path == "/v3/kv/txn"
        asked.append(message)
        if len(asked) > 3:
            raise denied
        return {}

    monkeypatch.setattr(EtcdClient, "ask", ask)
    whole = with_service("health: {path: /}, register_as: legacy")
    [one] = referred(tmp_path, "etcd: {endpoints: ['http://127.0.0.1:1'], prefix: /p}", whole)
    found = tried(one)
    assert isinstance(found, Usable) and found.said == "members of 2 services may be registered"
    keys = [decoded(message["success"][0]["requestPut"]["key"]) for message in asked]
    assert keys == [b"/p/edge/fastgw-check", b"/p/legacy/fastgw-check"]
    assert all(message["compare"][0]["version"] == "-1" for message in asked)
    refused = tried(one)
    assert isinstance(refused, FailedError) and refused.cause == "denied"
    assert str(refused) == "members of legacy cannot be registered: permission denied"


def test_registries_that_are_not_there(tmp_path: Path) -> None:
    for text in (
        f"etcd: {{endpoints: ['http://127.0.0.1:{free_port()}']}}",
        f"consul: {{endpoint: 'http://127.0.0.1:{free_port()}'}}",
    ):
        [one] = referred(tmp_path, text)
        found = tried(one)
        assert isinstance(found, FailedError) and found.cause == "refused"


@pytest.mark.parametrize(
    ("acl", "token", "said"),
    [
        ("", "", "the agent answers; registering is not tried"),
        ("", "word", "the agent answers"),
        ("word", "word", "the agent answers and knows the token; registering is not tried"),
        ("word", "wrong", "denied"),
    ],
)
def test_an_agent_says_whether_it_knows_the_token(tmp_path: Path, acl: str, token: str, said: str) -> None:
    async def whole() -> Usable:
        async with Consul(acl) as consul:
            more = f", token: {token}" if token else ""
            [one] = referred(tmp_path, f"consul: {{endpoint: 'http://127.0.0.1:{consul.port}'{more}}}")
            return await one.attempt()

    if said == "denied":
        with pytest.raises(FailedError, match="answered 403") as caught:
            asyncio.run(whole())
        assert caught.value.cause == "denied"
        return
    found = asyncio.run(whole())
    assert found.said == said and bool(found.warnings) == (token != "" and not acl)


def test_an_agent_without_a_leader(tmp_path: Path) -> None:
    async def whole() -> None:
        async with Consul() as consul:
            consul.has_leader = False
            [one] = referred(tmp_path, f"consul: {{endpoint: 'http://127.0.0.1:{consul.port}'}}")
            await one.attempt()

    with pytest.raises(FailedError, match="No cluster leader") as caught:
        asyncio.run(whole())
    assert caught.value.cause == "unavailable"
