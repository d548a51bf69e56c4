"""Frames gathered in one turn, and the windows of a connection."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.http2.link import RECEIVE, Http2Link, put_early
from fastgw.core.net.connection import Connection
from fastgw.core.net.turns import Turn
from fastgw.testing.edge import new_loop
from fastgw.testing.mock_transport import MockTransport
from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import FLOW_CONTROL_ERROR, Http2Error, StreamError
from fastgw.wire.http2.settings import WINDOW, WINDOW_MOST


def made(turn: Turn | None = None) -> tuple[Http2Link, MockTransport, Any]:
    loop, connection = new_loop(), Connection()
    transport = MockTransport(loop, connection)  # type: ignore[arg-type]
    connection.attach(transport)
    return Http2Link(connection, loop, turn, 1000), transport, loop


def test_frames_of_one_turn_are_one_write() -> None:
    link, transport, loop = made()
    link.put(b"a")
    link.put(b"b")
    assert transport.take() == b""
    loop.run_ready()
    assert transport.writes == [b"ab"]
    link.put(b"c")
    link.flush()
    loop.run_ready()
    assert transport.writes == [b"ab", b"c"]


def test_frames_of_a_turn_of_the_poller_leave_at_its_end() -> None:
    turn = Turn(new_loop())
    link, transport, loop = made(turn)
    turn.is_open = True
    link.put(b"a")
    link.put(b"b")
    assert not transport.writes
    turn.end()
    assert transport.writes == [b"ab"] and not turn.is_open
    link.put(b"c")
    assert transport.writes == [b"ab"]
    loop.run_ready()
    assert transport.writes == [b"ab", b"c"]


def test_the_window_of_the_connection_has_a_size_that_no_window_exceeds() -> None:
    link, _, _ = made()
    assert link.window == WINDOW
    link.widen(WINDOW_MOST - WINDOW)
    with pytest.raises(Http2Error) as caught:
        link.widen(1)
    assert caught.value.code == FLOW_CONTROL_ERROR


def test_data_is_given_back_when_half_of_the_window_has_come() -> None:
    link, transport, loop = made()
    for _ in range(RECEIVE // 16_384 // 2 - 1):
        link.count(16_384)
    loop.run_ready()
    assert transport.take() == b""
    link.count(16_384)
    loop.run_ready()
    assert transport.take() == frames.window_update(0, RECEIVE // 2)


def test_more_than_the_window_ends_the_connection() -> None:
    link, _, _ = made()
    with pytest.raises(Http2Error) as caught:
        link.count(RECEIVE + 1)
    assert caught.value.code == FLOW_CONTROL_ERROR


def test_a_connection_that_is_gone_is_not_held_and_nothing_is_gathered_for_it() -> None:
    link, transport, loop = made()
    link.put(b"a")
    link.leave()
    link.put(b"b")
    loop.run_ready()
    link.flush()
    assert transport.writes == []


def test_data_is_as_much_as_the_windows_take_in_frames_that_anybody_takes() -> None:
    link, transport, loop = made()
    assert link.put_data(1, b"x" * 20_000, 18_000, True) == 18_000
    assert link.put_data(1, b"x", 0, True) == 0  # no window, no frame
    assert link.put_data(3, b"y" * 5, 100, False) == 5
    assert link.put_data(3, b"", 0, True) == 0
    assert link.window == WINDOW - 18_005
    loop.run_ready()
    expected = frames.data_head(1, 16_384, False) + b"x" * 16_384 + frames.data_head(1, 1616, False) + b"x" * 1616
    assert transport.take() == expected + frames.data_head(3, 5, False) + b"y" * 5 + frames.data_head(3, 0, True)


def test_the_end_stands_with_the_last_byte() -> None:
    link, transport, loop = made()
    assert link.put_data(1, b"abc", 3, True) == 3
    loop.run_ready()
    assert transport.take() == frames.data_head(1, 3, True) + b"abc"


def test_a_window_that_is_less_than_nothing_takes_nothing() -> None:
    link, transport, loop = made()
    assert link.put_data(1, b"abc", -5, True) == 0 and link.window == WINDOW
    link.window = -1
    assert link.put_data(1, b"abc", 5, True) == 0
    loop.run_ready()
    assert transport.take() == b""


class Widened:
    """A stream, as far as settings are concerned."""

    def __init__(self, most: int = WINDOW_MOST) -> None:
        self.window = WINDOW
        self._most = most

    def widen(self, size: int) -> None:
        if self.window + size > self._most:
            raise StreamError(1, FLOW_CONTROL_ERROR, "no")
        self.window += size


def test_settings_are_acknowledged_and_widen_every_stream() -> None:
    link, transport, loop = made()
    streams = [Widened(), Widened()]
    assert link.take_settings(b"\0\4\0\1\0\0\0\1\0\0\0\0", True, streams) == 65_536 - WINDOW
    assert [one.window for one in streams] == [65_536, 65_536] and link.peer.table == 0
    loop.run_ready()
    assert transport.take() == frames.frame(4, 1, 0, b"")
    assert link.take_settings(b"\0\4\0\0\0\5", True, streams) == 5 - 65_536
    assert streams[0].window == 5


def test_a_window_of_a_stream_that_settings_make_too_large_is_of_the_connection() -> None:
    link, _, _ = made()
    with pytest.raises(Http2Error) as caught:
        link.take_settings(b"\0\4\0\1\0\0", False, [Widened(WINDOW)])
    assert caught.value.code == FLOW_CONTROL_ERROR


def test_small_windows_behind_data_are_worth_their_frames_if_the_window_is_wide() -> None:
    link, _, _ = made()
    assert link.is_worth(256, 0) and not link.is_worth(255, WINDOW)  # nothing was sent yet
    link.put_data(1, b"x", 10, False)
    assert not link.is_worth(5, 100)  # one by which DATA comes in drops
    assert [link.is_worth(5, WINDOW) for _ in range(5)] == [True] * 4 + [False]


def test_what_waits_is_in_few_pieces_however_it_comes() -> None:
    early: list[bytes] = []
    for number in range(10_000):
        put_early(early, b"%d" % (number % 10))
    assert b"".join(early) == b"0123456789" * 1000
    assert len(early) == 10
    put_early(early, b"x" * 1024)
    put_early(early, b"y")
    put_early(early, b"")  # an end, which is a piece of its own
    assert early[-2:] == [b"y", b""]
