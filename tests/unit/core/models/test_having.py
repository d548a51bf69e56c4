"""Models that members have: where requests for them go, and the list that clients get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.models.asked import NOTE
from fastgw.core.models.having import ToldNames, by_model
from fastgw.policy.having import TABLES
from fastgw.testing.edge import body_of
from tests.support.chats import Member
from tests.support.models import ModelEdge, get


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    TABLES.retain(())


def test_the_name_that_is_sent_decides() -> None:
    a, b = Member("a:1"), Member("b:1")
    TABLES.of("having").learn({"b:1": ("org/lora",)})
    members = SimpleNamespace(all=(a, b), ready=(a, b), judge=None)
    pick = by_model("having", members, lambda _: lambda some, _: some[0], lambda some, _: some[0])
    asked = SimpleNamespace(sent_as="org/lora")
    for notes, expected in ((None, a), ({}, a), ({NOTE: asked}, b), ({NOTE: SimpleNamespace(sent_as="")}, a)):
        assert pick(members.ready, SimpleNamespace(notes=notes, tried=())) is expected


def test_what_patterns_stand_for() -> None:
    TABLES.of("told").learn({"a:1": ("base", "org/sql"), "b:1": ("org/chat", "org/")})
    told = ToldNames([("told", "lora-*", "org/*"), ("told", "*", ""), ("told", "x-*", "base"), ("other", "*", "")])
    names = told.names()
    assert names == ("lora-", "lora-chat", "lora-sql", "base", "org/", "org/chat", "org/sql")
    assert told.names() is names
    TABLES.of("told").learn({"a:1": ("base",)})
    assert told.names() == ("base",)


def listed(edge: ModelEdge, path: str = "/v1/models") -> Any:
    return json.loads(body_of(edge.client(get(path)).take()))


def test_the_list_has_what_members_say_now() -> None:
    names = [("lora-sql", "small")]
    edge = ModelEdge({"small": "a", "lora-*": "a"}, told=lambda: names[0])
    assert [one["id"] for one in listed(edge)["data"]] == ["small", "lora-sql"]
    assert listed(edge, "/v1/models/lora-sql")["id"] == "lora-sql"
    names[0] = ("lora-chat",)
    assert [one["id"] for one in listed(edge)["data"]] == ["small", "lora-chat"]
    assert [one["name"] for one in listed(edge, "/api/tags")["models"]] == ["small", "lora-chat"]
    edge.end()
