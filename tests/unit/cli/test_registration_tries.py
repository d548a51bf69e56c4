"""Registries that a gateway registers in, tried once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from fastgw.cli.references import references
from fastgw.cli.registration_tries import registration_references
from fastgw.cli.tries import FailedError, Referred, Usable
from tests.support.consul import Consul
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer
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


def test_etcd_is_asked_for_the_keys_of_each_service(tmp_path: Path, service: Callable[..., UpstreamServer]) -> None:
    etcd = service()  # answers everything with JSON
    whole = with_service("health: {path: /}, register_as: legacy")
    [one] = referred(tmp_path, f"etcd: {{endpoints: ['http://{etcd.address}']}}", whole)
    found = tried(one)
    assert isinstance(found, Usable)
    assert found.said == "the keys of 2 services can be read; writing is not tried"


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
