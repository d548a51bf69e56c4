"""Services in Python in real workers: where each runs, a reload that swaps one, and the end of all of them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.processes import Gateway, reload
from tests.support.gateway import wait_until

pytestmark = pytest.mark.integration

CODE = """
import asyncio, os
from dataclasses import dataclass
from pathlib import Path

@dataclass
class Settings:
    word: str

class Hello:
    name = "hello"
    Settings = Settings

    def __init__(self, settings):
        self.word = settings.word

    async def execute(self, input):
        if "until" in input:
            Path(input["until"] + ".begun").touch()
            while not Path(input["until"]).exists():
                await asyncio.sleep(0.01)
        return {"word": self.word}

    async def aclose(self):
        Path(__file__).with_name(f"closed-{self.word}").touch()

class Own:
    name = "own"

    def execute(self, input):
        yield {"pid": os.getpid()}
"""
CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes:
  - {path: /hello, service: hello}
  - {path: /own, service: own}
services:
  hello: {python: "some_services:Hello", settings: {word: one}}
  own: {python: "some_services:Own", run: process}
"""


def test_services_in_a_worker(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"  # of the configuration: code is found beside it
    folder.mkdir()
    (folder / "some_services.py").write_text(CODE)
    running = gateway(CONFIG)
    url = running.base_url
    assert requests.post(f"{url}/hello", json={}, timeout=10).json() == {"word": "one"}
    assert requests.post(f"{url}/hello", json=[], timeout=10).status_code == 422
    answer = requests.get(f"{url}/own", timeout=10)
    child = int(answer.text.partition('"pid":')[2].partition("}")[0])
    assert answer.headers["content-type"] == "text/event-stream" and Path(f"/proc/{child}").exists()

    found: list[object] = []
    last = threading.Thread(
        target=lambda: found.append(
            requests.post(f"{url}/hello", json={"until": str(tmp_path / "go")}, timeout=20).json()
        )
    )
    last.start()
    wait_until(lambda: (tmp_path / "go.begun").exists())
    reload(running, CONFIG.replace("word: one", "word: two"))
    assert requests.post(f"{url}/hello", json={}, timeout=10).json() == {"word": "two"}
    assert not (folder / "closed-one").exists()  # it has a call yet
    (tmp_path / "go").touch()
    last.join()
    assert found == [{"word": "one"}]
    wait_until(lambda: (folder / "closed-one").exists())
    assert (
        int(requests.get(f"{url}/own", timeout=10).text.partition('"pid":')[2].partition("}")[0]) == child
    )  # it stayed

    reload(running, CONFIG.replace("word: one", "level: 3"))
    assert (
        "services.hello.python: the settings are none of Hello: ValueError: there is no 'level'" in running.read_log()
    )
    assert requests.post(f"{url}/hello", json={}, timeout=10).json() == {"word": "two"}

    assert running.stop() == 0
    assert (folder / "closed-two").exists()
    wait_until(lambda: not Path(f"/proc/{child}").exists())


def test_new_code_comes_in_by_new_workers(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    code = folder / "some_services.py"
    code.write_text(CODE)
    running = gateway(CONFIG.replace("workers: 1", "workers: 2"))
    url = running.base_url
    old = {one["pid"] for one in running.admin("/status")["workers"]}
    found: list[object] = []

    def hold() -> None:
        body = {"until": str(tmp_path / "go")}
        found.append(requests.post(f"{url}/hello", json=body, timeout=20).json())

    held = threading.Thread(target=hold)
    held.start()
    wait_until(lambda: (tmp_path / "go.begun").exists())

    code.write_text(CODE.replace('{"word": self.word}', '{"new": self.word}'))
    reload(running, CONFIG.replace("workers: 1", "workers: 2").replace("word: one", "word: two"))
    assert [requests.post(f"{url}/hello", json={}, timeout=10).json() for _ in range(4)] == [{"new": "two"}] * 4
    new = {one["pid"] for one in running.admin("/status")["workers"]}
    assert len(new) == 2 and not new & old
    (tmp_path / "go").touch()
    held.join()
    assert found == [{"word": "one"}]  # of the old code, to its end

    code.write_text("half written")
    reload(running, CONFIG.replace("workers: 1", "workers: 2"))
    assert "the module 'some_services' cannot be imported" in running.read_log()
    assert requests.post(f"{url}/hello", json={}, timeout=10).json() == {"new": "two"}
    assert {one["pid"] for one in running.admin("/status")["workers"]} == new
    assert running.stop() == 0


ASGI = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /*, service: sockets}]
services: {sockets: {asgi: "some_sockets:app"}}
"""
SOCKETS = """
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        raise RuntimeError("WebSockets only")
    await receive()
    if scope["path"] != "/echo":
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "end":
            return await send({"type": "websocket.close", "code": 4000, "reason": "as asked"})
        await send({**message, "type": "websocket.send"})
"""


def test_websockets_of_an_asgi_application(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    (folder / "some_sockets.py").write_text(SOCKETS)
    running = gateway(ASGI)
    address = running.base_url.replace("http", "ws")
    with connect(f"{address}/echo", max_size=None, subprotocols=["chat"]) as peer:  # type: ignore[list-item]
        assert peer.subprotocol == "chat"
        for message in ("hello", "", "ä" * 70_000, b"\x00\xff", bytes(range(256)) * 4096):
            peer.send(message)
            assert peer.recv(timeout=20) == message
        assert peer.ping().wait(10)
        peer.send(["in ", "parts"])
        assert peer.recv(timeout=20) == "in parts"
        peer.send("end")
        with pytest.raises(ConnectionClosed):
            peer.recv(timeout=20)
    assert (peer.close_code, peer.close_reason) == (4000, "as asked")
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{address}/other")
    with connect(f"{address}/echo") as peer:
        peer.send(b"x" * (1024 * 1024 + 1))
        with pytest.raises(ConnectionClosed):
            peer.recv(timeout=20)
    assert peer.close_code == 1009
