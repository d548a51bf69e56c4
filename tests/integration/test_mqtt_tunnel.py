"""Clients of MQTT over TCP, TLS and WebSocket, and a real broker, with the gateway in between."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from fastgw.wire.mqtt_packets import PacketScanner
from tests.integration.processes import Gateway
from tests.support import mqtt
from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port
from tests.support.tls import secure

pytestmark = [pytest.mark.integration, pytest.mark.needs("mosquitto", "mosquitto_pub", "mosquitto_sub")]

CONFIG = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
listeners:
  - {name: edge, address: "127.0.0.1:$port"}
  - {name: plain, address: "127.0.0.1:PLAIN", protocols: [mqtt]}
  - {name: secure, address: "127.0.0.1:SECURE", protocols: [mqtt], TLS}
routes:
  - {path: /mqtt, service: brokers, filters: [devices]}
filters:
  devices:
    type: mqtt
    drain_grace: 0
    publish: ["devices/${note.mqtt.client_id}/#", "all"]
    subscribe: ["devices/${note.mqtt.client_id}/#", "all"]
services:
  brokers: {protocol: mqtt, endpoints: ["127.0.0.1:BROKER"], retry: {attempts: 1}, ejection: false}
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    found = Mosquitto(tmp_path)
    yield found
    found.stop()


class Device:
    """A client that speaks by hand."""

    def __init__(self, sock: socket.socket, client_id: str) -> None:
        self.sock = sock
        self._scanner = PacketScanner(1 << 20, is_client=False)
        self._packets: list[bytes] = []
        self.say(mqtt.connect(client_id, version=5))
        assert self.hear()[:1] == b"\x20"

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def hear(self) -> bytes:
        """The next packet; empty: the connection is over."""
        while not self._packets:
            data = self.sock.recv(65536)
            if not data:
                return b""
            data, found = self._scanner.feed(data)
            self._packets += [data[one.start : one.end] for one in found]
        return self._packets.pop(0)


def counted(running: GatewayProcess, name: str, label: str) -> int:
    with urllib.request.urlopen(f"{running.admin_url}/metrics", timeout=5) as answer:
        found = re.search(rf'^{name}_total{{[a-z]+="{label}"}} (\d+)', answer.read().decode(), re.MULTILINE)
    return int(found[1]) if found else 0


def test_devices_and_a_broker_that_is_killed(
    gateway: Gateway, broker: Mosquitto, authority: Authority, pair: tuple[str, str]
) -> None:
    plain, tls = free_port(), free_port()
    text = CONFIG.replace("PLAIN", str(plain)).replace("SECURE", str(tls)).replace("TLS", secure(pair))
    running = gateway(text.replace("BROKER", str(broker.port)))
    log = subprocess.Popen(
        ["mosquitto_sub", "-V", "mqttv311", "-p", str(plain), "-i", "log", "-t", "all", "-q", "1", "-C", "2"],
        stdout=subprocess.PIPE,
    )
    wait_until(lambda: counted(running, "fastgw_mqtt_sent_packets", "suback") == 1, what="a subscriber")
    context = authority.client()
    context.set_alpn_protocols(["mqtt"])
    secured = context.wrap_socket(socket.create_connection(("127.0.0.1", tls), 10), server_hostname="edge.test")
    device = Device(secured, "7")
    device.say(mqtt.subscribe([("devices/7/#", 1), ("devices/#", 0)], packet_id=1, version=5))
    assert device.hear() == mqtt.suback([1, 0x87], packet_id=1, version=5)

    url = running.base_url.replace("http", "ws") + "/mqtt"
    with connect(url, subprotocols=["mqtt"], compression=None) as page:  # type: ignore[list-item]
        page.send(mqtt.connect("page") + mqtt.publish("all", b"page", qos=1))
        assert page.recv(10) == mqtt.connack()
        assert page.recv(10) == mqtt.acknowledgement(4, 1)
        page.send(mqtt.publish("devices/7/up"))
        with pytest.raises(Exception, match="1008"):  # 3.1.1 has no other words for it
            page.recv(10)
    device.say(
        mqtt.publish("devices/7/up", qos=1, version=5) + mqtt.publish("devices/8/up", qos=1, packet_id=2, version=5)
    )
    heard = {device.hear() for _ in range(3)}
    assert mqtt.acknowledgement(4, 1) in heard and mqtt.acknowledgement(4, 2, b"\x87") in heard
    program = ["mosquitto_pub", "-V", "mqttv311", "-p", str(plain), "-i", "other", "-q", "2", "-m", "program"]
    subprocess.run([*program, "-t", "all"], check=True, timeout=10)
    assert log.communicate(timeout=10)[0].split() == [b"page", b"program"]

    other = Device(socket.create_connection(("127.0.0.1", plain), 10), "7")
    assert device.hear()[0] == 0xE0, "another connection has its client id"
    assert device.hear() == b""

    broker.stop(is_killed=True)
    assert other.hear()[0] == 0xE0 and other.hear() == b""
    broker.start()
    back = Device(socket.create_connection(("127.0.0.1", plain), 10), "7")
    back.say(mqtt.publish("all", qos=1, version=5))
    assert back.hear()[:2] == mqtt.acknowledgement(4, 1, b"\x10")[:2]
    assert counted(running, "fastgw_mqtt_refused", "publish") == 2
    assert counted(running, "fastgw_mqtt_ends", "not_authorized") == 1
    assert counted(running, "fastgw_mqtt_ends", "broker") >= 2
    assert counted(running, "fastgw_mqtt_received_packets", "connect") == 6
    running.stop()
    assert back.hear()[2] == 0x8B
    for one in (device, other, back):
        one.sock.close()
