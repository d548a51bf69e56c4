"""What the specification of a listener asks for before HTTP."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.config.spec import ListenerSpec
from fastgw.core.net.handshake import ListenerContext
from fastgw.core.opening.opening import Terms
from fastgw.core.protocols import CLIENTS
from fastgw.server.terms import terms_of
from tests.support.certificates import Authority


def spec(folder: Path, options: str) -> ListenerSpec:
    file = folder / "gateway.yaml"
    file.write_text(f"""
listeners: [{{name: edge, address: "127.0.0.1:0", {options}}}]
routes: [{{path: "/", service: main}}]
services: {{main: {{endpoints: ["127.0.0.1:1"]}}}}
""")
    return load(file, {}).listeners[0]


def test_a_plain_listener_has_none(tmp_path: Path) -> None:
    assert terms_of(spec(tmp_path, "")) is None


def test_a_header_may_be_believed_from_some(tmp_path: Path) -> None:
    found = terms_of(spec(tmp_path, "proxy_protocol: true, proxy_protocol_from: [10.0.0.0/8, '::1']"))
    assert found == Terms(None, has_header=True, announcers=(ip_network("10.0.0.0/8"), ip_network("::1/128")))


def test_tls_has_a_context_or_an_error(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).pair("edge", "edge.test")
    listener = spec(tmp_path, f"tls: {{cert: {cert}, key: {key}}}")
    found = terms_of(listener)
    assert found is not None
    assert isinstance(found.context, ListenerContext)
    assert found.context.protocols == {name.encode() for name in CLIENTS} - {b"mqtt"}
    assert listener.settings.protocols == ("h2", "http/1.1")
    one = terms_of(spec(tmp_path, f"tls: {{cert: {cert}, key: {key}}}, protocols: [http/1.1]"))
    assert one is not None and isinstance(one.context, ListenerContext)
    assert one.context.protocols == {b"http/1.1", b"http/1.0"}
    devices = terms_of(spec(tmp_path, f"tls: {{cert: {cert}, key: {key}}}, protocols: [mqtt]"))
    assert devices is not None and isinstance(devices.context, ListenerContext)
    assert devices.context.protocols == {b"mqtt"}
    assert not found.has_header
    Path(key).unlink()
    with pytest.raises(OSError, match="No such file"):
        terms_of(listener)
