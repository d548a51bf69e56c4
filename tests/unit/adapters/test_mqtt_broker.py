"""The library against a broker of bytes: what it is asked for, what it is told, and brokers that refuse, stall or lie."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from fastgw.adapters.mqtt_broker import BrokerConnection, BrokerError, BrokerTerms, BrokerWill, Delivery
from fastgw.core.bridge_settings import BrokerAddress

TERMS = BrokerTerms(5, "it", "u", "p", 60, 31, 4, 2000, None, (("x-request-id", "r"),))
CONNACK = b"\x20\x03\x00\x00\x00"
CONNACK_3 = b"\x20\x02\x00\x00"


class Heard:
    """Who has the connection; each of what it is told is waited for by its kind."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Delivery] = asyncio.Queue()
        self.acknowledged: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.subscribed: asyncio.Queue[tuple[int, list[int]]] = asyncio.Queue()
        self.lost: asyncio.Queue[int] = asyncio.Queue()

    def on_message(self, delivery: Delivery) -> None:
        self.messages.put_nowait(delivery)

    def on_acknowledged(self, mid: int, reason: int) -> None:
        self.acknowledged.put_nowait((mid, reason))

    def on_subscribed(self, mid: int, reasons: Sequence[int]) -> None:
        self.subscribed.put_nowait((mid, list(reasons)))

    def on_lost(self, reason: int) -> None:
        self.lost.put_nowait(reason)


class Stage:
    """A listening socket, and the connection to it."""

    def __init__(self, terms: BrokerTerms) -> None:
        self.heard = Heard()
        self.connection = BrokerConnection(terms, self.heard, is_new=True)
        self.arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.address = BrokerAddress(False, "127.0.0.1", 0)
        self.connect_packet = b""
        self._reader: Any = None
        self.writer: Any = None

    async def _on_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.arrived.put_nowait((reader, writer))

    async def connect(self, answer: bytes | None, seconds: float = 5.0, *, is_last: bool = False) -> bool:
        """``answer``: to CONNECT; None, or behind one that ``is_last``: the connection ends."""
        asking = asyncio.ensure_future(self.connection.connect(self.address, None, seconds))
        self._reader, self.writer = await self.arrived.get()
        self.connect_packet = await self.packet()
        if answer is None:
            self.writer.close()
        elif answer:
            self.writer.write(answer)
            if is_last:
                self.writer.close()
        return await asking

    async def packet(self) -> bytes:
        """The next packet of the client; empty: it has ended the connection."""
        try:
            head = await self._reader.readexactly(2)
            return bytes(head + await self._reader.readexactly(head[1]))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return b""


@contextlib.asynccontextmanager
async def staged(terms: BrokerTerms) -> AsyncIterator[Stage]:
    stage = Stage(terms)
    server = await asyncio.start_server(stage._on_client, "127.0.0.1", 0)
    try:
        stage.address = stage.address._replace(port=server.sockets[0].getsockname()[1])
        yield stage
    finally:
        if stage.writer is not None:
            stage.writer.close()
        server.close()


def play(story: Callable[[Stage], Coroutine[Any, Any, None]], terms: BrokerTerms = TERMS) -> None:
    async def all_of_it() -> None:
        async with staged(terms) as stage:
            await asyncio.wait_for(story(stage), 20.0)
            await asyncio.sleep(0)

    asyncio.run(all_of_it())


def test_a_connection_says_what_it_was_told_to() -> None:
    async def story(stage: Stage) -> None:
        assert not await stage.connect(CONNACK)
        packet = stage.connect_packet
        assert (
            packet[:1] == b"\x10"
            and b"\x00\x04MQTT\x05\xc2\x00<" in packet
            and packet.endswith(b"\x00\x02it\x00\x01u\x00\x01p")
        )
        assert b"\x11\x00\x00\x00\x1f" in packet and b"\x21\x00\x04" in packet and b"\x27\x00\x00\x07\xd0" in packet
        assert b"&\x00\x0cx-request-id\x00\x01r" in packet
        stage.connection.close(forgets_session=True)
        assert await stage.packet() == b"\xe0\x07\x00\x05\x11\x00\x00\x00\x00" and await stage.packet() == b""

    play(story)


def test_what_the_broker_offers() -> None:
    async def story(stage: Stage) -> None:
        more = b"\x21\x00\x05" + b"\x24\x01" + b"\x25\x00"
        assert await stage.connect(b"\x20%c\x01\x00%c" % (3 + len(more), len(more)) + more)
        assert stage.connection.offer == (4, 1, False)
        stage.connection.close()

    play(story)


