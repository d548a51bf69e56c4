from __future__ import annotations

from fastgw.server.page import Page, PageRequest, table
from fastgw.server.status import Content


async def _answer(_: PageRequest) -> Content:
    return Content(200, b"{}")


def test_pages_are_found_by_path_and_method() -> None:
    one, two, three = (
        Page(method, path, "", "", _answer, {}) for method, path in (("GET", "/a"), ("POST", "/a"), ("GET", "/b"))
    )
    assert table([one, two, three]) == {"/a": {"GET": one, "POST": two}, "/b": {"GET": three}}
