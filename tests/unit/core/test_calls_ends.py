"""Calls of the gateway over connections that end between them, or in the middle of one; and how a member is reached."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.calls import Answered, AsMember, Caller, CallError, LeftError, _Connection
from fastgw.core.settings import Url
from fastgw.core.streamed import Streamed
from tests.support.held import HeldTransport
from tests.support.upstream import response
from tests.unit.core.test_calls import refused, run


def connected() -> tuple[_Connection, HeldTransport]:
    connection, line = _Connection(Url(False, "127.0.0.1", 1, "/"), 1000), HeldTransport()
    connection.connection_made(line)
    return connection, line


def test_who_is_gone_before_anything_was_asked_has_left() -> None:
    connection, line = connected()
    connection.connection_lost(None)
    with pytest.raises(LeftError):
        run(lambda: connection.ask(b"GET"))
    assert not line.sent


def test_what_nobody_asked_for_ends_the_connection() -> None:
    connection, line = connected()
    connection.data_received(response(b"forged"))
    assert line.is_aborted and not connection.is_kept


def test_rubbish_behind_an_answer_leaves_the_answer_and_ends_the_connection() -> None:
    connection, line = connected()

    async def work() -> Answered:
        asked = asyncio.ensure_future(connection.ask(b"GET"))
        await asyncio.sleep(0)
        connection.data_received(response(b"x") + b"rubbish\r\n\r\n")
        return await asked

    assert run(work).body == b"x"
    assert line.is_aborted and not connection.is_kept


def test_a_kept_connection_that_was_closed_meanwhile_is_not_asked() -> None:
    lines = []

    class Mocked(Caller):
        async def connect(self, protocol: Any) -> Any:
            lines.append(HeldTransport())
            protocol.connection_made(lines[-1])
            asyncio.get_running_loop().call_soon(protocol.data_received, response(b"%d" % len(lines)))
            return protocol

    async def work() -> list[bytes]:
        caller = Mocked(Url(False, "127.0.0.1", 1, "/"), 5.0, 100)
        found = [(await caller.call(b"GET")).body]
        caller._idle[0].connection_lost(None)
        found.append((await caller.call(b"GET")).body)
        assert len(caller._idle) == 1
        return found

    assert run(work) == [b"1", b"2"] and len(lines) == 2


@pytest.mark.parametrize("is_plain", [True, False])
def test_a_member_behind_a_path_is_asked_there(tmp_path: Path, is_plain: bool) -> None:
    path = str(tmp_path / "s")
    left: asyncio.Event

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(b"from the path"))
        await reader.read()
        writer.close()
        left.set()

    async def work() -> bytes:
        nonlocal left
        left = asyncio.Event()
        server = await asyncio.start_unix_server(answer, path)
        caller = Caller(Url(False, "localhost", 80, "/"), 5.0, 100, as_member=AsMember(None, "", path=path))
        found = (await caller.call(b"GET")).body
        caller.close()
        server.close()
        await left.wait()
        return found

    assert run(work, is_plain=is_plain) == b"from the path"
    gone = AsMember(None, "", path=str(tmp_path / "none"))
    cause, detail = refused(Url(False, "localhost", 80, "/"), as_member=gone, is_plain=is_plain)
    assert cause == "unreachable" and "cannot be reached" in detail


@pytest.mark.parametrize("is_plain", [True, False])
def test_who_breaks_off_the_handshake_is_a_failure_of_tls(is_plain: bool) -> None:
    class Leaving(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.abort()

    async def work() -> CallError:
        server = await asyncio.get_running_loop().create_server(Leaving, "127.0.0.1", 0)
        caller = Caller(Url(True, "127.0.0.1", server.sockets[0].getsockname()[1], "/"), 5.0, 100)
        with pytest.raises(CallError) as caught:
            await caller.call(b"GET")
        server.close()
        return caught.value

    found = run(work, is_plain=is_plain)
    assert found.cause == "tls" and "broke off the TLS handshake" in str(found)


# --- answers that never end


def test_a_stream_whose_connection_ended_before_the_question_has_no_answer() -> None:
    async def work() -> HeldTransport:
        answer, transport = Streamed(Url(False, "127.0.0.1", 1, "/"), 5.0), HeldTransport()
        answer.connection_made(transport)
        answer.connection_lost(None)
        with pytest.raises(CallError, match="without an answer"):
            await answer.ask(b"GET")
        return transport

    assert not run(work).sent


def test_bytes_behind_the_end_of_a_stream_are_none_of_it() -> None:
    async def work() -> list[bytes]:
        answer = Streamed(Url(False, "127.0.0.1", 1, "/"), 5.0)
        answer.connection_made(HeldTransport())
        answer.data_received(response(b"whole"))
        answer.data_received(b"rubbish")
        await answer.ask(b"GET")
        return [await answer.piece(), await answer.piece()]

    assert run(work) == [b"whole", b""]
