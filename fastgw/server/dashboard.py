"""The dashboard at ``/``: a page that asks for live values, its parts, and those values."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastgw.server.feed import EVENT_STREAM, VIEWERS, Feed
from fastgw.server.guard import ANYBODY, READER
from fastgw.server.page import Page, PageRequest
from fastgw.server.problem import AdminProblem
from fastgw.server.rates import Rates
from fastgw.server.status import Content
from fastgw.server.viewed import viewed

if TYPE_CHECKING:
    from fastgw.server.log import Log
    from fastgw.server.status import Pages

_FOLDER: Final = Path(__file__).with_name("static")
#: Nothing from elsewhere, nothing written in the page itself, nobody frames it: a name that looks like a script stays text.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FIELDS: Final = (
    ("content-security-policy", _POLICY),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
)
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/dashboard.js": ("dashboard.js", "text/javascript; charset=utf-8"),
    "/dashboard.css": ("dashboard.css", "text/css; charset=utf-8"),
    "/uplot.js": ("uplot.js", "text/javascript; charset=utf-8"),
    "/uplot.css": ("uplot.css", "text/css; charset=utf-8"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
}


def dashboard(pages: Pages, log: Log) -> list[Page]:
    """What it consists of.  The page has no secrets, so anybody gets it; the values are for readers."""
    feed = Feed(_GatewayViews(pages), log)

    async def events(_: PageRequest) -> Content:
        if feed.viewers >= VIEWERS:
            said = f"{VIEWERS} watch already; close one of the dashboards"
            raise AdminProblem(503, "too_many_viewers", said, (("retry-after", "10"),))
        return Content(200, b"", EVENT_STREAM, stream=feed.watch)

    static = [
        Page(
            "GET", path, ANYBODY, "A part of the dashboard.", _file(name, kind), {200: "It."}, (kind.partition(";")[0],)
        )
        for path, (name, kind) in _FILES.items()
    ]
    answers = {200: "Events, one a second or fewer, without an end.", 503: f"{VIEWERS} watch already."}
    return [*static, Page("GET", "/events", READER, "Live values for the dashboard.", events, answers, (EVENT_STREAM,))]


def _file(name: str, kind: str) -> Callable[[PageRequest], Awaitable[Content]]:
    async def answer(_: PageRequest) -> Content:
        return Content(200, _read(name), kind, _FIELDS)

    return answer


@functools.cache
def _read(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


class _GatewayViews:
    """What there is to watch of a gateway."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def begin(self) -> Callable[[], bytes]:
        """See ``Views``."""
        self._pages.gateway.knowledge.tail.begin()
        return _looking(self._pages)

    def since(self, number: int) -> tuple[bytes, int]:
        """See ``Views``: the live tail, as an event of its own."""
        import orjson

        news, last = self._pages.gateway.knowledge.tail.since(number)
        return b"" if news is None else b"event: tail\ndata: " + orjson.dumps(news) + b"\n\n", last

    def end(self) -> None:
        """See ``Views``."""
        self._pages.gateway.knowledge.tail.end()


def _looking(pages: Pages) -> Callable[[], bytes]:
    """What looks at a gateway, from now on."""
    import orjson

    rates, gateway = Rates(), pages.gateway

    def look() -> bytes:
        told = rates.look(time.monotonic(), pages.totals().routes)
        now, certificates = time.time(), pages.facts().certificates
        return orjson.dumps(viewed(pages.document(), told, certificates, gateway.history.document(), now))

    return look
