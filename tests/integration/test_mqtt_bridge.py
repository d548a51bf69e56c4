"""WebSocket clients and a real broker, with the gateway in between."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.processes import Gateway
from tests.support.gateway import wait_until
from tests.support.mosquitto import Mosquitto

pytestmark = [pytest.mark.integration, pytest.mark.needs("mosquitto")]

CONFIG = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
listeners:
  - {name: edge, address: "127.0.0.1:$port"}
routes:
  - path: /devices/{id}
    websocket: {}
    adapter:
      mqtt:
        broker: BROKER
        publish: devices/{id}/up
        subscribe: ["devices/{id}/down"]
        will: {topic: "devices/{id}/state", payload: gone}
  - path: /watch
    adapter: {mqtt: {broker: BROKER, version: 3.1.1, connections: shared, subscribe: ["devices/+/#"], allow: ["devices/#"]}}
  - path: /ask/{id}
    adapter: {mqtt: {broker: BROKER, publish: "ask/{id}", subscribe: ["ask/{id}/answer"]}}
  - path: /model
    methods: [POST]
    reply: {json: {answer: 42}}
  - path: /nowhere
    adapter: {mqtt: {broker: "mqtt://127.0.0.1:1", publish: a}}
mqtt:
  models: {broker: BROKER, topic: "ask/{id}", path: /model, reply_to: ["ask/{id}/#"]}
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    found = Mosquitto(tmp_path)
    yield found
    found.stop()


def heard(client: ClientConnection) -> Any:
    return json.loads(client.recv(10))


def test_devices_pages_and_a_broker_that_is_killed(gateway: Gateway, broker: Mosquitto) -> None:
    running = gateway(CONFIG.replace("BROKER", broker.url))
    # both workers ask for requests
    wait_until(lambda: running.admin("/status")["mqtt"].get("connections_open") == 2)
    base = running.base_url.replace("http", "ws")
    with connect(f"{base}/watch") as watch, connect(f"{base}/devices/7") as device:
        device.send(json.dumps({"id": 1, "payload": {"t": 21.5}}))
        assert heard(device) == {"ack": 1}
        assert heard(watch) == {"topic": "devices/7/up", "payload": '{"t":21.5}', "qos": 1}
        watch.send(json.dumps({"id": "a", "topic": "devices/7/down", "payload": "on"}))
        assert {json.dumps(heard(watch)) for _ in range(2)} >= {'{"ack": "a"}'}
        assert heard(device) == {"topic": "devices/7/down", "payload": "on", "qos": 1}

        listening = HTTPConnection("127.0.0.1", running.port, timeout=10)
        listening.request("GET", "/devices/7", headers={"accept": "text/event-stream"})
        events = listening.getresponse()
        assert (events.status, events.readline(), events.readline()) == (200, b":\n", b"\n")
        posting = HTTPConnection("127.0.0.1", running.port, timeout=10)
        posting.request("POST", "/devices/7", b"posted")
        assert posting.getresponse().status == 202
        assert heard(watch)["payload"] == "posted"
        watch.send(json.dumps({"topic": "devices/7/down", "payload": "off"}))
        assert heard(device)["payload"] == "off"
        assert events.readline().startswith(b"id: ") and b'"payload":"off"' in events.readline()
        assert heard(watch)["payload"] == "off"
        listening.close()
        posting.close()

        with connect(f"{base}/ask/5") as asking:
            asking.send(json.dumps({"payload": {"q": 6}, "response_topic": "ask/5/answer", "correlation": "AQ=="}))
            found = heard(asking)
            assert (found["payload"], found["correlation"], found["qos"]) == ('{"answer":42}', "AQ==", 1)
            assert found["content_type"] == "application/json" and found["properties"]["status"] == "200"

        broker.stop(is_killed=True)
        wait_until(lambda: running.admin("/status")["mqtt"]["failures"]["lost"] == 6)
        device.send(json.dumps({"id": 2, "payload": "while nobody was there"}))
        broker.start()
        assert heard(device) == {"ack": 2}
        mqtt = running.admin("/status")["mqtt"]["messages"]
        assert mqtt["published"] == mqtt["acknowledged"] >= 7 and mqtt["rejected"] == 0
        watch.send(json.dumps({"id": "b", "topic": "devices/0/x"}))
        while heard(watch) != {"ack": "b"}:  # behind its subscription
            pass

        with connect(f"{base}/devices/9") as other:
            other.send(json.dumps({"id": 1}))
            assert heard(other) == {"ack": 1}
            other.socket.shutdown(socket.SHUT_RDWR)
        topics = [""]
        while topics[-1] != "devices/9/state":
            topics.append(heard(watch)["topic"])
        assert "devices/9/up" in topics
    with connect(f"{base}/nowhere") as lost, pytest.raises(ConnectionClosed) as caught:
        lost.recv(10)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1013, "the broker cannot be reached")
    assert "a broker cannot be used" in running.read_log()
