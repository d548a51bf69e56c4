"""Where listeners are: names, both families, unix sockets with a mode and an owner."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
import requests

from tests.conftest import GatewayFactory, ServiceFactory
from tests.support.gateway import simple_config, wait_until

pytestmark = pytest.mark.integration


def test_a_listener_on_a_name_is_at_every_address_of_it(gateway: GatewayFactory, service: ServiceFactory) -> None:
    wanted = {str(one[4][0]) for one in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)}
    text = simple_config(service().address).replace('"127.0.0.1:$port"', '"localhost:$port"')
    assert "localhost:$port" in text
    running = gateway(text)
    for address in wanted:
        host = f"[{address}]" if ":" in address else address
        assert requests.get(f"http://{host}:{running.port}/", timeout=5).status_code == 200
        assert f"http://{host}:{running.port}" in running.read_log()
    (listener,) = running.admin("/status")["listeners"]
    assert listener["address"] == f"localhost:{running.port}"
    assert len(listener["bound"]) == len(wanted)


def test_one_socket_for_both_families_where_that_is_asked_for(gateway: GatewayFactory, service: ServiceFactory) -> None:
    text = simple_config(service().address, listener="ipv6_only: false").replace('"127.0.0.1:$port"', '"[::]:$port"')
    running = gateway(text)
    for host, client in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")):  # and not ::ffff:127.0.0.1
        fields = dict(requests.get(f"http://{host}:{running.port}/", timeout=5).json()["fields"])
        assert fields["x-forwarded-for"] == client


@pytest.mark.drop_in("owner")
def test_mode_and_owner_of_a_unix_socket_also_after_a_reload(
    gateway: GatewayFactory, service: ServiceFactory, tmp_path: Path
) -> None:
    path = tmp_path / "edge.sock"
    owner = "1234:4321" if os.getuid() == 0 else f"{os.getuid()}"
    first = simple_config(service().address, listener="mode: 0620").replace('"127.0.0.1:$port"', f'"unix:{path}"')
    running = gateway(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o620
    running.write_config(first.replace("mode: 0620", f"mode: 0666, owner: {owner}"))
    running.signal(signal.SIGHUP)
    wait_until(lambda: running.generation() == 2)
    found = path.stat()
    assert (stat.S_IMODE(found.st_mode), str(found.st_uid)) == (0o666, owner.partition(":")[0])
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert running.stop() == 0
    assert not path.exists()
