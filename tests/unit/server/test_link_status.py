"""What is told of links: each by a name of its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.server.leasing import RedisLink
from fastgw.server.link_status import link_document, links_of
from tests.support.shared_rate import REDIS


def test_two_that_differ_in_what_is_not_shown_have_numbers() -> None:
    known = {one: RedisLink(one) for one in (REDIS, REDIS._replace(password="s3cret"), REDIS._replace(db=2))}
    leasing: Any = SimpleNamespace(known=known)
    names = [one.redis for one in links_of(leasing)]
    assert names == ["redis://127.0.0.1:6379/0 #1", "redis://127.0.0.1:6379/0 #2", "redis://127.0.0.1:6379/2"]
    assert links_of(None) == []


def test_one_that_was_not_tried() -> None:
    [found] = links_of(SimpleNamespace(known={REDIS: RedisLink(REDIS)}))  # type: ignore[arg-type]
    told = link_document(found)
    assert (told["up"], told["since"], told["cause"]) == (False, None, "pending")
