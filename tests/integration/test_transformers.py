"""The route of two transformers, word for word, in front of a service that looks for things in pictures."""

from __future__ import annotations

import base64
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, Service
from tests.support import pictures
from tests.support.photos import read
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PHOTO = (EXAMPLES / "samples" / "tray.jpg").read_bytes()
CONFIG = """\
listeners: [{address: "127.0.0.1:$port", filters: [request_id, vision]}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes:
  - {path: /detect, service: yolo, transformers: {input: image/base64-decoder, output: json/bbox-formatter}}
services:
  yolo: {endpoints: ["ADDRESS"]}
filters:
  vision: {type: rewrite, path: /vision/detect}
"""


@pytest.fixture
def vision() -> Iterator[str]:
    """The address of the example service."""
    command = [sys.executable, str(EXAMPLES / "services" / "vision.py"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        yield found[0]
        process.terminate()


def ask(port: int, body: bytes, **fields: str) -> tuple[int, dict[str, Any]]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("POST", "/detect", body, {"content-type": "application/json", **fields})
    answer = client.getresponse()
    found = answer.status, json.loads(answer.read())
    client.close()
    return found


def whole(connection: Connection) -> bytes | None:
    """The body of a request that comes in chunks; None: its last one does not come."""
    found = b""
    while line := connection.read_until(b"\r\n"):
        size = int(line, 16)
        found += connection.read_exactly(size + 2)[:-2]
        if not size:
            return found
    return None


def test_boxes_of_a_photo_come_back_normalized(gateway: Gateway, vision: str) -> None:
    running = gateway(CONFIG.replace("ADDRESS", vision))
    text = base64.b64encode(PHOTO).decode()
    for image in (text, f"data:image/jpeg;base64,{text}"):
        status, found = ask(running.port, json.dumps({"image": image, "threshold": 0.5}).encode())
        assert (status, found["unit"], found["image"]) == (200, "normalized", {"width": 640, "height": 420})
        assert len(found["boxes"]) == 6
        for box in found["boxes"]:
            assert 0 <= box["x1"] < box["x2"] <= 1 and 0 <= box["y1"] < box["y2"] <= 1
            assert box["label"] == "ellipse" and box["score"] > 0.9
    bomb = base64.b64encode(pictures.png(60_000, 60_000)).decode()
    status, told = ask(running.port, json.dumps({"image": bomb}).encode())
    assert (status, told["type"]) == (413, "urn:fastgw:error:image_too_large")


def test_a_large_image_arrives_whole_and_a_bad_one_never(gateway: Gateway, service: Service) -> None:
    images: list[bytes] = []

    def script(request: Received, connection: Connection) -> None:
        image = whole(connection)
        if image is None:
            return
        images.append(image)
        boxes = [{"name": "dog", "class": 16, "confidence": 0.9, "box": {"x1": 0, "y1": 0, "x2": 2000, "y2": 500}}]
        connection.send(response(json.dumps(boxes).encode(), fields=[("content-type", "application/json")]))

    running = gateway(CONFIG.replace("ADDRESS", service(script, reads_body=False).address))
    image = pictures.jpeg(4000, 1000) + bytes(range(256)) * 8000
    body = json.dumps({"image": base64.b64encode(image).decode()}).encode()
    status, found = ask(running.port, body)
    [box] = found["boxes"]
    assert (status, box["x2"], box["y2"], box["label"], box["class_id"]) == (200, 0.5, 0.5, "dog", 16)
    assert ask(running.port, body[:-1])[1]["type"] == "urn:fastgw:error:json_malformed"
    assert ask(running.port, body[:-3] + b'!"}')[1]["type"] == "urn:fastgw:error:base64_malformed"
    assert images == [image]


def test_a_photo_is_decoded_and_resized_in_a_thread(gateway: Gateway, service: Service) -> None:
    images: list[bytes] = []

    def script(request: Received, connection: Connection) -> None:
        images.append(request.body)
        connection.send(response(b"[]", fields=[("content-type", "application/json")]))

    resize = "[image/base64-decoder, {name: image/resize, width: 64, height: 64, inline_pixels: 0}]"
    config = CONFIG.replace("ADDRESS", service(script).address).replace(
        "input: image/base64-decoder", f"input: {resize}"
    )
    running = gateway(config)
    photo = json.dumps({"image": base64.b64encode(PHOTO).decode()}).encode()
    broken = json.dumps({"image": base64.b64encode(PHOTO[: len(PHOTO) // 2]).decode()}).encode()
    status, found = ask(running.port, photo)
    assert (status, found["image"]) == (200, {"width": 64, "height": 42})
    assert ask(running.port, broken)[1]["type"] == "urn:fastgw:error:image_malformed"
    assert ask(running.port, photo, expect="100-continue")[0] == 200
    assert [read(image).size for image in images] == [(64, 42)] * 2
