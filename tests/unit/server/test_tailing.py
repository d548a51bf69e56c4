"""What a worker tells of exchanges that failed or were slow, and what it leaves out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.server.messages import Ended, Tail, Tailed
from fastgw.server.tailing import MOST, PAUSE, TEXT_MAX, shown, tail
from fastgw.testing.edge import EPOCH, GET, OK, SWITCHING, WEBSOCKET, Edge, Spy

BAD = OK.replace(b"200 OK", b"500 No")
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 4\r\n\r\n"
PARENT = "0af7651916cd43dd8448eb211c80319c"


class Watched:
    """A data plane whose exchanges somebody watches."""

    def __init__(self, *filters: Any, slow: float = 1.0, **more: Any) -> None:
        self.edge = Edge(filters=filters, **more)
        self.told: list[Tailed] = []
        self.takes = True
        self.edge.plane.offer = self._offer
        tail(self.edge.plane, Tail(True, slow))

    def _offer(self, message: Any) -> bool:
        if self.takes:
            self.told.append(message)
        return self.takes

    @property
    def ends(self) -> list[Ended]:
        """What was told, when all of it is."""
        self.edge.loop.advance(PAUSE)
        return [one for message in self.told for one in message.ends]

    def over(self) -> list[Ended]:
        """The same, and nothing is left."""
        ends = self.ends
        self.edge.end()
        return ends


def get(path: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((b"GET %b HTTP/1.1" % path, b"Host: a.test", *fields, b"", b""))


def test_what_is_good_and_fast_is_not_told() -> None:
    watched = Watched()
    _, service = watched.edge.pair()
    watched.edge.loop.advance(0.75)
    service.feed(OK)
    assert watched.over() == [] == watched.told


def test_a_failure_of_the_service_is_told_with_all_that_is_known() -> None:
    watched = Watched()
    _, service = watched.edge.pair(get(b"/a/b?secret=1", b"Traceparent: 00-%b-b7ad6b7169203331-01" % PARENT.encode()))
    watched.edge.loop.advance(0.125)
    service.feed(BAD)
    [one] = watched.over()
    assert one == Ended(
        when=pytest.approx(EPOCH + 0.125),
        kind="failed",
        method="GET",
        path="/a/b",
        route="all",
        service="s",
        endpoint="127.0.0.1:9000",
        status=500,
        ms=125.0,
        first_ms=125.0,
        cause="status",
        trace=PARENT,
    )


def test_an_error_is_told_by_its_code() -> None:
    watched = Watched()
    watched.edge.client(GET)
    watched.edge.refuse()
    [one] = watched.over()
    assert (one.kind, one.status, one.cause) == ("failed", 502, "connect_refused")
    assert (one.endpoint, one.first_ms, one.trace) == ("127.0.0.1:9000", None, "")


def test_an_answer_that_is_cut_has_failed_whatever_its_status() -> None:
    watched = Watched()
    _, service = watched.edge.pair()
    service.feed(OK[:-1])
    watched.edge.loop.advance(0.5)
    service.lose()
    [one] = watched.over()
    assert (one.kind, one.status, one.ms, one.first_ms) == ("failed", 200, 500.0, 0.0)
    assert one.cause not in ("", "status", "reply")


def test_what_was_answered_at_last_has_not_failed() -> None:
    watched = Watched(endpoints=2)
    watched.edge.client(GET)
    watched.edge.refuse()
    watched.edge.connect().feed(OK)
    assert watched.over() == []


@pytest.mark.parametrize("status", [500, 503])
def test_a_reply_that_says_so_has_failed(status: int) -> None:
    watched = Watched(Spy("a", [], request=lambda exchange: Reply(status)))
    watched.edge.client(GET)
    [one] = watched.over()
    assert (one.kind, one.status, one.cause, one.service, one.endpoint) == ("failed", status, "reply", "", "")


def test_what_a_client_did_wrong_is_no_failure() -> None:
    def refuse(exchange: Any) -> None:
        raise DownstreamError(403, "denied", "not you")

    watched = Watched(Spy("a", [], request=refuse))
    watched.edge.client(GET)
    assert watched.over() == []


@pytest.mark.parametrize(("slow", "took", "kinds"), [(1.0, 1.0, ["slow"]), (0.0, 30.0, []), (2.0, 1.0, [])])
def test_what_takes_long_is_slow(slow: float, took: float, kinds: list[str]) -> None:
    watched = Watched(slow=slow)
    _, service = watched.edge.pair()
    service.feed(OK[:-1])
    watched.edge.loop.advance(took)
    service.feed(OK[-1:])
    found = watched.over()
    assert [one.kind for one in found] == kinds
    assert all((one.ms, one.first_ms, one.cause) == (took * 1e3, 0.0, "") for one in found)


def test_a_client_that_left_after_long_is_slow() -> None:
    watched = Watched()
    client, _ = watched.edge.pair()
    watched.edge.loop.advance(3.0)
    client.lose()
    [one] = watched.over()
    assert (one.kind, one.status, one.cause, one.first_ms) == ("slow", 499, "client_gone", None)


@pytest.mark.parametrize(("wait", "kinds"), [(0.5, []), (1.0, ["slow"])])
def test_a_stream_of_events_is_slow_when_it_begins_late(wait: float, kinds: list[str]) -> None:
    watched = Watched()
    _, service = watched.edge.pair()
    watched.edge.loop.advance(wait)
    service.feed(EVENTS + b"da")
    watched.edge.loop.advance(10.0)
    service.feed(b"ta")
    assert [(one.kind, one.first_ms) for one in watched.over()] == [(kind, wait * 1e3) for kind in kinds]


def test_a_tunnel_lasts_as_it_pleases() -> None:
    watched = Watched(route={"upgrades": ("websocket",)})
    client, service = watched.edge.pair(WEBSOCKET)
    service.feed(SWITCHING)
    watched.edge.loop.advance(60.0)
    client.lose()
    service.lose()
    assert watched.over() == []


def test_a_path_is_text_and_bounded() -> None:
    watched = Watched(Spy("a", [], request=lambda exchange: Reply(500)))
    for path in (b"/%3Cimg%20src=x%20onerror=alert(1)%3E", b"/" + b"a" * (TEXT_MAX - 1), b"/" + b"a" * TEXT_MAX):
        watched.edge.client(get(path))
    found = [one.path for one in watched.over()]
    assert found[0] == "/%3Cimg%20src=x%20onerror=alert(1)%3E"
    assert found[1] == "/" + "a" * (TEXT_MAX - 1) and found[2] == "/" + "a" * (TEXT_MAX - 2) + "…"


@given(st.binary(max_size=600))
def test_whatever_the_bytes_are_the_text_is_only_what_it_looks_like(data: bytes) -> None:
    text = shown(data, TEXT_MAX)
    assert len(text) <= TEXT_MAX and text.replace("…", "").isascii() and text.isprintable()
    assert shown(b"/\xe2\x80\xae\n", 99) == "/\\xe2\\x80\\xae\\x0a"


def test_no_more_is_told_than_a_person_can_read_and_the_rest_is_counted() -> None:
    watched = Watched(Spy("a", [], request=lambda exchange: Reply(500)))
    client = watched.edge.client()
    for _ in range(MOST + 7):
        client.feed(GET)
    assert watched.told == []
    assert len(watched.ends) == MOST and [one.left_out for one in watched.told] == [7]
    client.feed(GET)
    assert len(watched.over()) == MOST + 1 and watched.told[-1].left_out == 0


def test_what_the_supervisor_does_not_take_is_left_out() -> None:
    watched = Watched(Spy("a", [], request=lambda exchange: Reply(500)))
    watched.takes = False
    client = watched.edge.client(GET)
    assert watched.ends == []
    watched.takes = True
    client.feed(GET)
    watched.over()
    assert [(len(one.ends), one.left_out) for one in watched.told] == [(1, 1)]


def test_nobody_is_asked_when_nobody_watches() -> None:
    watched = Watched(Spy("a", [], request=lambda exchange: Reply(500)))
    tail(watched.edge.plane, Tail(False))
    assert watched.edge.plane.tail is None
    watched.edge.client(GET)
    assert watched.over() == []
