"""A new process takes the place of a running gateway: nothing is lost, and if it does not become ready nothing changes."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.asking import asked
from tests.integration.processes import Gateway, Service, ask, connect, events, get, say
from tests.integration.test_systemd import manager, until
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.upstream import Connection, Received

pytestmark = pytest.mark.integration

Upgrade = Callable[[GatewayProcess], dict[str, Any]]

WAITING = """
import os, sys, time
with open("waits", "w") as file:
    file.write(str(os.getpid()))
while not os.path.exists("go"):
    time.sleep(0.02)
sys.exit("only half of it is installed")
"""  #: code of a new release that never becomes ready


@pytest.fixture
def upgrade() -> Iterator[Upgrade]:
    """``upgrade(running)``: what ``fastgw upgrade`` is answered; the last process ends with the test."""
    pids: list[int] = []

    def run(running: GatewayProcess) -> dict[str, Any]:
        answer = asked(str(running.config), None, {"do": "upgrade"}, 60)
        assert answer is not None
        if answer["ok"]:
            pids.append(answer["pid"])
        return answer

    yield run
    for pid in pids:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit=20)


class Load:
    """Clients that ask all the time: over kept connections, and over a new one for each request."""

    def __init__(self, port: int) -> None:
        self.failed: list[str] = []
        self.answered = 0
        self._port = port
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=one) for one in [self._keep, self._renew] * 2]
        for thread in self._threads:
            thread.start()

    def _keep(self) -> None:
        sock: socket.socket | None = None
        while not self._is_over.is_set():
            sock = sock or connect(self._port)
            answer = self._ask(sock)
            if b"\r\nconnection: close" in answer.lower() or not answer:
                sock.close()
                sock = None
        if sock is not None:
            sock.close()

    def _renew(self) -> None:
        while not self._is_over.is_set():
            with connect(self._port) as sock:
                self._ask(sock)

    def _ask(self, sock: socket.socket) -> bytes:
        try:
            answer = ask(sock)
            assert answer.endswith(b"hi"), answer
        except (OSError, AssertionError) as error:
            self.failed.append(repr(error))
            return b""
        with self._lock:
            self.answered += 1
        return answer

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


def answers(done: threading.Event) -> Callable[[Received, Connection], None]:
    """A service that says hi, or, at /stream, an event after the other until the test is done with it."""
    hi = say(b"hi")

    def script(request: Received, connection: Connection) -> None:
        if request.target != b"/stream":
            hi(request, connection)
            return
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        number = 0
        while not done.wait(0.05):
            number += 1
            event = b"data: %d\n\n" % number
            connection.send(b"%x\r\n%s\r\n" % (len(event), event))
        connection.send(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    return script


def requests_of(running: GatewayProcess) -> int:
    route = running.admin("/status")["routes"]["/*"]
    assert route["started"] >= route["finished"]
    return int(route["finished"])


def test_nothing_is_lost_and_counters_go_on(
    gateway: Gateway, service: Service, upgrade: Upgrade, tmp_path: Path
) -> None:
    """Twice in a row, under load on kept and new connections, with streams that outlive the first one, and other numbers of workers."""
    done, path = threading.Event(), tmp_path / "edge"
    text = simple_config(service(answers(done)).address, workers=2).replace(
        "routes:", f'  - {{name: inside, address: "unix:{path}"}}\nroutes:'
    )
    running = gateway(text)
    file = path.stat().st_ino
    streams = [connect(running.port) for _ in range(4)]
    for stream in streams:
        stream.sendall(b"GET /stream HTTP/1.1\r\nhost: a\r\n\r\n")
        assert stream.recv(65536).startswith(b"HTTP/1.1 200 ")
    load = Load(running.port)
    try:
        running.write_config(text.replace("workers: 2", "workers: 3"))
        first = upgrade(running)
        assert first["ok"] and first["predecessor"] == running.pid and first["counters"] == "continued", first
        assert len(running.admin("/status")["workers"]) == 3 and running.generation() == 2
        before = requests_of(running)
        assert "still drains" in upgrade(running)["detail"]  # the first one, for its streams
        assert running.admin("/status")["upgrade"]["from"] == running.pid
        done.set()
        for stream in streams:
            assert read_to_end(stream).endswith(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        assert running.wait(15) == 0, running.read_log()
        wait_until(lambda: running.admin("/status")["upgrade"]["from"] is None)
        assert requests_of(running) >= before + 4
        running.write_config(text.replace("workers: 2", "workers: 1"))
        second = upgrade(running)
        assert second["ok"] and second["predecessor"] == first["pid"] and second["workers"] == 1, second
        wait_until(lambda: not Path(f"/proc/{first['pid']}").exists(), limit=15)
        goal = load.answered + 50
        wait_until(lambda: load.answered > goal or load.failed)
    finally:
        done.set()
        load.stop()
    assert not load.failed, load.failed[:5]
    wait_until(lambda: requests_of(running) == load.answered + 4)  # each is counted once, by whichever process
    status = running.admin("/status")
    assert status["connections"]["exchanges"] == 0 and status["reloads"] == {"ok": 0, "refused": 0, "went_back": 0}
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert ask(client).endswith(b"hi") and path.stat().st_ino == file
    os.kill(second["pid"], signal.SIGTERM)
    wait_until(lambda: not path.exists())


def read_to_end(sock: socket.socket) -> bytes:
    data = b""
    with sock:
        while more := sock.recv(65536):
            data += more
    return data


def test_what_does_not_become_ready_leaves_the_old_one(gateway: Gateway, service: Service, upgrade: Upgrade) -> None:
    """A file that is refused, a release that dies; while one is not ready neither another upgrade nor a reload is begun."""
    text = simple_config(service(say(b"hi")).address, workers=2)
    running = gateway(text)
    folder = running.config.parent
    running.write_config(text.replace("routes:", "rutes:"))
    answer = upgrade(running)
    assert answer["error"] == "failed" and "rutes: unknown key" in answer["detail"], answer
    (line,) = events(running, "the upgrade failed, this gateway goes on")
    assert "rutes: unknown key" in line["reason"]
    assert running.is_running() and get(running.port).endswith(b"hi")
    assert running.admin("/status")["upgrade"]["error"] == line["reason"]
    running.write_config(text)

    (folder / "fastgw").mkdir()
    (folder / "fastgw" / "__init__.py").write_text(WAITING)  # found first: the gateway was started there
    running.signal(signal.SIGUSR2)
    wait_until((folder / "waits").exists)
    assert "under way" in upgrade(running)["detail"]
    assert (asked(str(running.config), None, {"do": "reload"}) or {})["error"] == "upgrading"
    running.signal(signal.SIGHUP)
    (folder / "go").touch()
    _, line = wait_until(
        lambda: len(found := events(running, "the upgrade failed, this gateway goes on")) > 1 and found
    )
    assert line["reason"] == "the new process ended with status 1 before it was ready"
    assert line["output"] == ["only half of it is installed"]
    wait_until(lambda: running.admin("/status")["reloads"]["ok"] == 1)  # what SIGHUP asked for
    assert "only half of it is installed" in upgrade(running)["detail"]
    assert get(running.port).endswith(b"hi")

    (folder / "go").unlink()
    (folder / "waits").unlink()
    running.signal(signal.SIGUSR2)
    wait_until((folder / "waits").exists)
    began = time.monotonic()
    assert running.stop() == 0  # a stop meanwhile is a stop of both
    assert time.monotonic() - began < 10
    wait_until(lambda: not Path(f"/proc/{(folder / 'waits').read_text()}").exists())


def test_the_service_manager_is_told_of_the_main_process(
    gateway: Gateway, service: Service, upgrade: Upgrade, tmp_path: Path
) -> None:
    text = simple_config(service(say(b"hi")).address)
    with manager(tmp_path / "notify") as told:
        running = gateway(text, environment={"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "1600000"})
        until(told, "READY=1", "STATUS=fastgw ")
        answer = upgrade(running)
        until(told, f"MAINPID={answer['pid']}")  # before the new one says anything
        until(told, "READY=1", "STATUS=fastgw ")
        assert running.wait(15) == 0
        assert {told.recv(4096) for _ in range(2)} == {b"WATCHDOG=1"}  # the old one says nothing of its end
        os.kill(answer["pid"], signal.SIGTERM)
        until(told, "STOPPING=1", "STATUS=draining")
