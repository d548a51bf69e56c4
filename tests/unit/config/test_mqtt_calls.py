"""``mqtt``: requests that come by MQTT, as the file says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.core.bridge_settings import MqttCallSettings
from fastgw.errors import ConfigError

BASE = """listeners: [{{name: edge, address: "127.0.0.1:0"}}]
routes: [{{path: "/*", reply: {{}}}}]
mqtt: {{devices: {{{}}}}}
"""
GOOD = "broker: mqtt://a, topic: 'devices/{id}/ask', path: '/v1/{id}?a=b', reply: 'devices/{id}/answer'"


def read(folder: Path, keys: str) -> MqttCallSettings:
    path = folder / "fastgw.yaml"
    path.write_text(BASE.format(keys))
    (found,) = load(path, {}).mqtt
    return found


def problem(folder: Path, keys: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, keys)
    return str(caught.value)


def test_its_keys(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.topic == (b"devices", "id", b"ask") and found.path == (b"/v1/", "id", b"?a=b")
    assert (found.name, found.listener, found.share, found.method, found.concurrency) == (
        "devices",
        "edge",
        "fastgw",
        "POST",
        16,
    )
    assert (
        found.reply == (b"devices/", "id", b"/answer") and found.reply_to == () and found.link.max_message == 256 << 10
    )
    found = read(tmp_path, GOOD + ", reply_to: ['devices/{id}/#'], headers: [Authorization], share: '', listener: edge")
    assert found.reply_to == ((b"devices/", "id", b"/#"),) and found.headers == ("authorization",) and found.share == ""


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (GOOD + ", listener: other", "listener: no listener named 'other'"),
        ("broker: mqtt://a, topic: 'a/{id}', path: /", "needs reply or reply_to"),
        (GOOD.replace("/v1/{id}", "/v1/{other}"), "path: the topic has no level {other}"),
        (GOOD + ", reply_to: ['x/{other}']", "reply_to: the topic has no level {other}"),
        (GOOD + ", reply_to: ['x/{claims.sub}']", "reply_to: the topic has no level {note.jwt.sub}"),
        (GOOD.replace("devices/{id}/ask", "devices/x{id}/ask"), "whose levels are text or {name}"),
        (GOOD.replace("devices/{id}/ask", "devices/+/ask"), "whose levels are text or {name}"),
        (GOOD.replace("devices/{id}/ask", "{id}/{id}"), "has a name twice"),
        (GOOD.replace("devices/{id}/ask", ""), "is a filter that is empty"),
        (GOOD.replace("/v1", "v1"), "expected a path"),
        (GOOD.replace("/v1", "/v 1"), "expected a path"),
        (GOOD + ", share: a/b", "expected a name without"),
        (GOOD + ", host: 'a b'", "expected a host"),
        (GOOD + ", password: x", "has no effect without username"),
        (GOOD.replace("mqtt://a", "http://a"), "expected mqtt://"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, words: str) -> None:
    assert words in problem(tmp_path, keys)
