"""What devices that hold a WebSocket cost: memory of one at rest, processor time of a message, and one to all of them.

``python -m bench.websocket.devices [--devices 1000] [--messages 200000]``; a gateway of one worker, by bytes and by frames.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench.scenarios.measure import usage
from bench.scenarios.peers import answers, free_port, wait_until
from fastgw.wire.websocket_frames import BINARY, WebSocketFrames, frame_of

CONFIG = """\
workers: 1
admin: false
admin_socket: false
listeners: [{{address: "127.0.0.1:{edge}"}}]
routes:
  - {{path: /bytes/*, service: s}}
  - {{path: /frames/*, service: s, websocket: {{}}}}
services:
  s: {{endpoints: ["127.0.0.1:{service}"], pool: {{max_connections: 20000, max_pending: 20000}}}}
"""
MASK = b"\x01\x02\x03\x04"
SIZE = 100  #: bytes of a message
AT_ONCE = 16  #: messages under way on one connection


class Device(asyncio.Protocol):
    """A client that counts what it hears."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._reader = WebSocketFrames(1 << 26, 1 << 26, is_masked=False)
        self._transport: Any = None
        self.opened = asyncio.get_running_loop().create_future()
        self.heard = 0
        self.on_heard: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for it."""
        self._transport = transport
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """The 101, or frames."""
        if not self.opened.done():
            head, _, data = data.partition(b"\r\n\r\n")
            self.opened.set_result(head.startswith(b"HTTP/1.1 101"))
        for _ in self._reader.feed(data):
            self.heard += 1
            if self.on_heard is not None:
                self.on_heard(self)

    def say(self, data: bytes) -> None:
        """A frame that is made already."""
        self._transport.write(data)

    def pause(self) -> None:
        """Read nothing any more."""
        self._transport.pause_reading()

    def close(self) -> None:
        """Leave."""
        self._transport.abort()


async def devices(port: int, path: str, count: int) -> list[Device]:
    """So many that are open."""
    loop, found = asyncio.get_running_loop(), list[Device]()
    for _ in range(count):
        _, made = await loop.create_connection(lambda: Device(path), "127.0.0.1", port)
        assert await made.opened, "the handshake was refused"
        found.append(made)
    return found


async def heard(found: list[Device], count: int, every: float) -> None:
    """Until each has heard so many; looked at ``every`` so many seconds, as an event for each frame would be measured too."""
    while any(one.heard < count for one in found):  # noqa: ASYNC110
        await asyncio.sleep(every)


async def at_rest(pid: int, port: int, path: str, count: int) -> float:
    """Bytes of the gateway for each of ``count`` devices, each of which has said something, and has heard it."""
    before = usage(pid)
    found = await devices(port, path, count)
    for one in found:
        one.say(frame_of(BINARY, b"x" * SIZE, MASK))
    await heard(found, 1, 0.05)
    await asyncio.sleep(1.5)
    grown = usage(pid).grown_per(before, count)
    for one in found:
        one.close()
    await asyncio.sleep(1)
    return grown


async def per_message(pid: int, port: int, path: str, messages: int) -> float:
    """Microseconds of the gateway's processor time for a message that goes there and comes back, which are two."""
    found = await devices(port, path, 8)
    said, frame, done = [0], frame_of(BINARY, b"x" * SIZE, MASK), asyncio.Event()

    def again(device: Device) -> None:
        if said[0] < messages:
            said[0] += 1
            device.say(frame)
        elif sum(one.heard for one in found) >= messages:
            done.set()

    for one in found:
        one.on_heard = again
    before = usage(pid)
    for one in found:
        for _ in range(AT_ONCE):
            said[0] += 1
            one.say(frame)
    await done.wait()
    spent = usage(pid).cpu - before.cpu
    for one in found:
        one.close()
    return spent / messages / 2 * 1e6


async def to_all(pid: int, port: int, path: str, count: int, times: int = 20) -> tuple[float, float, float]:
    """One says something and all hear it: median and most seconds until the last has, and processor time for each that hears it."""
    found = await devices(port, path, count)
    frame, took = frame_of(BINARY, b"x" * SIZE, MASK), []
    before = usage(pid)
    for number in range(times):
        began = time.perf_counter()
        found[0].say(frame)
        await heard(found, number + 1, 0.0005)
        took.append(time.perf_counter() - began)
    spent = usage(pid).cpu - before.cpu
    for one in found:
        one.close()
    return statistics.median(took), max(took), spent / times / count * 1e6


async def unread(pid: int, port: int, path: str, count: int = 100) -> tuple[float, float]:
    """Bytes of the gateway for each device that reads nothing of a stream without an end, and seconds of an echo of another meanwhile."""
    before = usage(pid)
    found = await devices(port, path, count)
    for one in found:
        one.pause()
    await asyncio.sleep(3)
    grown = usage(pid).grown_per(before, count)
    others, took = await devices(port, path.rpartition("/")[0] + "/x", 1), []
    for number in range(50):
        began = time.perf_counter()
        others[0].say(frame_of(BINARY, b"x" * SIZE, MASK))
        await heard(others, number + 1, 0.0002)
        took.append(time.perf_counter() - began)
    for one in (*found, *others):
        one.close()
    return grown, statistics.median(took)


async def measure(pid: int, port: int, count: int, messages: int) -> None:
    """Print the table."""
    print("| | bytes | frames |\n|---|---|---|")
    for word, act in (
        (f"KiB of one of {count} at rest", lambda path: at_rest(pid, port, path, count)),
        ("us of processor time a message, each way", lambda path: per_message(pid, port, path, messages)),
    ):
        await act("/bytes/warm")
        cells = [await act(path) for path in ("/bytes/x", "/frames/x")]
        factor = 1024 if word.startswith("KiB") else 1
        print(f"| {word} | " + " | ".join(f"{one / factor:.2f}" for one in cells) + " |", flush=True)
    cells = []
    for path in ("/bytes/all", "/frames/all"):
        middle, most, spent = await to_all(pid, port, path, 512)
        cells.append(f"{middle * 1e3:.1f} ms, at most {most * 1e3:.1f}; {spent:.1f} us each")
    print("| one message to 512 | " + " | ".join(cells) + " |")
    cells = []
    for path in ("/bytes/flood", "/frames/flood"):
        grown, middle = await unread(pid, port, path)
        cells.append(f"{grown / 1024:.0f} KiB; {middle * 1e3:.1f} ms")
    print("| of 100 that do not read, memory of one; an echo of another meanwhile | " + " | ".join(cells) + " |")


def main() -> None:
    """Start service and gateway, measure, end both."""
    parser = argparse.ArgumentParser(prog="devices", description="What devices that hold a WebSocket cost.")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=200_000)
    chosen = parser.parse_args()
    ports = {"edge": free_port(), "service": free_port()}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "gateway.yaml"
        config.write_text(CONFIG.format(**ports))
        commands = [["bench.websocket.service", str(ports["service"])], ["fastgw", "run", str(config)]]
        running = [subprocess.Popen([sys.executable, "-m", *command]) for command in commands]
        try:
            assert all(wait_until(lambda port=port: answers(port), 30) for port in ports.values())
            uvloop.run(measure(running[1].pid, ports["edge"], chosen.devices, chosen.messages))
        finally:
            for one in running:
                one.terminate()
                one.wait(20)


if __name__ == "__main__":
    main()
