"""Devices that speak WebSocket to a broker: what each costs, and whether anything is lost that was acknowledged.

``python -m bench.mqtt.devices [--devices 200] [--messages 20000] [--seconds 40]``; needs mosquitto.  First a gateway of one worker: memory
of a client at rest, processor time of a message each way.  Then one of two: each device says a message a second (QoS 1) while the broker is
stopped and started, a worker is killed with -9, and the configuration is loaded again; a subscriber at the broker counts what has come.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gmqtt
import uvloop

from bench.scenarios.measure import usage
from bench.scenarios.peers import free_port, wait_until
from bench.websocket.devices import Device, devices, heard
from fastgw.wire.websocket_frames import TEXT, frame_of

CONFIG = """\
workers: {workers}
admin: false
admin_socket: {folder}/admin.socket
listeners: [{{address: "127.0.0.1:{edge}"}}]
routes:
  - {{path: "/up/{{id}}", adapter: {{mqtt: {{broker: "mqtt://127.0.0.1:{broker}", publish: "devices/{{id}}/up"}}}}}}
  - path: /both/{{id}}
    adapter: {{mqtt: {{broker: "mqtt://127.0.0.1:{broker}", publish: "both/{{id}}", subscribe: ["both/{{id}}"]}}}}
  - path: /shared/{{id}}
    adapter:
      mqtt:
        {{broker: "mqtt://127.0.0.1:{broker}", connections: shared, publish: "shared/{{id}}", subscribe: ["shared/{{id}}"]}}
"""
BROKER = """\
listener {broker} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 0
"""
MASK = b"\x01\x02\x03\x04"
AT_ONCE = 16  #: messages under way of one device
GRACE = 12.0  #: seconds for what is under way at the end


def said(number: int, device: int = 0) -> bytes:
    """A message of about 100 bytes as a frame."""
    payload = {"device": device, "number": number, "padding": "x" * 30}
    return frame_of(TEXT, json.dumps({"id": number, "payload": payload}).encode(), MASK)


async def at_rest(pid: int, port: int, path: str, count: int) -> float:
    """KiB of the worker for each of ``count`` clients that are connected, and have said and heard something."""
    before = usage(pid)
    found = [(await devices(port, f"{path}/{number}", 1))[0] for number in range(count)]
    for one in found:
        one.say(said(1))
    await heard(found, 2, 0.05)
    await asyncio.sleep(2)
    grown = usage(pid).grown_per(before, count)
    for one in found:
        one.close()
    await asyncio.sleep(2)
    return grown / 1024


async def per_message(pid: int, port: int, path: str, messages: int, hears: int) -> float:
    """Microseconds of processor time for each message that a client says, of which it hears ``hears`` words, its acknowledgement one."""
    found = [(await devices(port, f"{path}/{number}", 1))[0] for number in range(8)]
    done = asyncio.Event()
    total = [0]

    def again(device: Device) -> None:
        if device.heard % hears == 0:
            total[0] += 1
            if total[0] >= messages:
                done.set()
            else:
                device.say(said(total[0]))

    for one in found:
        one.on_heard = again
    before = usage(pid)
    for one in found:
        for number in range(AT_ONCE):
            one.say(said(number))
    await done.wait()
    spent = usage(pid).cpu - before.cpu
    for one in found:
        one.close()
    await asyncio.sleep(1)
    return spent / messages * 1e6


class Source:
    """A device that says a message a second, connects again when it must, and knows what was acknowledged."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.said = 0
        self.acknowledged: set[int] = set()
        self.connections = 0

    async def run(self, port: int, end: float) -> None:
        """Until ``end``, of the loop's clock; and then for what is under way yet."""
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            with contextlib.suppress(OSError, AssertionError):
                await self._connected(port, end)
            await asyncio.sleep(0.2)

    async def _connected(self, port: int, end: float) -> None:
        loop = asyncio.get_running_loop()
        _, device = await loop.create_connection(lambda: Telling(f"/up/{self.number}", self), "127.0.0.1", port)
        assert await asyncio.wait_for(device.opened, 5), "refused"
        self.connections += 1
        while loop.time() < end and not device.is_over:
            self.said += 1
            device.say(said(self.said, self.number))
            await asyncio.sleep(1)
        last = loop.time() + GRACE
        while not device.is_over and loop.time() < last and len(self.acknowledged) < self.said:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        device.close()


class Telling(Device):
    """A connection of a source."""

    def __init__(self, path: str, source: Source) -> None:
        Device.__init__(self, path)
        self._source = source
        self.is_over = False

    def data_received(self, data: bytes) -> None:
        """Acknowledgements; or a CLOSE."""
        if not self.opened.done():
            head, _, data = data.partition(b"\r\n\r\n")
            self.opened.set_result(head.startswith(b"HTTP/1.1 101"))
        for frame in self._reader.feed(data):
            if frame.opcode != TEXT:
                self.close()
                self.is_over = True
                return
            word = json.loads(frame.payload)
            if "ack" in word:
                self._source.acknowledged.add(word["ack"])

    def connection_lost(self, error: Exception | None) -> None:
        """The source connects again."""
        self.is_over = True
        if not self.opened.done():
            self.opened.set_result(False)


