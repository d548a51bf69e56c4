"""What is answered to orders, and what the table has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from fastgw.server.admin_pages import of_gateway
from fastgw.server.guard import ANYBODY, OPERATOR
from fastgw.server.log import Log
from fastgw.server.page import Page, PageRequest, table
from fastgw.server.problem import AdminProblem
from fastgw.server.status import Content


class Played:
    """Pages that have no gateway, and orders that go as the test says."""

    def __init__(self, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer if answer is not None else {"ok": True}
        self.bodies: list[Mapping[str, Any]] = []

    async def page(self, *_: Any, **__: Any) -> Content:
        return Content(200, b"{}")

    livez = readyz = status = forecast = limits = metrics = config = page

    async def transcoded(self) -> Content:
        return Content(200, b"of routes")

    async def order(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        return self.answer

    def pages(self) -> list[Page]:
        return of_gateway(self, {"reload": self.order, "drain": self.order}, Log("test", fd=-1))  # type: ignore[arg-type]

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Content:
        one = table(self.pages())[path][method]
        return asyncio.run(self._answer(one, body or {}))

    async def _answer(self, one: Page, body: Mapping[str, Any]) -> Content:
        return await one.answer(PageRequest(body=body))


def test_what_is_transcoded_has_a_document_of_its_own() -> None:
    one = table(Played().pages())["/openapi.json"]["GET"]
    assert asyncio.run(one.answer(PageRequest(query="of=routes"))).body == b"of routes"
    assert b"fastgw admin" in asyncio.run(one.answer(PageRequest())).body
    for query in ("of=x", "of=", "of=routes&of=x"):
        with pytest.raises(AdminProblem) as told:
            asyncio.run(one.answer(PageRequest(query=query)))
        assert (told.value.status, told.value.code) == (400, "bad_query")


def test_probes_are_for_anybody_and_orders_for_operators() -> None:
    by_path = {one.path: one for one in Played().pages()}
    assert {path for path, one in by_path.items() if one.right == ANYBODY} >= {"/livez", "/readyz"}
    assert {path for path, one in by_path.items() if one.right == OPERATOR} == {"/reload", "/drain"}
    assert all((one.method == "POST") == (one.right == OPERATOR) for one in by_path.values())


@pytest.mark.parametrize(("path", "status"), [("/reload", 200), ("/drain", 202)])
def test_an_order_is_carried_out(path: str, status: int) -> None:
    played = Played({"ok": True, "generation": 3})
    answer = played.ask("POST", path, {})
    assert (answer.status, json.loads(answer.body)) == (status, {"ok": True, "generation": 3})
    assert played.bodies == [{}]


@pytest.mark.parametrize(("error", "status"), [("refused", 422), ("starting", 503), ("draining", 503)])
def test_an_order_that_is_refused_says_why(error: str, status: int) -> None:
    played = Played({"ok": False, "error": error, "detail": "no", "generation": 3, "problems": ["x"]})
    with pytest.raises(AdminProblem) as raised:
        played.ask("POST", "/reload")
    assert (raised.value.status, raised.value.code, raised.value.detail) == (status, error, "no")
    assert raised.value.more == {"generation": 3, "problems": ["x"]}


def test_every_page_answers() -> None:
    played = Played()
    for one in played.pages():
        if one.method == "GET":
            assert played.ask("GET", one.path).status == 200


def test_the_table_is_by_path_and_method() -> None:
    ones = Played().pages()
    assert [one for methods in table(ones).values() for one in methods.values()] == ones
