"""Devices that publish with QoS 1 through a tunnel, while a worker is killed, the gateway reloads, and the broker is restarted.

``python -m bench.mqtt.tunneled [--devices 200] [--seconds 40]``

Each device publishes one message a second, keeps what the broker has not acknowledged, and says it again when it is back (with DUP).  A
listener with a session that lasts hears the broker directly.  What was acknowledged and never comes there is lost: there must be none.
mosquitto acknowledges before it has written, so it is restarted with SIGTERM; what a broker forgets that is killed is its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.mqtt.conformance import accepts
from bench.scenarios.peers import free_port, wait_until
from fastgw.wire.mqtt_fields import CONNECT, PUBACK, PUBLISH, SUBSCRIBE, binary, packet_of
from fastgw.wire.mqtt_packets import V3, PacketScanner

CONFIG = """\
workers: 2
admin: false
admin_socket: false
listeners: [{{address: "127.0.0.1:{edge}", protocols: [mqtt]}}]
routes: [{{path: /mqtt, service: s, filters: [devices]}}]
filters: {{devices: {{type: mqtt, publish: ["up/${{note.mqtt.client_id}}"]}}}}
services:
  s: {{protocol: mqtt, endpoints: ["127.0.0.1:{broker}"], pool: {{max_connections: 5000}}, ejection: false}}
"""
BROKER = """\
listener {broker} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 1000
user root
"""


def connecting(client_id: str, *, is_clean: bool) -> bytes:
    """A CONNECT of 3.1.1, with a keep-alive of 30 s."""
    head = b"\0\4MQTT" + bytes((V3, 2 if is_clean else 0)) + b"\0\x1e"
    return packet_of(CONNECT << 4, head + binary(client_id.encode()))


def publish(topic: str, packet_id: int, payload: bytes, *, is_again: bool) -> bytes:
    """A message with QoS 1."""
    first = PUBLISH << 4 | 2 | (8 if is_again else 0)
    return packet_of(first, binary(topic.encode()) + packet_id.to_bytes(2, "big") + payload)


class Talk:
    """One connection: packets that come, as (type, body)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self._reader = reader
        self._scanner = PacketScanner(1 << 20, is_client=False, version=V3)
        self._packets: list[tuple[int, bytes]] = []

    async def hear(self) -> tuple[int, bytes]:
        """The next one; raises ConnectionError: there is none."""
        while not self._packets:
            data = await self._reader.read(1 << 16)
            if not data:
                raise ConnectionResetError("the other side has ended it")
            data, found = self._scanner.feed(data)
            self._packets += [(one.first >> 4, data[one.body : one.end]) for one in found]
        return self._packets.pop(0)


async def talk(port: int, client_id: str, *, is_clean: bool) -> Talk:
    """One that the broker has let in; raises OSError: nobody has."""
    found = Talk(*await asyncio.open_connection("127.0.0.1", port))
    found.writer.write(connecting(client_id, is_clean=is_clean))
    _, body = await found.hear()
    if body[1:2] != b"\0":
        found.writer.close()
        raise ConnectionRefusedError(f"the answer is {body!r}")
    return found


class Device:
    """One that publishes, whatever happens."""

    def __init__(self, name: str, port: int) -> None:
        self._name, self._port = name, port
        self.waiting: dict[int, bytes] = {}  #: what is not acknowledged, by packet id
        self.acknowledged: list[bytes] = []
        self.returns = -1
        self._number = 0

    async def run(self, until: float) -> None:
        """Until then, by the clock of the loop, and until all of it is acknowledged."""
        loop = asyncio.get_running_loop()
        while loop.time() < until or self.waiting:
            try:
                async with asyncio.timeout(10):
                    found = await talk(self._port, self._name, is_clean=True)
            except (OSError, TimeoutError):
                await asyncio.sleep(0.2)
                continue
            self.returns += 1
            hearing = asyncio.create_task(self._hear(found))
            try:
                for packet_id, payload in list(self.waiting.items()):
                    found.writer.write(publish(f"up/{self._name}", packet_id, payload, is_again=True))
                while not hearing.done() and (loop.time() < until or self.waiting):
                    if loop.time() < until:
                        self._say(found)
                    await asyncio.wait({hearing}, timeout=1 if loop.time() < until else 0.1)
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
                found.writer.close()

    def _say(self, found: Talk) -> None:
        self._number += 1
        payload = f"{self._name} {self._number} {time.time()}".encode()
        packet_id = self._number % 60000 + 1
        self.waiting[packet_id] = payload
        found.writer.write(publish(f"up/{self._name}", packet_id, payload, is_again=False))

    async def _hear(self, found: Talk) -> None:
        while True:
            kind, body = await found.hear()
            if kind == PUBACK:
                payload = self.waiting.pop(int.from_bytes(body[:2], "big"), None)
                if payload is not None:
                    self.acknowledged.append(payload)


