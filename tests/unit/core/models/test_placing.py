"""Requests to models go where what their prompt begins with was computed before."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core.models.placing import Prompts, by_prefix
from fastgw.core.placement_counters import PICKS, PREFIX_PICKS
from fastgw.policy.balancers import RoundRobin
from fastgw.policy.prefix_hash import PrefixHash
from fastgw.testing.edge import statuses
from tests.support.chats import Member
from tests.support.models import OK, ModelEdge, body_sent, post

HELLO = {"role": "user", "content": "Hello"}


def asked(
    body: dict[str, Any], path: str = "/v1/chat/completions", prompts: Prompts | None = None
) -> tuple[int, ...] | None:
    """What was noted of a request's prompt."""
    edge = ModelEdge(prompts=prompts)
    client = edge.client(post(json.dumps(body).encode(), path))
    service = edge.connect(port=9000)
    assert json.loads(body_sent(service.take())) == {**body, "model": "openai/gpt-oss-120b"}
    service.feed(OK)
    assert statuses(client.take()) == [200]
    found: tuple[int, ...] | None = edge.noted.notes.pop().get("prompt")
    edge.end()
    return found


@pytest.mark.parametrize("order", [("model", "messages"), ("messages", "model")])
def test_what_a_prompt_begins_with_is_noted(order: tuple[str, ...]) -> None:
    prompts = Prompts()
    body: dict[str, Any] = {"model": "gpt-oss", "messages": [HELLO]}
    first = asked({key: body[key] for key in order}, prompts=prompts)
    assert first is not None and len(first) == 1
    body["messages"] = [HELLO, {"role": "assistant", "content": "Hi"}]
    assert asked({key: body[key] for key in order}, prompts=prompts) == first
    assert (
        asked({"model": "gpt-oss", "input": "x" * 5000}, "/v1/embeddings", prompts) is None
    )  # of which nothing is kept


def test_it_is_noted_where_somebody_wants_it() -> None:
    assert asked({"model": "gpt-oss", "messages": [HELLO]}) is None


def exchange(notes: dict[str, Any] | None, attempts: int = 1, tried: tuple[Any, ...] = ()) -> Any:
    values = [0] * (PREFIX_PICKS + len(PICKS))
    made = SimpleNamespace(
        notes=notes,
        tried=tried,
        attempts=attempts,
        plane=SimpleNamespace(values=values),
        service=SimpleNamespace(base=0),
    )
    made.note = lambda name, value: made.__dict__.update(notes={**(made.notes or {}), name: value})
    return made


def test_an_endpoint_is_chosen_counted_and_told() -> None:
    among = (Member("a"), Member("b"), Member("c"))
    balancer = PrefixHash(RoundRobin(), 1.5)
    pick = by_prefix(balancer)
    first = exchange({"prompt": (1, 2)})
    owner = pick(among, first)
    assert (first.notes["placement"], first.plane.values[PREFIX_PICKS:]) == ("owner", [1, 0, 0])
    assert pick(among, exchange({"prompt": (1, 2)})) is owner
    again = exchange({"prompt": (1, 2)}, attempts=2, tried=(owner,))
    known = balancer._popularity.part(1)
    assert pick(among, again) is not owner and balancer._popularity.part(1) == known
    owner.in_hand = 9
    spilled = exchange({"prompt": (1, 2)})
    assert pick(among, spilled) is not owner
    assert (spilled.notes["placement"], spilled.plane.values[PREFIX_PICKS:]) == ("spilled", [0, 1, 0])
    for notes in (None, {}, {"prompt": ()}):
        plain = exchange(notes)
        pick(among, plain)
        assert (plain.notes["placement"], plain.plane.values[PREFIX_PICKS:]) == ("no_prefix", [0, 0, 1])
