"""Which protocols are spoken."""

from __future__ import annotations

import pytest

from fastgw.core.http1.client import Http1Client
from fastgw.core.http1.pool import Http1Pool
from fastgw.core.http2.client import Http2Client
from fastgw.core.mqtt.client import MqttClient
from fastgw.core.protocols import CLIENTS, client_factory, make_client, make_pool, speak_http2
from fastgw.testing.edge import Edge


def test_clients_speak_http_1() -> None:
    edge = Edge()
    made = client_factory(edge.plane, "edge")()
    assert isinstance(made, Http1Client)
    assert made.listener is edge.plane.listeners["edge"]
    edge.end()


def test_what_a_client_chose_is_spoken_with_it() -> None:
    """Every name that is offered has its end; without one (RFC 7301 section 3.1) it is HTTP/1."""
    edge = Edge()
    edge.plane.speak_http2 = None
    listener = edge.plane.listeners["edge"]
    for protocol in (None, "http/1.1", "http/1.0"):
        made = make_client(edge.plane, listener, protocol)
        assert isinstance(made, Http1Client)
        assert made.listener is listener
    assert isinstance(make_client(edge.plane, listener, "h2"), Http2Client)
    assert list(CLIENTS) == ["h2", "http/1.1", "http/1.0", "mqtt"]
    assert edge.plane.speak_http2 is speak_http2
    with pytest.raises(KeyError):
        make_client(edge.plane, listener, "h3")
    edge.end()


def test_a_listener_of_mqtt_has_its_clients_alone() -> None:
    edge = Edge(listener={"protocols": ("mqtt",)})
    listener = edge.plane.listeners["edge"]
    assert isinstance(client_factory(edge.plane, "edge", listener.protocols)(), MqttClient)
    for protocol in (None, "mqtt"):
        assert isinstance(make_client(edge.plane, listener, protocol), MqttClient)
    edge.end()


def test_so_do_services() -> None:
    edge = Edge()
    assert isinstance(make_pool(edge.endpoints[0], edge.plane), Http1Pool)
    edge.end()
