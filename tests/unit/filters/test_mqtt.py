"""The filter of clients of MQTT: what filters behind it see, and what the broker gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastgw.filters.api_key import ApiKeys
from fastgw.filters.key_file import ApiKey, digest_of, dump_keys
from fastgw.testing.edge import EPOCH, Spy, new_loop
from tests.support import mqtt
from tests.support.mqtt_edge import MqttStage


def seen(stage_options: dict[str, Any], connect: bytes, *, is_web: bool = False) -> tuple[list[Any], MqttStage]:
    found: list[Any] = []

    def look(exchange: Any) -> None:
        found.append(exchange.request.header(b"authorization"))
        found.append(dict(exchange.notes["mqtt"]))

    return found, MqttStage(connect, is_web=is_web, behind=(Spy("look", [], request=look),), **stage_options)


@pytest.mark.parametrize("is_web", [False, True])
def test_user_and_password_are_where_filters_look_for_them(is_web: bool) -> None:
    login = {"user": "dev", "password": b"secret"}
    found, stage = seen({}, mqtt.connect(**login), is_web=is_web)  # type: ignore[arg-type]
    assert found == [b"Basic ZGV2OnNlY3JldA==", {"client_id": "device-7", "version": "3.1.1", "user": "dev"}]
    stage.open().end()
    found, stage = seen({"login": "bearer"}, mqtt.connect(**login), is_web=is_web)  # type: ignore[arg-type]
    assert found[0] == b"Bearer secret"
    stage.open().end()
    found, stage = seen({}, mqtt.connect(user="dev"), is_web=is_web)
    assert found[0] is None
    stage.open().end()


def test_a_password_that_no_token_is() -> None:
    found, stage = seen({"login": "bearer"}, mqtt.connect(user="u", password=b"a\r\nx-admin: 1"))
    assert found == [] and stage.heard() == mqtt.connack(4)
    stage.end()


def test_a_broker_need_not_learn_the_password() -> None:
    _, stage = seen({"pass_login": False}, mqtt.connect(user="u", password=b"p", will=("w", b"x", 1)))
    stage.connect = mqtt.connect(will=("w", b"x", 1))
    stage.open().end()


def test_the_gateway_may_have_a_login_of_its_own() -> None:
    for said in ({}, {"user": "u", "password": b"p"}):
        _, stage = seen({"username": "gw", "password": "secret"}, mqtt.connect(**said))  # type: ignore[arg-type]
        stage.connect = mqtt.connect(user="gw", password=b"secret")
        stage.open().end()


def test_the_rate_is_one_of_each_client() -> None:
    stage = MqttStage(message_rate=(1, 60)).open()
    stage.say(mqtt.publish("a"), mqtt.publish("a"))
    assert stage.sent() == mqtt.publish("a") and stage.ended() == ["too_fast"]
    stage.end()


@pytest.mark.parametrize("is_web", [False, True])
def test_a_key_in_the_password_says_which_topics_are_whose(tmp_path: Path, is_web: bool) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(dump_keys([ApiKey("ann", digest_of(b"fgw_ann"))]))
    said = {"file": str(path), "key_from": ("authorization",), "realm": "", "header": "", "forward": False}
    keys = ApiKeys("keys", said | {"when_full": "refuse"}, lambda: EPOCH, lambda: 10**9)
    keys.start(new_loop())
    rules: dict[str, Any] = {
        "login": "bearer",
        "client_id": (("note.api_key", b"-*"),),
        "publish": ((b"of/", "note.api_key", b"/#"),),
    }

    def stage(client_id: str, password: bytes) -> MqttStage:
        connect = mqtt.connect(client_id, version=5, user="x", password=password)
        return MqttStage(connect, version=5, is_web=is_web, behind=(keys,), **rules)

    for client_id, password, code in (("ann-1", b"wrong", 0x86), ("bob-1", b"fgw_ann", 0x85)):
        found = stage(client_id, password)
        assert found.heard()[3] == code
        found.end()
    found = stage("ann-1", b"fgw_ann").open()
    right, wrong = (mqtt.publish(f"of/{name}/t", version=5) for name in ("ann", "bob"))
    found.say(right, wrong)
    assert found.sent() == right
    found.end()