def test_a_message_is_acknowledged_when_that_is_said() -> None:
    async def story(stage: Stage) -> None:
        await stage.connect(CONNACK)
        assert stage.connection.offer == (65534, 2, True)
        stage.writer.write(b"\x32\x07\x00\x01t\x00\x07\x00x" + b"\x31\x05\x00\x01t\x00y")
        first, second = await stage.heard.messages.get(), await stage.heard.messages.get()
        assert first[:5] == ("t", b"x", 1, False, 7) and second[:5] == ("t", b"y", 0, True, 0)
        stage.connection.acknowledge(second.mid)
        stage.connection.acknowledge(first.mid)
        assert await stage.packet() == b"\x40\x04\x00\x07\x00\x00"
        stage.connection.close()

    play(story)


def test_what_is_published_is_told_with_the_reason_of_its_acknowledgement() -> None:
    async def story(stage: Stage) -> None:
        connection = stage.connection
        await stage.connect(CONNACK)
        assert connection.subscribe(["a", "b"], 1) == 1
        assert await stage.packet() == b"\x82\x0b\x00\x01\x00\x00\x01a\x11\x00\x01b\x11"
        mids = [connection.publish("t", b"x", qos, is_retained=True, properties={}) for qos in (1, 1, 0)]
        assert mids == [2, 3, 0]
        assert [await stage.packet() for _ in mids] == [
            b"\x33\x07\x00\x01t\x00\x02\x00x",
            b"\x33\x07\x00\x01t\x00\x03\x00x",
            b"\x31\x05\x00\x01t\x00x",
        ]
        stage.writer.write(b"\x90\x05\x00\x01\x00\x01\x80" + b"\x40\x02\x00\x02" + b"\x40\x03\x00\x03\x87")
        assert await stage.heard.subscribed.get() == (1, [1, 0x80])
        assert [await stage.heard.acknowledged.get() for _ in range(2)] == [(2, 0), (3, 0x87)]
        connection.close()

    play(story)


def test_a_will_is_published_or_not_as_it_is_said() -> None:
    terms = TERMS._replace(will=BrokerWill("w", b"gone", 1, True))

    async def story(stage: Stage) -> None:
        await stage.connect(CONNACK)
        assert b"\x00\x01w\x00\x04gone" in stage.connect_packet
        stage.connection.close(publishes_will=True)
        assert await stage.packet() == b"\xe0\x02\x04\x00"

    async def older(stage: Stage) -> None:
        await stage.connect(CONNACK_3)
        stage.connection.close(publishes_will=True)
        assert await stage.packet() == b""

    play(story, terms)
    play(older, terms._replace(version=4))


def test_the_end_of_the_connection_is_told_once_with_its_reason() -> None:
    async def story(stage: Stage) -> None:
        await stage.connect(CONNACK)
        stage.writer.write(b"\xe0\x02\x8e\x00")
        assert await stage.heard.lost.get() == 0x8E and await stage.packet() == b""
        stage.connection.acknowledge(5)
        stage.connection.close()
        assert stage.heard.lost.empty()

    async def silent(stage: Stage) -> None:
        await stage.connect(CONNACK_3)
        stage.writer.close()
        assert await stage.heard.lost.get() == 0

    play(story)
    play(silent, TERMS._replace(version=4))


@pytest.mark.parametrize(
    ("answer", "version", "cause", "is_final"),
    [
        (b"\x20\x03\x00\x87\x00", 5, "refused", True),
        (b"\x20\x03\x00\x89\x00", 5, "refused", False),
        (b"\x20\x02\x00\x05", 4, "refused", True),
        (b"\x20\x02\x00\x03", 4, "refused", False),
        (None, 5, "refused", False),
        (b"", 5, "timeout", False),
        (b"\x20\x05\x00\x00\x02\xff\x00", 5, "refused", True),  # a property that there is not
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 5, "timeout", False),
        (b"\x20\xff\xff\xff\xff\xff", 5, "timeout", False),
    ],
)
def test_a_broker_that_refuses_stalls_or_lies(answer: bytes | None, version: int, cause: str, is_final: bool) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(BrokerError) as caught:
            await stage.connect(answer, 0.2)
        assert (caught.value.cause, caught.value.is_final) == (cause, is_final)
        assert stage.heard.lost.empty() and await stage.packet() in (b"", b"\xe0\x02\x00\x00")

    play(story, TERMS._replace(version=version))


def test_a_refusal_that_comes_with_the_end_is_one() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(BrokerError) as caught:
            await stage.connect(b"\x20\x03\x00\x87\x00", is_last=True)
        assert caught.value.is_final and "Not authorized" in str(caught.value)

    play(story)


def test_nobody_there() -> None:
    async def story() -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            connection = BrokerConnection(TERMS, Heard(), is_new=True)
            with pytest.raises(BrokerError) as caught:
                await connection.connect(BrokerAddress(False, *held.getsockname()), None, 5.0)
        assert caught.value.cause == "unreachable" and "127.0.0.1" in str(caught.value)
        connection.close()

    asyncio.run(story())
