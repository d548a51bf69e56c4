"""What becomes of a copy, and that the original never knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, HEAD, OK, POST, WEBSOCKET, Edge, Spy, body_of, head_of, statuses
from fastgw.wire.fields import CREDENTIALS
from tests.support.examples import examples
from tests.support.mirrored import SLOT, MirroredEdge

SECRETS = b"".join(b"%b: secret\r\n" % name.title() for name in sorted(CREDENTIALS))


def whole(head: bytes) -> bytes:
    """Its body, where it needs one."""
    return b"hello" if head is POST else b"5\r\nhello\r\n0\r\n\r\n" if head is CHUNKED else b""


@pytest.mark.parametrize("head", [GET, HEAD, POST, CHUNKED])
def test_a_copy_is_the_request_that_the_service_got_and_a_mark(head: bytes) -> None:
    edge = MirroredEdge()
    client = edge.client(head + whole(head))
    original, shadow = edge.original().take(), edge.shadow().take()
    assert b"x-fastgw-mirror: true\r\n" in head_of(shadow)
    assert shadow.replace(b"x-fastgw-mirror: true\r\n", b"") == original
    assert (edge.mirrored, edge.dropped) == (1, {})
    client.lose()
    edge.end()


def test_the_answer_is_discarded_and_its_connection_kept() -> None:
    edge = MirroredEdge()
    client = edge.client(GET)
    original, shadow = edge.original(), edge.shadow()
    shadow.feed(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops")
    assert client.take() == b""
    original.feed(OK)
    assert statuses(client.take()) == [200]
    shadow.take()
    client.feed(GET)
    edge.run()
    assert shadow.take().startswith(b"GET / HTTP/1.1\r\n")
    assert edge.of_route(counters.ROUTE_STATUS + 4, SLOT) == 1
    edge.end()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n"]
)
def test_a_huge_answer_is_thrown_away_as_it_comes(answer: bytes) -> None:
    edge = MirroredEdge()
    client = edge.client(GET)
    edge.original()
    shadow = edge.shadow()
    shadow.feed(answer)
    for _ in range(100):
        shadow.feed(b"x" * 65536)
        assert shadow.is_reading()
    assert client.take() == b""
    edge.end()


def test_credentials_stay_here() -> None:
    edge = MirroredEdge()
    edge.client(GET[:-2] + SECRETS + b"X_Api_Key: secret\r\nX-Other: kept\r\n\r\n")
    assert b"authorization: secret" in head_of(edge.original().take())
    shadow = head_of(edge.shadow().take())
    assert b"secret" not in shadow
    assert b"x-other: kept" in shadow
    edge.end()


def test_credentials_that_a_filter_adds_stay_here_too() -> None:
    spy = Spy("a", [], request=lambda exchange: exchange.request.set_header(b"authorization", b"secret"))
    edge = MirroredEdge(filters=[spy])
    edge.client(GET)
    assert b"authorization: secret" in head_of(edge.original().take())
    assert b"secret" not in head_of(edge.shadow().take())
    edge.end()


def test_credentials_go_along_where_that_is_wanted() -> None:
    edge = MirroredEdge(mirror={"credentials": "keep"})
    edge.client(GET[:-2] + b"Authorization: secret\r\n\r\n")
    assert b"authorization: secret" in head_of(edge.shadow().take())
    edge.end()


def test_an_expectation_does_not_go_along() -> None:
    edge = MirroredEdge()
    client = edge.client(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert b"expect: 100-continue" in head_of(edge.original().take())
    assert not edge.wants_shadow
    client.feed(b"hello")
    assert b"expect" not in head_of(edge.shadow().take())
    edge.end()


def test_upgrades_are_not_copied() -> None:
    edge = MirroredEdge()
    edge.client(WEBSOCKET)
    edge.original()
    assert not edge.wants_shadow
    assert edge.mirrored == 0
    edge.end()


def test_filters_and_the_counters_of_the_route_see_the_original_only() -> None:
    journal: list[str] = []
    edge = MirroredEdge(filters=[Spy("a", journal)])
    edge.client(GET)
    edge.original().feed(OK)
    edge.shadow().feed(OK)
    assert journal == ["a.request", "a.response", "a.done"]
    assert edge.of_route(counters.ROUTE_STARTED) == edge.of_route(counters.ROUTE_FINISHED) == 1
    assert edge.of_route(counters.ROUTE_FINISHED, SLOT) == 1
    edge.end()


class TestDropped:
    def test_a_body_that_is_announced_too_large(self) -> None:
        edge = MirroredEdge(mirror={"max_body": 4})
        edge.client(POST + b"hello")
        assert not edge.wants_shadow
        assert edge.dropped == {"too_large": 1}
        edge.end()

    def test_a_body_that_becomes_too_large(self) -> None:
        edge = MirroredEdge(mirror={"max_body": 14})
        client = edge.client(CHUNKED + b"5\r\nhello\r\n")
        original = edge.original()
        client.feed(b"5\r\nhello\r\n0\r\n\r\n")
        assert body_of(original.take()) == b"5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n"
        assert edge.dropped == {"too_large": 1}
        assert edge.mirror.in_flight == 0
        edge.end()

    def test_more_than_may_be_under_way(self) -> None:
        edge = MirroredEdge(mirror={"max_in_flight": 1})
        first, second = edge.client(GET), edge.client(GET)
        for service in [edge.original(), edge.original()]:
            service.feed(OK)
        assert [statuses(one.take()) for one in (first, second)] == [[200], [200]]
        assert (edge.mirrored, edge.dropped) == (2, {"in_flight": 1})
        edge.shadow().feed(OK)
        first.feed(GET)
        assert edge.dropped == {"in_flight": 1}
        edge.end()

    def test_half_of_the_memory_for_bodies_is_left_to_the_originals(self) -> None:
        edge = MirroredEdge(limits=usual.limits(body_memory=100))
        client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 60\r\n\r\n" + b"x" * 40)
        client.feed(b"x" * 20)
        assert edge.dropped == {"memory": 1}
        edge.end()

    def test_a_client_that_goes_in_the_middle_of_its_request(self) -> None:
        edge = MirroredEdge()
        client = edge.client(POST + b"hel")
        edge.original()
        client.lose()
        assert not edge.wants_shadow
        assert edge.dropped == {"incomplete": 1}
        edge.end()

    def test_a_body_that_the_route_refuses(self) -> None:
        edge = MirroredEdge(route={"max_body": 7})
        client = edge.client(CHUNKED + b"5\r\nhello\r\n")
        edge.original()
        client.feed(b"5\r\nhello\r\n0\r\n\r\n")
        assert statuses(client.take()) == [413]
        assert edge.dropped == {"incomplete": 1}
        edge.end()

    def test_a_full_pool(self) -> None:
        edge = MirroredEdge(pool=usual.pool(max_connections=1, max_pending=1))
        for _ in range(3):
            edge.client(GET).lose()
        assert edge.dropped == {"pool_full": 2}
        edge.end()

    def test_a_service_that_is_not_there(self) -> None:
        edge = MirroredEdge()
        client = edge.client(GET)
        original = edge.original()
        edge.refuse_shadow()
        original.feed(OK)
        assert statuses(client.take()) == [200]
        assert edge.dropped == {"failed": 1}
        edge.end()

    def test_a_kept_connection_that_was_dead_is_not_asked_again(self) -> None:
        edge = MirroredEdge()
        client = edge.client(GET)
        edge.original().feed(OK)
        shadow = edge.shadow()
        shadow.feed(OK)
        client.feed(GET)
        edge.run()
        shadow.lose()
        assert not edge.wants_shadow
        assert edge.dropped == {"failed": 1}
        assert edge.count(counters.RETRIES) == 0
        edge.end()

    def test_a_service_that_does_not_answer(self) -> None:
        edge = MirroredEdge(route={"answer_timeout": 2.0})
        client = edge.client(GET)
        edge.original().feed(OK)
        edge.shadow()
        edge.loop.advance(3)
        assert statuses(client.take()) == [200]
        assert edge.dropped == {"failed": 1}
        edge.end()

    def test_an_answer_that_breaks_off(self) -> None:
        edge = MirroredEdge()
        edge.client(GET)
        shadow = edge.shadow()
        shadow.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        shadow.lose()
        assert edge.dropped == {"failed": 1}
        edge.end()

    @pytest.mark.parametrize("is_sent", [True, False])
    def test_a_worker_that_drains_cuts_them(self, is_sent: bool) -> None:
        edge = MirroredEdge()
        client = edge.client(GET if is_sent else POST + b"hel")
        original = edge.original()
        shadow = edge.shadow() if is_sent else None
        edge.plane.drain()
        edge.run()
        assert shadow is None or shadow.is_lost
        assert edge.dropped == {"draining": 1}
        if is_sent:
            original.feed(OK)
            assert statuses(client.take()) == [200]
        edge.end()


class TestLivesOfTheirOwn:
    def test_the_original_fails_and_the_copy_goes_on(self) -> None:
        edge = MirroredEdge()
        client = edge.client(GET)
        edge.original().lose()
        shadow = edge.shadow()
        shadow.feed(OK)
        assert statuses(client.take()) in ([502], [])
        assert edge.dropped == {}
        assert edge.of_route(counters.ROUTE_FINISHED, SLOT) == 1
        edge.end()

    def test_the_client_is_gone_and_the_copy_goes_on(self) -> None:
        edge = MirroredEdge()
        client = edge.client(GET)
        shadow = edge.shadow()
        client.lose()
        shadow.feed(OK)
        assert edge.dropped == {}
        assert edge.of_route(counters.ROUTE_STATUS + 1, SLOT) == 1
        edge.end()

    def test_a_request_that_a_filter_answers_is_not_copied(self) -> None:
        from fastgw.core.exchange.reply import Reply

        edge = MirroredEdge(filters=[Spy("a", [], request=lambda exchange: Reply(403))])
        assert statuses(edge.client(GET).take()) == [403]
        assert (edge.mirrored, edge.wants_shadow) == (0, False)
        edge.end()

    def test_bodies_held_for_a_moment_are_copied_whole(self) -> None:
        edge = MirroredEdge(route={"body_buffer": 1000, "body_wait": 5.0})
        client = edge.client(POST + b"hel")
        client.feed(b"lo")
        assert body_of(edge.original().take()) == body_of(edge.shadow().take()) == b"hello"
        edge.end()


WHAT = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30)


def tell(edge: Edge, happenings: list[tuple[int, int]]) -> tuple[list[tuple[int, bytes]], list[tuple[int, bytes]]]:
    """What client and service of the route got, and behind which happening."""
    client: Any = edge.client()
    service: Any = None
    got: list[tuple[int, bytes]] = []
    sent: list[tuple[int, bytes]] = []
    for number, (action, what) in enumerate(happenings):
        if client.is_lost:
            break
        if action < 3 and not client.has_ended:
            client.feed((GET, POST + b"hello", CHUNKED + b"5\r\nhello\r\n", b"0\r\n\r\n")[what])
        elif action == 3:
            originals = [one for one in edge.attempts if one.target.get("port") == 9000]
            if originals:
                service = edge.connect(port=9000)
        elif action == 4 and service is not None and not service.is_lost:
            service.feed(OK)
        elif action == 5 and service is not None and what == 0:
            service.lose()
        elif action == 6:
            edge.loop.advance(0.5)
        elif action > 6 and isinstance(edge, MirroredEdge):
            shadows = [one.transport for one in edge.loop.attempts if one.target.get("port") == 9500 and one.transport]
            if edge.wants_shadow and what < 2:
                edge.refuse_shadow() if what else edge.shadow()
            elif shadows and not shadows[-1].is_lost and what < 3:
                shadows[-1].feed(OK)
            elif shadows and not shadows[-1].is_lost:
                shadows[-1].lose()
        edge.run()
        edge.check()
        got.append((number, client.take()))
        if service is not None:
            sent.append((number, service.take()))
    edge.end()
    got.append((-1, client.take()))
    return got, sent


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=WHAT)
def test_the_original_is_the_same_with_and_without_a_mirror(happenings: list[tuple[int, int]]) -> None:
    assert tell(MirroredEdge(), happenings) == tell(Edge(), happenings)
