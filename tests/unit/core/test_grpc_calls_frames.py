"""Calls of gRPC frame by frame, on a connection that a test holds: windows, endings, and what is none of an answer."""

from __future__ import annotations

import asyncio

import pytest

from fastgw.core.calls import Answered, CallError, LeftError
from fastgw.core.grpc_calls import _Http2Connection
from fastgw.wire.http2 import frame_kinds as kinds
from fastgw.wire.http2 import frames
from fastgw.wire.http2.settings import settings_frame
from tests.support.held import HeldTransport
from tests.unit.core.test_grpc_calls import MESSAGE, at, data, end, head


class Line(HeldTransport):
    """And counts what is in frames."""

    def payload(self) -> int:
        """How much of bodies was sent since this was asked last."""
        reader, found = frames.FrameReader(1 << 16), 0
        reader.feed(self.sent.removeprefix(kinds.PREFACE))
        self.sent = b""
        while (kind := reader.read()) != kinds.NONE:
            found += reader.size if kind == kinds.DATA else 0
        return found


def connected() -> tuple[_Http2Connection, Line]:
    connection, line = _Http2Connection(at(1), 1000, b"a.test"), Line()
    connection.connection_made(line)
    connection.data_received(settings_frame({}))
    return connection, line


async def asked(connection: _Http2Connection, body: bytes = b"x") -> asyncio.Task[Answered]:
    task = asyncio.ensure_future(
        connection.ask(b"POST /p.Echo/Say HTTP/1.1\r\nhost: a.test\r\nte: trailers\r\n\r\n" + body)
    )
    await asyncio.sleep(0)
    return task


def test_who_is_gone_before_anything_was_asked_has_left() -> None:
    connection, _ = connected()
    connection.connection_lost(None)

    async def whole() -> None:
        with pytest.raises(LeftError):
            await (await asked(connection))

    asyncio.run(whole())


def test_a_connection_that_ends_in_the_middle_of_an_answer_is_not_asked_again() -> None:
    """Behind a head the call may have been acted on."""
    connection, _ = connected()

    async def whole() -> None:
        task = await asked(connection)
        connection.data_received(head(1))
        connection.connection_lost(None)
        with pytest.raises(CallError, match="in the middle of its answer"):
            await task

    asyncio.run(whole())


def test_a_body_goes_as_far_as_both_windows_reach() -> None:
    connection, line = connected()

    async def whole() -> None:
        task = await asked(connection, bytes(100_000))
        assert line.payload() == 65_535
        connection.data_received(frames.window_update(1, 50_000))
        assert line.payload() == 0  # that of the connection is used up
        connection.data_received(frames.window_update(3, 50_000))  # of no call of ours
        connection.data_received(frames.window_update(0, 20_000))
        assert line.payload() == 20_000
        connection.data_received(frames.window_update(0, 50_000))
        assert line.payload() == 14_465
        connection.data_received(head(1) + end(1))
        await task

    asyncio.run(whole())


def test_a_head_that_is_larger_than_it_looks_is_too_large() -> None:
    connection, line = connected()
    bomb = b"\x88\x40\x01x\x7f\xb9\x16" + b"a" * 3000 + b"\xbe" * 30  # the same field of 3000 bytes, 31 times

    async def whole() -> None:
        task = await asked(connection)
        connection.data_received(frames.headers(1, bomb, False))
        with pytest.raises(CallError, match="a head of http:") as caught:
            await task
        assert caught.value.cause == "too_large" and line.is_aborted

    asyncio.run(whole())


def test_data_of_a_call_that_nobody_waits_for_are_let_go() -> None:
    """And what they took of the window of the connection is given back; an empty frame takes nothing of either."""
    connection, line = connected()

    async def whole() -> None:
        (await asked(connection)).cancel()
        await asyncio.sleep(0)
        task = await asked(connection)
        connection.data_received(head(1))
        line.sent = b""
        connection.data_received(data(1, bytes(100)))
        assert line.sent == frames.window_update(0, 100)
        line.sent = b""
        connection.data_received(head(3) + data(3, b""))
        assert not line.sent
        connection.data_received(data(3, MESSAGE) + end(3))
        assert (await task).body == MESSAGE

    asyncio.run(whole())


@pytest.mark.parametrize(
    "said", [frames.goaway(0, 0), frames.ping(bytes(7) + b"\1", True)[:9] + bytes(3) + b"\xff" * 30]
)
def test_an_idle_connection_that_goes_away_or_speaks_rubbish_is_closed(said: bytes) -> None:
    connection, line = connected()
    connection.data_received(said)
    assert line.is_aborted and not connection.is_kept
