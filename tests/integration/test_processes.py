"""The processes: start, reload, drain, death, takeover, and what the admin address says meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer, canned, chunks, hold, response

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
RSS_LIMIT = 35 * 1024 * 1024


def say(word: bytes) -> Callable[..., None]:
    return canned(response(word))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ask(sock: socket.socket) -> bytes:
    """One request and its answer, on a connection that may be kept."""
    sock.sendall(REQUEST)
    return read_answer(sock)


def read_answer(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, f"the connection ended after {data!r}"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        more = sock.recv(65536)
        assert more, "the connection ended in the body"
        body += more
    return head + b"\r\n\r\n" + body


def get(port: int) -> bytes:
    with connect(port) as sock:
        return ask(sock)


def admin_status(running: GatewayProcess, path: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(running.admin_url + path, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def workers(running: GatewayProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.admin("/status")["workers"]
    return found


def reload(running: GatewayProcess, text: str) -> None:
    """Write ``text``, send SIGHUP, wait until it is in use or refused."""
    before = sum(running.admin("/status")["reloads"].values())
    running.write_config(text)
    running.signal(signal.SIGHUP)
    wait_until(lambda: sum(running.admin("/status")["reloads"].values()) > before, what="the reload is done")


def events(running: GatewayProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in running.read_log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


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

    def test_systemd_is_told(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        text = simple_config(service().address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.settimeout(10)
            running = gateway(text, environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
            first = manager.recv(4096)
            assert first.startswith(b"READY=1\nSTATUS=fastgw ")
            running.signal(signal.SIGHUP)
            assert manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(4096).startswith(b"READY=1\n")
            running.signal(signal.SIGTERM)
            assert manager.recv(4096).startswith(b"STOPPING=1\n")
            assert running.wait() == 0


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


class TestDrain:
    def test_what_is_under_way_is_finished(self, gateway: Gateway, service: Service) -> None:
        event = threading.Event()
        upstream = service(hold(event, say(b"late")))
        running = gateway(simple_config(upstream.address, workers=2))
        busy, idle = connect(running.port), connect(running.port)
        busy.sendall(REQUEST)
        wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
        running.signal(signal.SIGTERM)
        assert wait_until(lambda: admin_status(running, "/readyz")[0] == 503)
        assert admin_status(running, "/readyz") == (503, {"reason": "draining"})
        assert admin_status(running, "/livez")[0] == 200
        assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(running.port)
        event.set()
        answer = read_answer(busy)
        assert answer.endswith(b"late") and b"connection: close" in answer.lower()
        assert running.wait(5) == 0
        busy.close()
        idle.close()

    def test_the_grace_has_an_end(self, gateway: Gateway, service: Service) -> None:
        event = threading.Event()
        upstream = service(hold(event, say(b"never")))
        running = gateway(simple_config(upstream.address) + "shutdown: {grace: 500ms}\n")
        with connect(running.port) as busy:
            busy.sendall(REQUEST)
            wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
            began = time.monotonic()
            running.signal(signal.SIGTERM)
            assert running.wait(5) == 0
            assert 0.4 < time.monotonic() - began < 3
            assert busy.recv(100) == b""
        event.set()

    @pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
    def test_a_second_signal_does_not_wait(self, gateway: Gateway, service: Service, second: int) -> None:
        event = threading.Event()
        running = gateway(simple_config(service(hold(event)).address))
        with connect(running.port) as busy:
            busy.sendall(REQUEST)
            wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
            running.signal(signal.SIGTERM)
            wait_until(lambda: admin_status(running, "/readyz")[0] == 503)

            def send_and_look() -> bool:
                if running.is_running():
                    running.signal(second)
                return not running.is_running()

            wait_until(send_and_look, limit=5)
            assert running.wait() == 0
        event.set()

    def test_a_stream_goes_on(self, gateway: Gateway, service: Service) -> None:
        events = [threading.Event() for _ in range(3)]
        waiting = iter(events)
        upstream = service(chunks([b"one", b"two", b"three"], before_each=lambda one: one.wait(next(waiting))))
        running = gateway(simple_config(upstream.address))
        with connect(running.port) as sock:
            sock.sendall(REQUEST)
            data = b""
            for number, word in enumerate((b"one", b"two", b"three")):
                events[number].set()
                while word not in data:
                    data += sock.recv(65536)
                if not number:
                    running.signal(signal.SIGTERM)
                    wait_until(lambda: admin_status(running, "/readyz")[0] == 503)
            while not data.endswith(b"0\r\n\r\n"):
                data += sock.recv(65536)
        assert running.wait(5) == 0

    def test_connections_that_wait_are_served(self, gateway: Gateway, service: Service) -> None:
        """The worker is stopped, so that connections wait in the accept queue when the signal comes."""
        running = gateway(simple_config(service(say(b"hi")).address))
        (worker,) = workers(running)
        os.kill(worker["pid"], signal.SIGSTOP)
        waiting = [connect(running.port) for _ in range(20)]
        for sock in waiting:
            sock.sendall(REQUEST)
        running.signal(signal.SIGTERM)
        wait_until(lambda: admin_status(running, "/readyz")[0] == 503)
        os.kill(worker["pid"], signal.SIGCONT)
        for sock in waiting:
            assert read_answer(sock).endswith(b"hi")
            sock.close()
        assert running.wait(5) == 0

    def test_a_unix_socket_is_removed(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "gw.sock"
        text = simple_config(service(say(b"hi")).address, workers=2).replace("127.0.0.1:$port", f"unix:{path}")
        running = gateway(text)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(path))
            assert ask(sock).endswith(b"hi")
        running.signal(signal.SIGTERM)
        assert running.wait(5) == 0
        assert not path.exists()


class TestDeath:
    def test_a_killed_worker_refuses_nobody_and_is_back_within_a_second(
        self, gateway: Gateway, service: Service
    ) -> None:
        running = gateway(simple_config(service(say(b"hi")).address))
        assert get(running.port).endswith(b"hi")
        (worker,) = workers(running)
        began = time.monotonic()
        os.kill(worker["pid"], signal.SIGKILL)
        assert get(running.port).endswith(b"hi")  # connected while nobody was there to accept
        assert time.monotonic() - began < 1.0
        wait_until(lambda: workers(running)[0]["state"] == "ready")
        (again,) = workers(running)
        assert again["pid"] != worker["pid"] and again["restarts"] == 1
        status = running.admin("/status")
        assert status["routes"]["/*"]["started"] == 2  # the counters are still there
        (line,) = events(running, "a worker died and is started again")
        assert line["exited"] == worker["pid"] and line["signal"] == "SIGKILL"

    def test_what_it_took_with_it_is_counted(self, gateway: Gateway, service: Service) -> None:
        event = threading.Event()
        running = gateway(simple_config(service(hold(event)).address))
        with connect(running.port) as busy:
            busy.sendall(REQUEST)
            wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
            os.kill(workers(running)[0]["pid"], signal.SIGKILL)
            wait_until(lambda: workers(running)[0]["restarts"] == 1 and workers(running)[0]["state"] == "ready")
            status = running.admin("/status")
            assert status["connections"]["exchanges"] == status["connections"]["open"] == 0
            assert status["routes"]["/*"]["faults"]["internal"] == 1
            (endpoint,) = status["services"]["main"]["endpoints"].values()
            assert endpoint["active"] == 0
        event.set()

    def test_deaths_in_a_row_are_started_again_later_and_later(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service(say(b"hi")).address))
        for deaths in range(1, 5):
            pid = wait_until(lambda: (one := workers(running)[0])["state"] == "ready" and one["pid"])
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda count=deaths: len(events(running, "a worker died and is started again")) == count)
        delays = [line["delay"] for line in events(running, "a worker died and is started again")]
        assert delays == sorted(delays) and delays[-1] > 0
        assert get(running.port).endswith(b"hi")

    def test_the_admin_address_answers_without_workers(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service().address))
        pid = workers(running)[0]["pid"]
        for _ in range(4):  # until the next start is some time away
            os.kill(pid, signal.SIGKILL)
            gone = pid
            pid = wait_until(lambda old=gone: (one := workers(running)[0]["pid"]) != old and one)
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: admin_status(running, "/readyz")) in [
            (503, {"reason": "no_worker"}),
            (200, {"status": "ready"}),
        ]
        wait_until(lambda: workers(running)[0]["state"] == "dead")
        assert admin_status(running, "/readyz") == (503, {"reason": "no_worker"})
        assert admin_status(running, "/livez")[0] == 200
        assert 'fastgw_workers{state="dead"} 1.0' in running.admin("/metrics")

    def test_workers_do_not_outlive_the_supervisor(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service().address, workers=2))
        pids = [worker["pid"] for worker in workers(running)]
        running.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit=5)

    def test_sigterm_to_a_worker_drains_it_and_another_comes(self, gateway: Gateway, service: Service) -> None:
        event = threading.Event()
        running = gateway(simple_config(service(hold(event, say(b"late"))).address))
        (worker,) = workers(running)
        with connect(running.port) as busy:
            busy.sendall(REQUEST)
            wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
            os.kill(worker["pid"], signal.SIGTERM)
            event.set()
            assert read_answer(busy).endswith(b"late")
        wait_until(lambda: (one := workers(running)[0])["pid"] != worker["pid"] and one["state"] == "ready")
        assert get(running.port).endswith(b"late")


class TestTakeover:
    def test_the_second_instance_stops_the_first(self, gateway: Gateway, service: Service) -> None:
        text = simple_config(service(say(b"hi")).address, workers=2)
        first = gateway(text)
        second = gateway(
            text, port=first.port, admin_port=first.admin_port, environment=_upgrade(first), is_ready=False
        )
        assert first.wait(15) == 0, first.read_log()
        second.wait_ready()
        assert get(first.port).endswith(b"hi")
        assert second.generation() == 1

    def test_no_connection_is_lost(self, gateway: Gateway, service: Service) -> None:
        """Clients that connect anew for every request, all the time."""
        text = simple_config(service(say(b"hi")).address, workers=2)
        first = gateway(text)
        lost: list[str] = []
        count = 0
        is_over = threading.Event()

        def client() -> None:
            nonlocal count
            while not is_over.is_set():
                try:
                    assert get(first.port).endswith(b"hi")
                    count += 1
                except (OSError, AssertionError) as error:
                    lost.append(repr(error))

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            second = gateway(text, port=first.port, environment=_upgrade(first))
            assert first.wait(15) == 0, first.read_log()
            after = count
            wait_until(lambda: count > after + 100)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        assert not lost, lost[:5]
        assert second.is_running()

    def test_an_id_of_nobody_is_refused(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service().address), environment={"FASTGW_UPGRADE": "x"}, is_ready=False)
        assert running.wait(15) == 1
        assert "FASTGW_UPGRADE" in running.read_log()


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


def _upgrade(first: GatewayProcess) -> dict[str, str]:
    return {"FASTGW_UPGRADE": str(first.pid)}
