"""What is said of registries that the gateway registers in."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace
from typing import Any

from fastgw.discovery.listing import listed
from fastgw.registration.registry import RegisteredMember
from fastgw.server.registration_status import registration_document, registration_facts

ONE = RegisteredMember("edge", listed("10.0.0.1:80"))


def registrar(**changes: Any) -> Any:
    known: dict[str, Any] = {
        "registry": "etcd http://a /services",
        "there": (ONE,),
        "wanted": {ONE.name: ONE},
        "is_settled": True,
        "cause": "",
        "detail": "",
        "errors": 0,
        "losses": 0,
        "renewed": -math.inf,
        "failing_since": 0.0,
    }
    return SimpleNamespace(**known | changes)


def test_each_registry_has_its_state_and_cause() -> None:
    async def facts() -> Any:
        now = asyncio.get_running_loop().time()
        failing = registrar(cause="refused", detail="no", there=(), errors=3, losses=1, failing_since=now - 5)
        found: list[Any] = [registrar(renewed=now - 2), registrar(is_settled=False), failing]
        one: Any = SimpleNamespace(left_out=2, registrars=lambda: [("etcd", two) for two in found])
        return registration_facts(one)

    found = asyncio.run(facts())
    assert [one.state for one in found] == ["registered", "pending", "failing"]
    first, second, third = registration_document(found, 1_800_000_000.0)
    assert first["members"] == ["edge/10.0.0.1:80"] and first["renewed_at"].startswith("2027-01-15T07:59:5")
    assert first["cause"] is None and first["since"] is None and second["renewed_at"] is None
    assert (third["state"], third["cause"], third["error"], third["wanted"]) == ("failing", "refused", "no", 1)
    assert (third["errors"], third["losses"], third["left_out"]) == (3, 1, 2)
    assert third["since"].startswith("2027-01-15T07:59:5")


def test_nothing_is_said_where_there_is_none() -> None:
    assert registration_facts(None) == [] == registration_document([], 0.0)
