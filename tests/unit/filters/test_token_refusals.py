"""Who is refused by limits of models that several have: ``test_token_limit`` has what clients are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.errors import DownstreamError, InternalError
from fastgw.filters.rate_fields import SECOND
from fastgw.filters.token_refusals import asked_dialect, refuse, told


def exchange(path: bytes = b"/v1/messages") -> Any:
    notes: dict[str, Any] = {}
    request = SimpleNamespace(matched_path=path, header=lambda name: None)
    return SimpleNamespace(request=request, notes=notes, note=notes.__setitem__, plane=SimpleNamespace(values=[0] * 20))


def limit(wait: int, unit: str = "tokens", shared: object = None) -> Any:
    kind = SimpleNamespace(text=f"a limit of {unit}")
    told_of = SimpleNamespace(wait=lambda tab: wait, told=lambda tab: tab)
    return SimpleNamespace(limit=told_of, kind=kind, unit=unit, burst=5, base=3, shared=shared)


class Tab(SimpleNamespace):
    """Two of them are never the same."""

    __eq__ = object.__eq__


def tab(*, is_gone: bool = False, is_awaited: bool = False) -> Any:
    return Tab(needs=7, is_gone=is_gone, is_awaited=is_awaited, unit="tokens", burst=5, left=1, whole=SECOND)


def test_the_slowest_of_those_that_refuse_is_told() -> None:
    one, limits, tabs = exchange(), [limit(9 * SECOND), limit(5 * SECOND), limit(7 * SECOND)], [tab(), tab(), tab()]
    with pytest.raises(DownstreamError, match="counted as 7; try again in 7 s"):
        refuse(one, "l", limits, tabs, tabs[1:], 0.0, is_dry=False)
    assert one.notes == {"token_limit": "a limit of tokens"}


def test_nothing_is_known_where_all_that_refuse_are_gone() -> None:
    limits, tabs = [limit(SECOND, shared=object())] * 2, [tab(is_gone=True), tab()]
    with pytest.raises(InternalError, match="nobody knows"):
        refuse(exchange(), "l", limits, tabs, tabs[:1], 0.0, is_dry=False)
    with pytest.raises(DownstreamError):
        refuse(exchange(), "l", limits, tabs, tabs, 0.0, is_dry=False)
    refuse(exchange(), "l", limits, tabs, tabs, 0.0, is_dry=True)


def test_who_waits_for_a_part_of_a_budget_may_come_back() -> None:
    limits, tabs = [limit(SECOND, "cost", shared=object())], [tab(is_awaited=True)]
    with pytest.raises(DownstreamError, match="it has asked for more; try again in 1 s") as raised:
        refuse(exchange(), "l", limits, tabs, tabs, 0.0, is_dry=False)
    assert raised.value.code == "rate_limit_exceeded"


def test_of_places_nobody_is_told_how_much_is_left() -> None:
    tabs = [tab(), tab()]
    assert told([limit(0), limit(0, "at one time")], tabs) == tabs[:1]


@pytest.mark.parametrize(
    ("path", "dialect"), [(b"/v1/messages", "anthropic"), (b"/api/chat", "ollama"), (b"/x", "openai")]
)
def test_the_path_says_the_dialect(path: bytes, dialect: str) -> None:
    assert asked_dialect(exchange(path)) == dialect
