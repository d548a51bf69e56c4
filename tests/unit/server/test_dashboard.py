"""The page and its parts; what it looks like has a test in a real browser."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import fastgw.server
from fastgw.server.dashboard import dashboard
from fastgw.server.feed import VIEWERS
from fastgw.server.guard import ANYBODY, READER
from fastgw.server.log import Log
from fastgw.server.messages import Tail, Tailed
from fastgw.server.page import Page, PageRequest
from fastgw.server.problem import AdminProblem
from fastgw.server.status import Content
from fastgw.server.tail import TailRing
from tests.unit.server.test_tail import ended

STATIC = Path(fastgw.server.__file__).with_name("static")


class Shown:
    """A gateway of which only the tail is looked at."""

    def __init__(self) -> None:
        self.told: list[Tail] = []
        self.gateway, self.knowledge, self.tail = self, self, TailRing(self.told.append)


SHOWN = Shown()
PAGES = {one.path: one for one in dashboard(SHOWN, Log("test", fd=-1))}  # type: ignore[arg-type]


async def get(page: Page) -> Content:
    return await page.answer(PageRequest())


def test_the_page_is_for_anybody_and_the_values_are_for_readers() -> None:
    assert {path for path, one in PAGES.items() if one.right == READER} == {"/events"}
    assert all(one.right == ANYBODY for path, one in PAGES.items() if path != "/events")


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/events"])
def test_each_part_is_served_with_a_strict_policy(path: str) -> None:
    found = asyncio.run(get(PAGES[path]))
    policy = dict(found.fields)["content-security-policy"]
    assert found.status == 200 and found.body and "unsafe" not in policy
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src 'self'" in policy


def test_all_that_the_page_names_is_there() -> None:
    html = (STATIC / "index.html").read_text()
    named = set(re.findall(r'(?:src|href)="([^"#]+)"', html))
    assert {f"/{name}" for name in named} == set(PAGES) - {"/", "/events"}
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", html)  # the policy would stop it


def test_what_comes_from_a_gateway_is_written_as_text() -> None:
    script = (STATIC / "dashboard.js").read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script)


def test_the_licence_of_what_others_wrote_stands_beside_it() -> None:
    assert "MIT" in (STATIC / "uplot.LICENSE").read_text() and "v1.6.32" in (STATIC / "uplot.js").read_text()[:100]


def test_viewers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        page = PAGES["/events"]
        viewers = []
        for _ in range(VIEWERS):
            content = await get(page)
            assert content.stream is not None
            viewers.append(content.stream())
            await anext(viewers[-1])
        with pytest.raises(AdminProblem) as raised:
            await get(page)
        assert (raised.value.status, raised.value.code) == (503, "too_many_viewers")
        await viewers.pop().aclose()
        assert (await get(page)).status == 200
        for one in viewers:
            await one.aclose()

    monkeypatch.setattr("fastgw.server.dashboard._looking", lambda _: lambda: b"")
    asyncio.run(run())


def test_what_failed_is_an_event_of_its_own_and_workers_tell_while_somebody_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        content = await get(PAGES["/events"])
        assert content.stream is not None
        SHOWN.told.clear()
        viewer = content.stream()
        await anext(viewer)
        assert SHOWN.told == [Tail(True, 1.0)]
        SHOWN.tail.learn(Tailed((ended(path="/<b>"),)))
        event = await anext(viewer)
        assert event.startswith(b"data: now\n\nevent: tail\ndata: {") and b'"path":"/<b>"' in event
        await viewer.aclose()
        assert SHOWN.told[-1] == Tail(False)

    monkeypatch.setattr("fastgw.server.dashboard._looking", lambda _: lambda: b"now")
    asyncio.run(run())
