"""The dashboard in a real browser, the Chromium of Debian: what a person sees, and what no name can do."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.support.gateway import GatewayProcess
from tests.support.upstream import Connection, Received, UpstreamServer, response

pytestmark = [pytest.mark.integration, pytest.mark.needs("chromium")]

TOKEN = "a-token-of-some-length"
NAME = "<img src=x onerror=alert(1)>"
TEXT = """
workers: 2
admin: {address: "127.0.0.1:$admin", token: TOKEN, slow: 100ms}
listeners: [{name: edge, address: "127.0.0.1:$port"}]
routes:
  - {name: good, path: "/*", service: llm}
  - {name: bad, path: "/bad/*", reply: {status: 503}}
  - {name: "NAME", path: "/name", reply: {status: 500, text: "x"}}
  - {name: late, path: "/late", service: late}
services: {llm: {endpoints: ["GOOD", "127.0.0.1:1"]}, late: {endpoints: ["LATE"]}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield started
        started.close()


def late(request: Received, connection: Connection) -> None:
    """Answer behind what the file calls slow."""
    threading.Event().wait(0.15)
    connection.send(response(b"late"))


@pytest.fixture
def running(gateway: Callable[..., GatewayProcess], service: Callable[..., UpstreamServer]) -> GatewayProcess:
    text = TEXT.replace("TOKEN", TOKEN).replace("NAME", NAME).replace("GOOD", service().address)
    return gateway(text.replace("LATE", service(late).address))


@pytest.fixture
def complaints() -> list[str]:
    """What the console of the browser has said that nobody expects."""
    return []


def opened(browser: Browser, running: GatewayProcess, complaints: list[str], scheme: str = "light") -> Page:
    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "401" not in message.text:  # a token was asked for
            complaints.append(message.text)

    page = browser.new_context(color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    page.goto(running.admin_url + "/")
    return page


def shows_token(page: Page, token: str = TOKEN) -> None:
    page.get_by_label("Token of the admin address").fill(token)
    page.keyboard.press("Enter")


def row(page: Page, table: str, words: str) -> str:
    return page.locator(f"#{table} tr", has_text=words).inner_text()


def test_it_shows_how_the_gateway_is(browser: Browser, running: GatewayProcess, complaints: list[str]) -> None:
    page = opened(browser, running, complaints)
    shows_token(page, "not-the-token-of-it")
    expect(page.get_by_role("alert")).to_have_text(re.compile("this is not the token"))
    expect(page.get_by_role("main")).to_be_hidden()
    shows_token(page)
    expect(page.get_by_role("status")).to_have_text("live")
    assert TOKEN not in page.url and page.evaluate("localStorage.length") == 0
    for path in ("/x", "/y", "/x", "/y", "/x", "/y", "/x", "/y"):
        urllib.request.urlopen(running.base_url + path).read()
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(running.base_url + "/bad/x")
    services = page.locator("#services")
    expect(services.locator("tr", has_text="127.0.0.1:1")).to_contain_text("connect_refused")
    expect(page.locator("#routes tr", has_text="good").locator("td").last).to_have_text("8")
    expect(page.locator("#routes tr", has_text="bad").locator("td.bad")).to_have_text(re.compile(r"^0\.[1-9]|^[1-9]"))
    expect(page.locator("#workers tbody tr")).to_have_count(2)
    expect(page.locator("#workers tbody tr").first).to_contain_text("ready")
    expect(page.locator(".uplot canvas")).to_have_count(2)
    # names are text
    expect(page.locator("#routes th[scope=row]", has_text=NAME)).to_have_count(1)
    assert page.locator("main img").count() == 0
    # reloads, with what they have changed, or why they are refused
    text = running.config.read_text()
    running.config.write_text(text.replace("workers: 2", "workers: 1"))
    running.signal(signal.SIGHUP)
    expect(page.locator("#loads li").first).to_contain_text("gateway: workers: 2 -> 1")
    expect(page.locator("#workers tbody tr")).to_have_count(1)
    running.config.write_text(text + "nonsense: 1\n")
    running.signal(signal.SIGHUP)
    expect(page.locator("#loads li.refused")).to_contain_text("nonsense")
    expect(page.locator("#problems li.error").first).to_contain_text("nonsense")
    assert complaints == []


def test_what_fails_and_what_is_slow_is_seen_as_it_happens(
    browser: Browser, running: GatewayProcess, complaints: list[str]
) -> None:
    def ask(path: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(running.base_url + path).read()

    ask("/bad/before")
    page = opened(browser, running, complaints)
    shows_token(page)
    rows = page.locator("#tail tbody tr")
    expect(rows).to_have_text([re.compile("^none")])  # nobody watched
    first = rows.nth(0)  # the last comes first; each is waited for, as workers tell of theirs in any order
    for path, shown in (("/bad/%3Cimg%20src=x%20onerror=alert(2)%3E?secret=1", "/bad/"), ("/late?secret=2", "/late")):
        ask(path)
        expect(first).to_contain_text(shown)
    ask("/name")
    expect(first).to_contain_text(NAME)  # names are text
    ask("/good")
    expect(rows).to_have_count(3)
    slow, failed = rows.nth(1), rows.nth(2)
    for words in ("200", "GET", "/late", "ms", "late"):
        expect(slow).to_contain_text(words)
    expect(slow.locator("td.warn")).to_have_text(re.compile(r"^1[0-9][0-9] ms$|^[2-9][0-9][0-9] ms$|s$"))
    expect(failed.locator("td.bad")).to_have_text("503")
    for words in ("/bad/%3Cimg%20src=x%20onerror=alert(2)%3E", "reply", "bad"):
        expect(failed).to_contain_text(words)
    assert "secret" not in page.content() and page.locator("main img").count() == 0
    # by keyboard: what is shown of them, and a list that holds still
    page.get_by_label("Show", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(rows).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(rows).to_have_count(1)
    page.get_by_label("Show", exact=True).select_option("")
    page.keyboard.press("Tab")
    page.keyboard.type("LAT")
    expect(rows).to_have_count(1)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Hold the list")).to_be_focused()
    page.keyboard.press("Space")
    ask("/bad/later")
    expect(page.locator("#routes tr", has_text="bad").locator("td").last).to_have_text("3")  # so it has come
    expect(rows).to_have_count(3)
    page.keyboard.press("Space")
    expect(rows).to_have_count(4)
    again = opened(browser, running, complaints)  # another viewer gets what is kept
    shows_token(again)
    expect(again.locator("#tail tbody tr")).to_have_count(4)
    assert complaints == []


def test_it_is_used_by_keyboard_in_either_light(
    browser: Browser, running: GatewayProcess, complaints: list[str], tmp_path: Path
) -> None:
    papers = {}
    for scheme in ("light", "dark"):
        page = opened(browser, running, complaints, scheme)
        shows_token(page)
        expect(page.locator("#routes tbody tr").first).to_be_visible()
        papers[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert page.screenshot(path=str(tmp_path / f"{scheme}.png"))
    assert papers == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}
    page.reload()
    expect(page.locator("#routes tbody tr").first).to_be_visible()  # the token is kept for this tab
    page.locator("body").press("Tab")
    expect(page.get_by_role("link", name="Skip to what is wrong")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("good")
    expect(page.get_by_role("searchbox", name="Only those with")).to_be_focused()
    expect(page.locator("#routes tbody tr")).to_have_count(1)
    assert complaints == []
