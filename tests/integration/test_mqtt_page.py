"""Browsers on the page of ``examples/mqtt.yaml``: one publishes, the other sees it; and a broker that speaks TLS and asks who it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.processes import Gateway
from tests.support.certificates import Authority
from tests.support.mosquitto import Mosquitto
from tests.support.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.needs("mosquitto")]

ROOT = Path(__file__).resolve().parents[2]
NAME = "<img src=x onerror=alert(1)>"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    found = Mosquitto(tmp_path)
    yield found
    found.stop()


@pytest.mark.long
@pytest.mark.needs("chromium")
def test_a_browser_publishes_and_another_sees_it(gateway: Gateway, broker: Mosquitto) -> None:
    text = (ROOT / "examples" / "mqtt.yaml").read_text()
    text = text.replace("127.0.0.1:8080\n", "127.0.0.1:$port\n").replace("mqtt://127.0.0.1:1883", broker.url)
    text = text.replace("files: pages", f"files: {ROOT}/examples/pages")
    running = gateway(text + 'admin: {address: "127.0.0.1:$admin"}\n')
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        pages = [browser.new_page() for _ in range(2)]
        for page in pages:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("dialog", lambda dialog: complaints.append(dialog.message))
            page.goto(f"{running.base_url}/pages/messages.html")
            expect(page.get_by_role("status")).to_have_text("connected")
        said, heard = pages
        said.get_by_label("Message").fill(NAME)
        said.get_by_role("button", name="Publish").click()
        for page in pages:
            expect(page.locator("#said li")).to_have_text([NAME])
        expect(said.locator("#mine")).to_have_text("The broker has acknowledged message 1.")
        expect(heard.locator("#mine")).to_have_text("")
        browser.close()
    assert complaints == []


def test_a_broker_with_tls_that_asks_who_it_is(
    gateway: Gateway, tmp_path: Path, authority: Authority, pair: tuple[str, str]
) -> None:
    secure, users = free_port(), tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(users), "edge", "right"], check=True, capture_output=True)
    tls = (f"listener {secure} 127.0.0.1", f"certfile {pair[0]}", f"keyfile {pair[1]}")
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {users}", *tls)
    try:
        keys = f'broker: "mqtts://127.0.0.1:{secure}", username: edge, publish: a, ca: "{authority.ca}"'
        running = gateway(f"""
listeners: [{{address: "127.0.0.1:$port"}}]
admin: {{address: "127.0.0.1:$admin"}}
routes:
  - {{path: /right, adapter: {{mqtt: {{{keys}, password: right}}}}}}
  - {{path: /wrong, adapter: {{mqtt: {{{keys}, password: wrong}}}}}}
  - {{path: /old, adapter: {{mqtt: {{{keys}, password: wrong, version: 3.1.1}}}}}}
""")
        base = running.base_url.replace("http", "ws")
        with connect(f"{base}/right") as client:
            client.send('{"id": 1}')
            assert json.loads(client.recv(10)) == {"ack": 1}
        for path in ("wrong", "old"):
            with connect(f"{base}/{path}") as client, pytest.raises(ConnectionClosed) as caught:
                client.recv(10)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1011
            assert caught.value.rcvd.reason == "the broker refused the connection"
        log = running.read_log()
        assert "Not authorized (135)" in log and "not authorised (5)" in log and "right" not in log
    finally:
        broker.stop()
