"""The processes: start, reload, and what the admin address says meanwhile."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, ask, connect, events, get, reload, say, workers
from tests.support.gateway import simple_config, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

RSS_LIMIT = 35 * 1024 * 1024


class TestStart:
    def test_one_line_says_what_listens_where(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service().address, workers=2))
        line = wait_until(lambda: running.read_log())
        assert f"edge http://127.0.0.1:{running.port}" in line and f"admin {running.admin_url}" in line
        assert "2 workers, generation 1" in line and ("(pure)" in line or "(compiled)" in line)

    def test_workers_are_small_and_know_no_configuration_library(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service(say(b"hi")).address, workers=2))
        assert get(running.port).endswith(b"hi")
        for worker in workers(running):
            assert worker["rss"] <= RSS_LIMIT, worker
            maps = Path(f"/proc/{worker['pid']}/maps").read_text()
            assert "pydantic_core" not in maps and "/yaml/" not in maps

    def test_a_worker_imports_neither_pydantic_nor_yaml(self, python: str) -> None:
        code = (
            "import sys, fastgw.server.serving, fastgw.config.tls; "
            "print([m for m in sys.modules if m.split('.')[0] in "
            "('pydantic', 'pydantic_core', 'yaml', 'prometheus_client', 'h11', 'argparse')])"
        )
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout.strip() == "[]"

    def test_a_bad_file_is_told_line_by_line(self, gateway: Gateway) -> None:
        running = gateway("listeners: []\nrooutes: []\n", is_ready=False)
        assert running.wait(15) == 1
        log = running.read_log()
        assert "rooutes" in log and f"{running.config}:2" in log

    def test_a_taken_port_is_one_sentence(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service().address)
        first = gateway(text)
        second = gateway(text, port=first.port, is_ready=False)
        assert second.wait(15) == 1
        log = second.read_log().strip()
        assert f"127.0.0.1:{first.port}" in log and "taken" in log and len(log.splitlines()) == 1
        assert first.is_running()

    def test_a_taken_admin_port_too(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service().address)
        first = gateway(text)
        second = gateway(text, admin_port=first.admin_port, is_ready=False)
        assert second.wait(15) == 1
        assert f"127.0.0.1:{first.admin_port}" in second.read_log()

    @pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
    def test_a_signal_during_the_start_is_not_lost(self, gateway: Gateway, service: Service, number: int) -> None:
        running = gateway(simple_config(service().address), is_ready=False)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        wait_until(lambda: not running.is_running() or children.read_text())  # the supervisor's own code runs
        running.signal(number)
        if number == signal.SIGTERM:
            assert running.wait(15) == 0
        else:
            running.wait_ready()
            wait_until(lambda: running.generation() == 2)


class TestReload:
    def test_a_new_file_is_used_by_every_worker(self, gateway: Gateway, service: Service) -> None:
        old, new = service(say(b"old")), service(say(b"new"))
        running = gateway(simple_config(old.address, workers=2))
        kept = [connect(running.port) for _ in range(8)]
        assert {ask(sock)[-3:] for sock in kept} == {b"old"}
        reload(running, simple_config(new.address, workers=2))
        assert {ask(sock)[-3:] for sock in kept} == {b"new"}  # the same connections
        status = running.admin("/status")
        assert status["generation"] == 2 and status["last_reload"]["ok"]
        assert [worker["generation"] for worker in status["workers"]] == [2, 2]
        for sock in kept:
            sock.close()

    def test_a_bad_file_changes_nothing_and_the_log_says_why(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"old")).address)
        running = gateway(text)
        reload(running, text.replace("routes:", "rooutes:") + "also: wrong\n")
        assert get(running.port).endswith(b"old")
        (line,) = events(running, "the new configuration is refused, the old one stays")
        told = "\n".join(line["problems"])
        assert "rooutes" in told and "also" in told and f"{running.config}:" in told
        status = running.admin("/status")
        assert status["generation"] == 1 and not status["last_reload"]["ok"]
        assert "rooutes" in status["last_reload"]["error"]
        reload(running, text)
        assert running.admin("/status")["last_reload"]["ok"]

    def test_an_address_that_is_taken_refuses_the_whole_file(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"old")).address, workers=2)
        running = gateway(text)
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            reload(running, _with_listener(text, taken))
        status = running.admin("/status")
        assert not status["last_reload"]["ok"] and f"127.0.0.1:{taken}" in status["last_reload"]["error"]
        assert get(running.port).endswith(b"old") and len(status["listeners"]) == 1
        reload(running, _with_listener(text, taken))
        assert get(taken).endswith(b"old")

    def test_listeners_come_and_go(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"hi")).address, workers=2)
        running = gateway(text)
        port = free_port()
        reload(running, _with_listener(text, port))
        kept = connect(port)
        assert ask(kept).endswith(b"hi")
        assert len(running.admin("/status")["listeners"]) == 2
        reload(running, text)
        with pytest.raises(ConnectionRefusedError):
            connect(port)
        assert kept.recv(1) == b""  # idle, so it is closed
        kept.close()
        assert get(running.port).endswith(b"hi")

    def test_a_listener_changes_its_name(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"hi")).address, workers=2)
        running = gateway(text)
        with connect(running.port) as kept:
            assert ask(kept).endswith(b"hi")
            reload(running, text.replace("name: edge", "name: front"))
            assert get(running.port).endswith(b"hi")
            assert kept.recv(1) == b""  # it belonged to a listener that is gone
        assert running.admin("/status")["listeners"][0]["name"] == "front"

    def test_the_number_of_workers_follows(self, gateway: Gateway, service: Service) -> None:
        address = service(say(b"hi")).address
        running = gateway(simple_config(address, workers=1))
        assert get(running.port).endswith(b"hi")
        reload(running, simple_config(address, workers=3))
        wait_until(lambda: [one["state"] for one in workers(running)] == ["ready"] * 3)
        for _ in range(30):
            assert get(running.port).endswith(b"hi")
        pids = {one["pid"] for one in workers(running)}
        reload(running, simple_config(address, workers=1))
        (left,) = workers(running)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids - {left["pid"]}))
        for _ in range(10):
            assert get(running.port).endswith(b"hi")
        started = running.admin("/status")["routes"]["/*"]["started"]
        assert started == 41  # what the workers that left had counted is not lost
        reload(running, simple_config(address, workers=2))
        wait_until(lambda: [one["state"] for one in workers(running)] == ["ready"] * 2)

    def test_the_admin_address_moves(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service().address)
        running = gateway(text)
        old = running.admin_port
        running.admin_port = free_port()
        running.admin_url = f"http://127.0.0.1:{running.admin_port}"
        running.write_config(text)
        running.signal(signal.SIGHUP)
        running.wait_ready()
        assert running.admin("/status")["generation"] == 2

        def is_gone() -> bool:
            try:
                connect(old).close()
            except ConnectionRefusedError:
                return True
            return False

        wait_until(is_gone)

    def test_counters_survive(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"hi")).address)
        running = gateway(text)
        get(running.port)
        reload(running, text.replace('path: "/*"', 'name: other, path: "/x"'))
        assert "/*" not in running.admin("/status")["routes"]
        reload(running, text)
        assert running.admin("/status")["routes"]["/*"]["started"] == 1


def test_metrics_tell_the_same_as_status(gateway: Gateway, service: Service) -> None:
    running = gateway(simple_config(service(say(b"hi")).address, workers=2))
    for _ in range(20):
        get(running.port)
    page = wait_until(
        lambda: (
            'fastgw_responses_total{route="/*",status_class="2xx"} 20.0' in (page := running.admin("/metrics")) and page
        )
    )
    assert 'http_server_request_duration_seconds_count{http_route="/*"} 20.0' in page
    assert running.admin("/status")["routes"]["/*"]["status"]["2xx"] == 20


def _with_listener(text: str, port: int) -> str:
    return text.replace("routes:", f'  - {{name: more, address: "127.0.0.1:{port}"}}\nroutes:', 1)
