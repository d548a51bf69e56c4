"""What each key has used, by its name."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.counters import KEY
from fastgw.core.key_counters import KEY_COST, KEY_REQUESTS, KEY_TOKENS
from fastgw.filters.usage import Usage
from fastgw.testing.edge import Edge
from tests.support.inference import OPTIONS, TOLD, answer, asks

SLOTS = {"ann": 3, "other": 4}


class Keys:
    """Knows who asks by a field."""

    name = "keys"

    def request(self, exchange: Any) -> None:
        found = exchange.request.header(b"x-key")
        if found is not None:
            exchange.note("api_key", found.decode())


def used(edge: Edge, slot: int) -> list[int]:
    base = KEY.base(slot)
    return [edge.values[base + one] for one in (KEY_REQUESTS, KEY_TOKENS, KEY_TOKENS + 1, KEY_COST)]


def edge_of(**options: Any) -> Edge:
    usage = Usage(
        "usage", {**OPTIONS, "prices": (("gpt-x", (("input", 1.0), ("output", 2.0), ("cached", 1.0))),), **options}
    )
    usage.count_in({})
    usage.count_keys(SLOTS)
    return Edge(filters=[Keys(), usage])


def ask(edge: Edge, *fields: bytes, status: bytes = b"200 OK") -> None:
    client, service = edge.pair(asks(b'{"model":"m"}', b"/v1/chat/completions", *fields))
    service.feed(answer(TOLD, status=status))
    service.lose()
    client.lose()
    edge.run()


def test_tokens_and_costs_of_a_key() -> None:
    edge = edge_of(keys=("ann",))
    ask(edge, b"x-key: ann")
    ask(edge, b"x-key: ann")
    assert used(edge, 3) == [2, 38, 20, 78_000]  # billionths: 19 of a millionth and 10 of two, twice
    edge.end()


@pytest.mark.parametrize("name", [b"bob", b"other", b"ann2", b""])
def test_a_key_without_a_name_here_is_one_of_the_others(name: bytes) -> None:
    edge = edge_of(keys=("ann",))
    ask(edge, b"x-key: " + name)
    assert used(edge, 4) == [1, 19, 10, 39_000] and used(edge, 3) == [0, 0, 0, 0]
    edge.end()


def test_who_has_no_key_is_counted_nowhere() -> None:
    edge = edge_of(keys=("ann",))
    ask(edge)
    assert used(edge, 3) == used(edge, 4) == [0, 0, 0, 0]
    edge.end()


def test_an_error_has_used_nothing() -> None:
    edge = edge_of(keys=("ann",))
    ask(edge, b"x-key: ann", status=b"500 No")
    assert used(edge, 3) == [1, 0, 0, 0]
    edge.end()


def test_nobody_is_counted_where_no_key_is_named() -> None:
    edge = edge_of()
    ask(edge, b"x-key: ann")
    assert used(edge, 3) == [0, 0, 0, 0]
    edge.end()
