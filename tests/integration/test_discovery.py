"""Members that are listed elsewhere, in real processes: they come, go, and outlive their list."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.processes import Gateway, Service, connect, events, get, read_answer, reload, say
from tests.support.gateway import GatewayProcess, wait_until

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port"}}
routes:
  - {{path: "/*", service: vision}}
services:
  vision:
    {more}
    discovery: {{file: {{path: {path}, interval: 200ms}}{belief}}}
"""


def write(path: Path, *lines: str) -> None:
    """As one change, as whoever lists members should."""
    beside = path.with_name("beside")
    beside.write_text("".join(f"- {line}\n" for line in lines) or "[]")
    os.replace(beside, path)


def asked(running: GatewayProcess, count: int = 12) -> Counter[bytes]:
    return Counter(get(running.port).rpartition(b"\r\n")[2] for _ in range(count))


def vision(running: GatewayProcess) -> dict[str, Any]:
    found: dict[str, Any] = running.admin("/status")["services"]["vision"]
    return found


def test_members_of_a_list_come_and_go(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    one, two, three = (service(say(word)) for word in (b"one", b"two", b"three"))
    path = tmp_path / "members.yaml"
    write(path, one.address)
    text = CONFIG.format(path=path, more="", belief="")
    running = gateway(text)
    assert set(asked(running)) == {b"one"}

    write(path, one.address, f'{{address: "{two.address}", weight: 3, zone: a, version: "2"}}', "nonsense")
    wait_until(lambda: set(asked(running)) == {b"one", b"two"}, what="the second takes part")
    found = vision(running)
    assert set(found["endpoints"]) == {one.address, two.address}
    assert found["endpoints"][two.address]["metadata"] == {"version": "2"}
    [source] = found["discovery"]
    assert (source["state"], source["members"], source["skipped"]) == ("listed", 2, 1)
    assert len(events(running, "entries of a source are no members")) == 1

    write(path, two.address)
    wait_until(lambda: set(vision(running)["endpoints"]) == {two.address}, what="the first has left")
    assert set(asked(running)) == {b"two"}

    write(path)  # an accident
    wait_until(lambda: vision(running)["discovery"][0]["state"] == "doubted")
    path.unlink()
    wait_until(lambda: vision(running)["discovery"][0]["cause"] == "not_found", what="the list is gone")
    assert set(asked(running)) == {b"two"}

    reload(running, text.replace('{path: "/*"', '{path: "/*", timeout: 9s'))
    assert set(asked(running)) == {b"two"}  # a reload forgets nobody
    victim = running.admin("/status")["workers"][0]["pid"]
    os.kill(victim, 9)
    wait_until(lambda: victim not in [one["pid"] for one in running.admin("/status")["workers"]])
    assert set(asked(running)) == {b"two"}  # and a new worker knows them

    write(path, three.address)
    wait_until(lambda: set(vision(running)["endpoints"]) == {three.address}, what="the list is back, with another")
    assert set(asked(running)) == {b"three"}
    metrics = running.admin("/metrics")
    assert 'fastgw_discovery_members{service="vision",source="file"' in metrics
    assert "Traceback" not in running.read_log()


def test_a_request_waits_for_the_first_list(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    server = service(say(b"here"))
    path = tmp_path / "members.yaml"
    running = gateway(CONFIG.format(path=path, more="pool: {pending_timeout: 20s}", belief=""))
    with connect(running.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        write(path, server.address)
        assert read_answer(sock).endswith(b"here")
    assert "vision" in str(running.admin("/status")["services"])


def test_a_list_beside_endpoints(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    one, two = service(say(b"one")), service(say(b"two"))
    path = tmp_path / "members.yaml"
    write(path, f'{{address: "{two.address}", metadata: {{stage: canary}}}}')
    text = CONFIG.format(
        path=path, more=f'endpoints: ["{one.address}"]', belief=", where: {stage: live}, empty: believe"
    )
    running = gateway(text)
    assert set(asked(running)) == {b"one"}
    write(path, f'{{address: "{two.address}", metadata: {{stage: live}}}}')
    wait_until(lambda: set(asked(running)) == {b"one", b"two"})
    told = {address: found["listed_by"] for address, found in vision(running)["endpoints"].items()}
    assert told == {one.address: ["configuration"], two.address: ["file"]}
    write(path)
    wait_until(lambda: set(vision(running)["endpoints"]) == {one.address})
    assert set(asked(running)) == {b"one"}
