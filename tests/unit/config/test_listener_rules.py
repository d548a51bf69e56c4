"""What is wrong with listeners: each rule with the place and the words of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.listener_rules import spoken
from fastgw.config.schema import Listener
from tests.unit.config.conftest import write_pair
from tests.unit.config.files import MINIMAL, problems, with_listener

Pair = tuple[str, str]
SECOND_LISTENER = MINIMAL.replace("routes:", "  - {name: NAME, address: ADDRESS}\nroutes:")

CASES = [
    # where listeners are
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "'localhost:18080'"),
        "3:24: listeners[1].address: localhost:18080 takes 127.0.0.1:18080, which is that of listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "'localhost:9901'"),
        "3:24: listeners[1].address: localhost:9901 takes 127.0.0.1:9901, which is that of admin already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b")
        .replace("ADDRESS", "'[::]:80', ipv6_only: false")
        .replace("127.0.0.1:18080", "0.0.0.0:80"),
        "3:24: listeners[1].address: [::]:80 takes 0.0.0.0:80, which is that of listeners[0] already",
    ),
    (
        with_listener("ipv6_only: false"),
        "3:16: listeners[0].ipv6_only: has no effect with 127.0.0.1:18080: only [::] can take IPv4 too",
    ),
    (with_listener("mode: 0660"), "3:11: listeners[0].mode: has no effect with 127.0.0.1:18080: it is of unix sockets"),
    (
        with_listener("owner: root"),
        "3:12: listeners[0].owner: has no effect with 127.0.0.1:18080: it is of unix sockets",
    ),
    (MINIMAL + "admin: {address: 127.0.0.1:0, mode: 0660}", "7:37: admin.mode: has no effect with 127.0.0.1:0"),
    # listeners
    (
        SECOND_LISTENER.replace("NAME", "listener-1").replace("ADDRESS", "127.0.0.1:18081"),
        "3:12: listeners[1].name: the name 'listener-1' belongs to listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:18080"),
        "3:24: listeners[1].address: the address 127.0.0.1:18080 is that of listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:9901"),
        "3:24: listeners[1].address: the address 127.0.0.1:9901 is that of admin already",
    ),
    (
        with_listener("limits: {head_size: 4KiB}"),
        "3:5: listeners[0].limits: uri_length (8192) is more than head_size (4096)",
    ),
    (
        with_listener("proxy_protocol_from: [10.0.0.0/8]"),
        "3:5: listeners[0].proxy_protocol_from: has no effect without proxy_protocol: true",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule_has_its_message(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:0").replace("18080", "0"),
        "admin: false\n" + SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:9901"),
    ],
)
def test_what_is_allowed(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


def test_certificates_are_loaded(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair
    other = write_pair(tmp_path, "other")
    long = f"certificates: [{{cert: '{cert}', key: '{key}'}}]"
    assert problems(tmp_path, with_listener(f"tls: {{cert: '{cert}', key: '{key}'}}")) == []
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_auth: optional, client_ca: other.pem}}")) == []
    assert problems(tmp_path, with_listener(f"half_close: answer\ntls: {{cert: '{cert}', key: '{key}'}}")) == [
        "3:17: listeners[0].half_close: answer has no effect with tls: its end is the end of both sides"
    ]
    assert problems(tmp_path, with_listener("tls:\n  cert: no.pem\n  key: other.key")) == [
        f"4:13: listeners[0].tls.cert: {tmp_path / 'no.pem'} cannot be read: No such file or directory"
    ]
    assert problems(tmp_path, with_listener(f"tls:\n  certificates:\n    - {{cert: '{cert}', key: other.key}}")) == [
        f"5:{len(cert) + 27}: listeners[0].tls.certificates[0].key: the key in {other[1]} does not belong to the certificate"
    ]
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_auth: required}}"))[0].endswith(
        "listeners[0].tls.client_auth: required needs client_ca"
    )
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_ca: other.pem}}"))[0].endswith(
        "listeners[0].tls.client_ca: has no effect without client_auth: optional or required"
    )
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_ca: other.key, client_auth: required}}"))[
        0
    ].endswith(f"listeners[0].tls.client_ca: no PEM certificates in {other[1]}")


def test_http_1_is_always_spoken(tmp_path: Path) -> None:
    assert problems(tmp_path, with_listener("protocols: [http/1.1, h2]")) == []
    (problem,) = problems(tmp_path, with_listener("protocols: [h2]"))
    assert (
        problem == "3:5: listeners[0].protocols: http/1.1 must be there: a client that asks for nothing else speaks it"
    )
    (unknown,) = problems(tmp_path, with_listener("protocols: [http/1.1, h3]"))
    assert "http/1.1 or h2" in unknown or "h2" in unknown


def test_http2_is_spoken_by_default_where_clients_can_choose_it() -> None:
    assert spoken(Listener.model_validate({"address": "127.0.0.1:0"})) == {"protocols": ("http/1.1",)}
    secure = {"address": "127.0.0.1:0", "tls": {"certificates": [{"cert": "a.pem", "key": "a.key"}]}}
    assert spoken(Listener.model_validate(secure)) == {"protocols": ("h2", "http/1.1")}
    listed = {**secure, "protocols": ["http/1.1", "http/1.1"]}
    assert spoken(Listener.model_validate(listed)) == {"protocols": ("http/1.1",)}