async def losses(
    gateway: subprocess.Popen[bytes], broker: Broker, port: int, count: int, seconds: float
) -> dict[str, Any]:
    """What was acknowledged to devices, and has not come to a subscriber of the broker, whatever has happened in between."""
    seen: set[tuple[int, int]] = set()
    copies = 0

    def on_message(_: Any, __: str, payload: bytes, *___: Any) -> None:
        nonlocal copies
        word = json.loads(payload)
        copies += 1
        seen.add((word["device"], word["number"]))

    logging.getLogger("gmqtt").setLevel(logging.CRITICAL)
    listener = gmqtt.Client("listener", clean_session=False, session_expiry_interval=3600)
    listener.on_message = on_message
    listener.on_connect = lambda client, *_: client.subscribe("devices/+/up", qos=1)
    listener.set_config({"reconnect_delay": 0.1, "reconnect_retries": -1})
    await listener.connect("127.0.0.1", broker.port)
    sources = [Source(number) for number in range(count)]
    end = asyncio.get_running_loop().time() + seconds
    running = [asyncio.ensure_future(one.run(port, end)) for one in sources]
    await asyncio.sleep(seconds / 5)
    broker.stop()
    await asyncio.sleep(1)
    broker.start()
    await asyncio.sleep(seconds / 5)
    os.kill(children(gateway.pid)[0], signal.SIGKILL)
    await asyncio.sleep(seconds / 5)
    gateway.send_signal(signal.SIGHUP)
    await asyncio.gather(*running)
    await asyncio.sleep(2)
    acknowledged = {(one.number, number) for one in sources for number in one.acknowledged}
    await listener.disconnect()
    return {
        "said": sum(one.said for one in sources),
        "acknowledged": len(acknowledged),
        "seen": len(seen),
        "twice": copies - len(seen),
        "lost": len(acknowledged - seen),
        "connections": sum(one.connections for one in sources),
    }


def accepts(port: int) -> bool:
    """Does anybody listen there?"""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def children(pid: int) -> list[int]:
    """Processes of a gateway."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Broker:
    """mosquitto, stopped so that it keeps what it has acknowledged."""

    def __init__(self, folder: str, port: int) -> None:
        self.port = port
        self._config = Path(folder) / "mosquitto.conf"
        self._config.write_text(BROKER.format(broker=port, folder=folder))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """On its port."""
        self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stderr=subprocess.DEVNULL)
        assert wait_until(lambda: accepts(self.port), 10)

    def stop(self) -> None:
        """As an operator does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)


@contextlib.contextmanager
def gateway(folder: str, broker: int, workers: int) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running one, and its port."""
    edge = free_port()
    config = Path(folder) / "gateway.yaml"
    config.write_text(CONFIG.format(workers=workers, edge=edge, broker=broker, folder=folder))
    process = subprocess.Popen([sys.executable, "-m", "fastgw", "run", str(config)])
    try:
        assert wait_until(lambda: accepts(edge), 30)
        yield process, edge
    finally:
        process.terminate()
        process.wait(40)


async def costs(pid: int, port: int, count: int, messages: int) -> None:
    """Print what a client, and a message, cost."""
    await per_message(pid, port, "/up", 500, 1)  # warm
    for path in ("/shared", "/both"):  # the smaller one first: what the other has had is not given back
        await per_message(pid, port, path, 500, 2)
        print(f"{path}: {await at_rest(pid, port, path, count):.1f} KiB of a client at rest, of {count}")
    up = await per_message(pid, port, "/up", messages, 1)
    print(f"{up:.1f} us of processor time a message that is published and acknowledged")
    for path in ("/both", "/shared"):
        print(f"{path}: {await per_message(pid, port, path, messages, 2):.1f} us one that is heard, too")


def main() -> None:
    """Start a broker and gateways, measure, end them."""
    parser = argparse.ArgumentParser(
        prog="devices", description="What a bridge to a broker of MQTT costs, and what it loses."
    )
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=40)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(folder, free_port())
        try:
            with gateway(folder, broker.port, 1) as (process, edge):
                uvloop.run(costs(children(process.pid)[0], edge, chosen.devices, chosen.messages))
            with gateway(folder, broker.port, 2) as (process, edge):
                began = time.monotonic()
                found = uvloop.run(losses(process, broker, edge, chosen.devices, chosen.seconds))
                print(json.dumps({**found, "seconds": round(time.monotonic() - began, 1)}))
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