class Listener:
    """Hears everything, by a session that outlives the broker's restart."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.heard: Counter[bytes] = Counter()
        self.took: list[float] = []  #: seconds of each that came for the first time

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                found = await talk(self._port, "listener", is_clean=False)
                found.writer.write(packet_of(SUBSCRIBE << 4 | 2, b"\0\1" + binary(b"up/#") + b"\1"))
                while True:
                    kind, body = await found.hear()
                    if kind == PUBLISH:
                        self._take(found, body)
            except OSError:
                await asyncio.sleep(0.1)

    def _take(self, found: Talk, body: bytes) -> None:
        at = 2 + int.from_bytes(body[:2], "big")
        payload = body[at + 2 :]
        if not self.heard[payload]:
            self.took.append(time.time() - float(payload.split()[2]))
        self.heard[payload] += 1
        found.writer.write(packet_of(PUBACK << 4, body[at : at + 2]))


class Stage:
    """Broker and gateway."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"edge": free_port(), "broker": free_port()}
        self._config, self._broker_config = folder / "gateway.yaml", folder / "mosquitto.conf"
        self._config.write_text(CONFIG.format(**self.ports))
        self._broker_config.write_text(BROKER.format(folder=folder, **self.ports))
        self.broker = self._start_broker()
        self.gateway = subprocess.Popen([sys.executable, "-m", "fastgw", "run", str(self._config)])
        if not all(wait_until(lambda port=port: accepts(port), 60) for port in self.ports.values()):
            self.end()
            raise RuntimeError("broker or gateway do not answer")

    def _start_broker(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["mosquitto", "-c", str(self._broker_config)], stderr=subprocess.DEVNULL)

    def kill_worker(self) -> None:
        """The first one, without a word."""
        children = Path(f"/proc/{self.gateway.pid}/task/{self.gateway.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def reload(self) -> None:
        """The same file again."""
        self.gateway.send_signal(signal.SIGHUP)

    def restart_broker(self) -> None:
        """It keeps what it has acknowledged."""
        self.broker.terminate()
        self.broker.wait(20)
        self.broker = self._start_broker()

    def end(self) -> None:
        """All of it."""
        for one in (self.gateway, self.broker):
            one.terminate()
            one.wait(30)


async def story(stage: Stage, count: int, seconds: float) -> int:
    """Let it happen, print what came of it; return how many messages are lost."""
    loop = asyncio.get_running_loop()
    listener = Listener(stage.ports["broker"])
    hearing = asyncio.create_task(listener.run())
    until = loop.time() + seconds
    devices = [Device(f"device-{number}", stage.ports["edge"]) for number in range(count)]
    running = [asyncio.create_task(one.run(until)) for one in devices]
    await asyncio.sleep(seconds / 4)
    undisturbed = sorted(listener.took)
    acts: list[Any] = [stage.kill_worker, stage.reload, stage.restart_broker]
    for act in acts:
        act()
        await asyncio.sleep(seconds / 4)
    await asyncio.gather(*running)
    await asyncio.sleep(2)
    hearing.cancel()
    said = [payload for one in devices for payload in one.acknowledged]
    lost = [payload for payload in said if not listener.heard[payload]]
    again = sum(listener.heard.values()) - len(listener.heard)
    print(
        f"{count} devices, {seconds:g} s: {len(said)} messages acknowledged, {len(lost)} of them lost, {again} heard twice"
    )
    print(f"{sum(one.returns for one in devices)} times one came back")
    if undisturbed:
        middle, most = statistics.median(undisturbed), undisturbed[int(len(undisturbed) * 0.99)]
        print(f"undisturbed: median {middle * 1e3:.1f} ms, p99 {most * 1e3:.1f} ms")
    return len(lost)


def main() -> int:
    """Start both, tell the story, end both; 1: something was lost."""
    parser = argparse.ArgumentParser(prog="tunneled", description="What devices lose while all sorts of things happen.")
    parser.add_argument("--devices", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40.0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        try:
            return int(asyncio.run(story(stage, chosen.devices, chosen.seconds)) > 0)
        finally:
            stage.end()


if __name__ == "__main__":
    sys.exit(main())
