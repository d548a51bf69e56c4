"""``adapter`` of a route, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.bridge_settings import BrokerAddress, WillSettings
from fastgw.core.settings import UpstreamTls
from tests.unit.config.test_grpc import problems, route


def of(tmp_path: Path, keys: str, path: str = "/d/{id}") -> str:
    return problems(tmp_path, f"path: '{path}', adapter: {{mqtt: {{{keys}}}}}")


def test_a_route_that_leads_to_a_broker(tmp_path: Path) -> None:
    keys = "broker: mqtt://a.test, publish: 'd/{id}/up', subscribe: ['d/{id}/down']"
    found = route(tmp_path, f"path: '/d/{{id}}', adapter: {{mqtt: {{{keys}}}}}").adapter
    assert found is not None and found.brokers == (BrokerAddress(False, "a.test", 1883),)
    assert found.publish == (b"d/", "path.id", b"/up") and found.subscribe == ((b"d/", "path.id", b"/down"),)
    assert (found.version, found.qos, found.window, found.queue, found.messages) == (5, 1, 32, 64, "envelope")
    assert found.tls is found.will is None and found.client_id == ()


def test_its_other_keys(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hidden\n")
    keys = f"username: u, password_file: {secret}, version: 3.1.1, client_id: 'x-${{path.id}}', session_expiry: 1h, qos: 0, "
    keys += "broker: [mqtts://a.test, mqtt://b.test:9], allow: ['r/{claims.sub}/#'], keep_alive: 500ms, "
    keys += "will: {topic: 'd/{id}/gone', payload: bye, qos: 0, retain: true}, overflow: disconnect"
    found = route(tmp_path, f"path: '/d/{{id}}', adapter: {{mqtt: {{{keys}}}}}").adapter
    assert found is not None and found.tls == UpstreamTls("", "", True, "", "") and len(found.brokers) == 2
    assert (found.version, found.username, found.password, found.keep_alive) == (4, "u", "hidden", 1)
    assert found.client_id == (b"x-", "path.id") and found.session_expiry == 3600
    assert found.will == WillSettings((b"d/", "path.id", b"/gone"), b"bye", 0, True)
    assert found.allow == ((b"r/", "note.jwt.sub", b"/#"),)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("broker: mqtt://a", "mqtt: needs one of publish, allow and subscribe"),
        ("publish: a", "mqtt.broker: is required"),
        ("broker: [], publish: a", "mqtt.broker: is empty"),
        ("broker: mqtt://a, publish: 'a/{other}'", "mqtt.publish: the path of the route has no parameter 'other'"),
        ("broker: mqtt://a, publish: a, client_id: it", "mqtt.client_id: is the same for every client"),
        (
            "broker: mqtt://a, publish: a, connections: shared, client_id: '{id}'",
            "mqtt.client_id: has no effect with connections",
        ),
        (
            "broker: mqtt://a, publish: a, connections: shared, will: {topic: a}",
            "mqtt.will: has no effect with connections",
        ),
        ("broker: mqtt://a, publish: a, session_expiry: 1h", "mqtt.session_expiry: has no effect without client_id"),
        ("broker: mqtt://a, publish: a, ca: /dev/null", "mqtt.ca: has no effect without mqtts in broker"),
        ("broker: mqtts://a, publish: a, ca: /dev/null", "mqtt.ca: no PEM certificate"),
        ("broker: mqtts://a, publish: a, cert: /dev/null", "mqtt.cert: no PEM certificate"),
        ("broker: mqtt://a, publish: a, password: x", "mqtt.password: has no effect without username"),
        ("broker: mqtt://a, publish: a, username: u, password_file: /no/file", "/no/file cannot be read"),
        ("broker: mqtt://a, publish: a, username: u, password: x, password_file: /dev/null", "stands beside password"),
        ("broker: mqtt://a, publish: a, messages: raw, allow: ['a/#']", "mqtt.allow: has no effect with messages: raw"),
        ("broker: mqtt://a, publish: a, qos: 2", "mqtt.qos: expected"),
        ("broker: mqtt://a, publish: a, window: 61", "mqtt.window: expected"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, keys: str, problem: str) -> None:
    assert problem in of(tmp_path, keys)


def test_what_stands_beside_it(tmp_path: Path) -> None:
    mqtt = "adapter: {mqtt: {broker: mqtt://a, publish: a}}"
    assert "adapter: names nothing" in problems(tmp_path, "path: /*, adapter: {}")
    assert "stands beside service" in problems(tmp_path, f"path: /*, service: s, {mqtt}")
    assert "which is not among upgrades" in problems(tmp_path, f"path: /*, upgrades: [], {mqtt}")
    assert "adapter: " in problems(tmp_path, f"path: /*, cache: {{}}, {mqtt}")


def test_the_package_is_named_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.config.adapter.find_spec", lambda _: None)
    assert "needs the package gmqtt: pip install 'fastgw[mqtt]'" in of(tmp_path, "broker: mqtt://a, publish: a")
