"""The processes: drain, death, takeover."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.integration.processes import (
    REQUEST,
    Gateway,
    Service,
    admin_status,
    ask,
    connect,
    events,
    get,
    read_answer,
    say,
    workers,
)
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.upstream import chunks, hold

pytestmark = pytest.mark.integration


def import_seconds() -> float:
    """What a worker's imports cost on this machine, as busy as it is now."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import fastgw.server.serving"], check=True)
    return time.monotonic() - began


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
        assert running.wait(20) == 0
        busy.close()
        idle.close()

    def test_the_grace_has_an_end(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        event = threading.Event()
        upstream = service(hold(event, say(b"never")))
        log = tmp_path / "access.log"
        text = simple_config(upstream.address, listener="filters: [log]") + "shutdown: {grace: 500ms}\n"
        running = gateway(f'{text}filters: {{log: {{type: access_log, path: "{log}"}}}}\n')
        with connect(running.port) as busy:
            busy.sendall(REQUEST)
            wait_until(lambda: running.admin("/status")["connections"]["exchanges"] == 1)
            began = time.monotonic()
            running.signal(signal.SIGTERM)
            assert running.wait(20) == 0
            assert 0.4 < time.monotonic() - began < 15  # the usual grace is 30
            assert read_answer(busy).startswith(b"HTTP/1.1 503 ")
            assert busy.recv(100) == b""
        line = json.loads(log.read_text())
        assert (line["status"], line["error"], line["fault"]) == (503, "drained", "internal")  # the client has not left
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

            wait_until(send_and_look, limit=20)
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
        assert running.wait(20) == 0

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
        assert running.wait(20) == 0

    def test_a_unix_socket_is_removed(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "gw.sock"
        text = simple_config(service(say(b"hi")).address, workers=2).replace("127.0.0.1:$port", f"unix:{path}")
        running = gateway(text)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(path))
            assert ask(sock).endswith(b"hi")
        running.signal(signal.SIGTERM)
        assert running.wait(20) == 0
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
        took = time.monotonic() - began
        assert took < max(1.0, 4 * import_seconds())
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
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit=20)

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


def _upgrade(first: GatewayProcess) -> dict[str, str]:
    return {"FASTGW_UPGRADE": str(first.pid)}
