"""Reading which models members have; how pages are looked at is tested with those of engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.server.log import Log
from fastgw.server.model_lists import MOST, MemberModels, names_in
from tests.support.upstream import UpstreamServer, canned, response
from tests.unit.config.files import read, with_service


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"object": "list", "data": [{"id": "b"}, {"id": "a", "parent": "b"}, {"id": "a"}]}, ("a", "b")),
        ({"models": [{"name": "llama3:8b"}], "data": None}, ("llama3:8b",)),
        ({"data": [{"id": 7}, {"id": ""}, {"id": "x" * 257}, 9, {}]}, ()),
    ],
)
def test_lists_of_each_kind(said: Any, names: tuple[str, ...]) -> None:
    assert names_in(json.dumps(said).encode()) == names


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "no JSON"),
        (b"[]", "neither data nor models"),
        (b'{"data":{}}', "neither data nor models"),
        (json.dumps({"data": [{"id": str(one)} for one in range(MOST + 1)]}).encode(), "more than 4096 models"),
    ],
)
def test_what_is_no_list(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        names_in(body)


def test_what_members_say_is_told_and_what_they_do_not_is_said(
    tmp_path: Path, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    good, bad = service(canned(response(b'{"data":[{"id":"m"}]}'))), service(canned(response(b"x", status="404 No")))
    spec = read(tmp_path, with_service("model_lists: true")).services[0]
    assert spec.model_lists is not None and spec.model_lists.path == "/v1/models"
    told: list[Any] = []
    lists = MemberModels(
        lambda name, news: told.append((name, news)),
        lambda: {("a", good.address): (good.address,), ("a", bad.address): (bad.address,)},
        Log("supervisor"),
        lambda: 0.0,
        lambda: 100.0,
    )

    async def look() -> None:
        await lists.look(spec)
        lists.close()

    asyncio.run(look())
    assert told == [("a", {good.address: (("m",), 100.0 + 3 * 10)})]
    assert lists.document("a")[good.address] == {"state": "good", "models": ["m"], "cause": None, "detail": None}
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (line["event"], line["cause"]) == ("a member does not say which models it has", "status")
