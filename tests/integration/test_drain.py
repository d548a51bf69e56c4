"""A drain with two workers: a time in which everything goes on, and streams that end complete."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.integration.processes import Gateway, Service, admin_status, ask, connect, get, say
from tests.support.gateway import simple_config, wait_until
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration


def test_a_lame_duck_serves_and_a_stream_ends_behind_an_event(gateway: Gateway, service: Service) -> None:
    hi = say(b"hi")

    def script(request: Received, connection: Connection) -> None:
        if request.target != b"/stream":
            hi(request, connection)
            return
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.send(b"9\r\ndata: 1\n\n\r\n")
        connection.wait_closed()

    shutdown = "shutdown: {lame_duck: 1500ms, grace: 300ms, stream_grace: 800ms}\n"
    running = gateway(simple_config(service(script).address, workers=2) + shutdown)
    stream, kept = connect(running.port), connect(running.port)
    stream.sendall(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
    data = stream.recv(65536)
    assert ask(kept).endswith(b"hi")
    victim = running.admin("/status")["workers"][0]["pid"]
    began = time.monotonic()
    running.signal(signal.SIGTERM)
    status, told = wait_until(lambda: (found := admin_status(running, "/readyz"))[0] == 503 and found)
    assert (status, told["reason"]) == (503, "draining")
    assert get(running.port).endswith(b"hi") and ask(kept).endswith(b"hi")  # as if nothing were
    assert victim in [one["pid"] for one in running.admin("/status")["workers"]]
    while more := stream.recv(65536):
        data += more
    assert data.endswith(b": the gateway is shutting down\n\n\r\n0\r\n\r\n"), data
    assert running.wait(15) == 0, running.read_log()
    assert time.monotonic() - began > 2.3
    assert not os.path.exists(f"/proc/{victim}")
    stream.close()
    kept.close()


def test_a_second_signal_hurries_a_lame_duck(gateway: Gateway, service: Service) -> None:
    running = gateway(simple_config(service().address) + "shutdown: {lame_duck: 60s}\n")
    running.signal(signal.SIGTERM)
    wait_until(lambda: admin_status(running, "/readyz")[0] == 503)
    began = time.monotonic()

    def hurried() -> bool:
        running.signal(signal.SIGTERM)
        return not running.is_running()

    wait_until(hurried)
    assert running.wait() == 0 and time.monotonic() - began < 10
