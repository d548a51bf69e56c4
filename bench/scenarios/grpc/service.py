"""A service of gRPC that costs little, on frames of HTTP/2: what it is asked is not looked at.

`/bench.Bench/Say` answers with a message of 1 KiB, `/bench.Bench/Tell` with a hundred such, each in a write of its own.

Run as `python -m bench.scenarios.grpc.service PORT`; it says `ready`.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

import uvloop

from fastgw.wire.http2 import frame_kinds as kinds
from fastgw.wire.http2 import frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.settings import INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, WINDOW, Settings, settings_frame

MESSAGES = 100
"""Of the answer of a stream."""
SIZE = 1024
"""Bytes of a message; the field of bytes 1 has all but three of them, so protobuf can read it."""
MESSAGE = b"\0" + SIZE.to_bytes(4, "big") + b"\x0a\xfd\x07" + b"x" * (SIZE - 3)
HEAD = b"content-type: application/grpc\r\n"
END = b"grpc-status: 0\r\n"
GRANTED = 1 << 20


class Service(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._reader = frames.FrameReader(1 << 16)
        self._decoder, self._encoder = FieldDecoder(), FieldEncoder()
        self._peer = Settings()
        self._is_begun = False
        self._room = WINDOW
        self._rooms: dict[int, int] = {}
        self._left: dict[int, int] = {}  # messages to come of each stream
        self._turns: deque[int] = deque()  # streams that have some to send
        self._is_sending = False
        self._received = 0

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport
        transport.write(
            settings_frame({INITIAL_WINDOW_SIZE: GRANTED, MAX_CONCURRENT_STREAMS: 1000})
            + frames.window_update(0, GRANTED - WINDOW)
        )

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if not self._is_begun:  # nobody who is measured cuts the preface
            self._is_begun = True
            data = data[len(kinds.PREFACE) :]
        self._reader.feed(data)
        out: list[bytes] = []
        while (kind := self._reader.read()) != kinds.NONE:
            self._on_frame(kind, out)
        if out:
            self._transport.write(b"".join(out))

    def _on_frame(self, kind: int, out: list[bytes]) -> None:
        reader = self._reader
        number = reader.stream
        if kind == kinds.HEADERS:
            fields = self._decoder.decode(reader.payload, 1 << 16)
            if number not in self._left:
                path = next(one.value for one in fields if one.name == b":path")
                self._left[number] = MESSAGES if path.endswith(b"/Tell") else 1
                self._rooms[number] = self._peer.window
            if reader.flags & kinds.END_STREAM:
                self._answer(number, out)
        elif kind == kinds.DATA:
            self._received += reader.size
            if self._received > GRANTED // 2:
                out.append(frames.window_update(0, self._received))
                self._received = 0
            if reader.flags & kinds.END_STREAM:
                self._answer(number, out)
        elif kind == kinds.SETTINGS and not reader.flags & kinds.ACK:
            before = self._peer.window
            self._peer.read(reader.payload, is_from_client=True)
            self._encoder.resize(self._peer.table)
            self._rooms = {one: room + self._peer.window - before for one, room in self._rooms.items()}
            out.append(frames.frame(kinds.SETTINGS, kinds.ACK, 0, b""))
        elif kind == kinds.WINDOW_UPDATE:
            more = int.from_bytes(reader.payload, "big")
            if number:
                self._rooms[number] = self._rooms.get(number, 0) + more
            else:
                self._room += more
            self._go_on()
        elif kind == kinds.PING and not reader.flags & kinds.ACK:
            out.append(frames.ping(reader.payload, is_answer=True))
        elif kind == kinds.RST_STREAM:
            self._left.pop(number, None)
            self._rooms.pop(number, None)

    def _answer(self, number: int, out: list[bytes]) -> None:
        head = frames.headers(number, self._encoder.response(200, HEAD), False)
        if self._left[number] == 1 and min(self._room, self._rooms[number]) >= len(MESSAGE):
            self._room -= len(MESSAGE)
            self._left.pop(number)
            self._rooms.pop(number)
            trailers = frames.headers(number, self._encoder.trailers(END), True)
            out.append(head + frames.data_head(number, len(MESSAGE), False) + MESSAGE + trailers)
            return
        out.append(head)
        self._turns.append(number)
        self._go_on()

    def _go_on(self) -> None:
        if self._turns and not self._is_sending:
            self._is_sending = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        """One message of the stream whose turn it is, if the windows have room for it."""
        self._is_sending = False
        for _ in range(len(self._turns)):
            number = self._turns.popleft()
            if number not in self._left:
                continue
            self._turns.append(number)
            if min(self._room, self._rooms[number]) < len(MESSAGE):
                continue
            self._room -= len(MESSAGE)
            self._rooms[number] -= len(MESSAGE)
            self._left[number] -= 1
            data = frames.data_head(number, len(MESSAGE), False) + MESSAGE
            if not self._left[number]:
                self._turns.pop()
                self._left.pop(number)
                self._rooms.pop(number)
                data += frames.headers(number, self._encoder.trailers(END), True)
            self._transport.write(data)
            self._go_on()
            return


async def serve(port: int) -> None:
    """Run until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
