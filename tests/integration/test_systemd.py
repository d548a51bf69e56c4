"""What systemd and a gateway say to each other: sockets that it hands over, and how we are (``sd_notify``)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, ask, connect, events, get, reload, say
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.ports import free_port

pytestmark = pytest.mark.integration

MANAGER = "systemd-socket-activate"  #: the real one: it binds, waits for the first client, and becomes the gateway


class Activated(GatewayProcess):
    """A gateway that is started by the first connection to one of ``places``."""

    def __init__(self, text: str, folder: Path, *, places: list[str], names: str = "", **options: int) -> None:
        self._places = places
        self._names = names
        super().__init__(text, folder, **options)

    def command(self) -> list[str]:
        """The manager in front: it passes only the variables that it is told."""
        kept = [f"--setenv={name}={os.environ[name]}" for name in ("FASTGW_PURE",) if name in os.environ]
        kept.append(f"--setenv=PYTHONPATH={Path(__file__).parents[2]}")
        listen = [f"--listen={place}" for place in self._places]
        names = [f"--fdname={self._names}"] if self._names else []
        return [MANAGER, *kept, *listen, *names, *super().command()]


@pytest.mark.needs(MANAGER)
class TestActivation:
    def test_every_worker_accepts_on_the_one_socket(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        """Over reloads too, in which the listener goes and comes back, and with no descriptor more than before."""
        port = free_port()
        text = simple_config(service(say(b"hi")).address, workers=2)
        running = start(gateway, text, [f"127.0.0.1:{port}"], port=port)
        kept = [connect(port) for _ in range(40)]
        assert {ask(sock)[-2:] for sock in kept} == {b"hi"}
        # One socket, and it is the one that systemd made: a second one could not be bound beside it.
        assert len(listening(port)) == 1
        workers = [worker["pid"] for worker in running.admin("/status")["workers"]]
        for pid in workers:
            wait_until(lambda pid=pid: listening(port) <= sockets_of(pid))
            assert not {b"LISTEN_FDS", b"LISTEN_PID"} & variables(pid)
        reload(running, text.replace("workers: 2", "workers: 3"))
        assert {ask(sock)[-2:] for sock in kept} == {b"hi"}
        os.kill(workers[0], signal.SIGKILL)
        wait_until(lambda: all(one["state"] == "ready" for one in running.admin("/status")["workers"]))
        reload(running, text)
        assert get(port).endswith(b"hi") and len(listening(port)) == 1
        for sock in kept:
            sock.close()

    def test_a_listener_that_loses_its_address_keeps_the_old_file(self, gateway: Gateway, service: Service) -> None:
        port, other = free_port(), free_port()
        text = simple_config(service(say(b"hi")).address)
        running = start(gateway, text, [f"127.0.0.1:{port}"], port=port)
        reload(running, text.replace("$port", str(other)))
        (line,) = events(running, "the new configuration is refused, the old one stays")
        assert f"descriptor 3 (127.0.0.1:{port})" in line["problems"][0]
        assert get(port).endswith(b"hi")

    def test_by_name_and_a_unix_socket(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        """Listener and admin address are where systemd says, and who leaves does not take the file along."""
        port, admin, path = free_port(), free_port(), str(tmp_path / "edge.sock")
        text = simple_config(service(say(b"hi")).address, workers=2).replace(
            "routes:", f'  - {{name: inside, address: "unix:{path}"}}\nroutes:'
        )
        places = [f"127.0.0.1:{port}", f"127.0.0.1:{admin}", path]
        # The file says other ports (of its template), and the names of the sockets are stronger.
        running = start(gateway, text, places, names="edge:admin:inside", wake=port, admin_port=admin)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            assert ask(client).endswith(b"hi")
        assert get(port).endswith(b"hi")
        assert [one["bound"] for one in running.admin("/status")["listeners"]] == [
            [f"127.0.0.1:{port}"],
            [f"unix:{path}"],
        ]
        assert running.stop() == 0 and Path(path).exists()

    def test_a_socket_for_nobody_ends_the_start(self, gateway: Gateway, service: Service) -> None:
        port = free_port()
        text = simple_config(service(say(b"hi")).address)
        running = start(gateway, text, [f"127.0.0.1:{port}"], names="edgy", is_ready=False)
        assert running.wait(15) == 1
        assert f"descriptor 3 (edgy, 127.0.0.1:{port}) of the service manager is for nobody" in running.read_log()


class TestNotify:
    def test_each_step_is_told_in_its_order_and_that_the_loop_turns(
        self, gateway: Gateway, service: Service, tmp_path: Path
    ) -> None:
        text = simple_config(service().address, workers=2)
        with manager(tmp_path / "notify") as told:
            running = gateway(text, environment={"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "200000"})
            pings = until(told, "READY=1", "STATUS=fastgw ")
            for pid in (worker["pid"] for worker in running.admin("/status")["workers"]):
                assert not {b"NOTIFY_SOCKET", b"WATCHDOG_USEC"} & variables(pid)
            running.signal(signal.SIGHUP)
            pings += until(told, "RELOADING=1", "MONOTONIC_USEC=")
            pings += until(told, "READY=1", "STATUS=generation 2")
            running.write_config(text.replace("routes:", "rutes:"))
            running.signal(signal.SIGHUP)
            pings += until(told, "RELOADING=1", "MONOTONIC_USEC=")
            pings += until(told, "READY=1", "STATUS=generation 2, since the last reload was refused: ")
            assert pings and told.recv(4096) == told.recv(4096) == b"WATCHDOG=1"  # for as long as nothing happens
            running.signal(signal.SIGTERM)
            until(told, "STOPPING=1", "STATUS=draining")
            assert running.wait() == 0

    def test_a_start_that_fails_says_why(self, gateway: Gateway, service: Service, tmp_path: Path) -> None:
        text = simple_config(service().address)
        running = gateway(text)
        with manager(tmp_path / "notify") as told:
            second = gateway(text, port=running.port, is_ready=False, environment={"NOTIFY_SOCKET": told.getsockname()})
            assert second.wait(15) == 1
            until(told, f"STATUS=not started: cannot listen on 127.0.0.1:{running.port}: ")

    def test_a_manager_that_is_not_there_hinders_nobody(self, gateway: Gateway, service: Service) -> None:
        running = gateway(simple_config(service(say(b"hi")).address), environment={"NOTIFY_SOCKET": "/no/such/socket"})
        assert get(running.port).endswith(b"hi")
        (line,) = events(running, "the service manager cannot be told that we are ready")
        assert line["socket"] == "/no/such/socket"


@contextlib.contextmanager
def manager(path: Path) -> Iterator[socket.socket]:
    """The socket at which systemd hears of its services."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(10)
        yield sock


def until(told: socket.socket, *lines: str) -> int:
    """What comes next begins its lines like ``lines``; return how many strokes of the watchdog came before."""
    strokes = 0
    while (datagram := told.recv(4096)) == b"WATCHDOG=1":
        strokes += 1
    found = datagram.decode().split("\n")
    assert len(found) == len(lines) and all(map(str.startswith, found, lines)), found
    return strokes


def variables(pid: int) -> set[bytes]:
    """The names of the environment of a process."""
    return {one.partition(b"=")[0] for one in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")}


HAND_OVER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Handed(GatewayProcess):
    """A gateway that gets the socket which it is told to pass, as systemd hands one over that it keeps itself."""

    def command(self) -> list[str]:
        """Descriptor 3 is the socket, and the process that has it is the gateway."""
        return [sys.executable, "-c", HAND_OVER, str(self._fd), *super().command()]

    def __init__(self, text: str, folder: Path, *, sock: socket.socket, port: int) -> None:
        self._fd = sock.fileno()
        super().__init__(text, folder, port=port, pass_fds=[self._fd], environment={"LISTEN_FDS": "1"})


def test_who_comes_while_there_is_no_gateway_is_answered_by_the_next_one(gateway: Gateway, service: Service) -> None:
    text = simple_config(service(say(b"hi")).address, workers=2)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as sock:
        port = sock.getsockname()[1]
        first = gateway(text, kind=Handed, sock=sock, port=port)
        assert get(port).endswith(b"hi")
        assert first.stop() == 0
        early = [connect(port) for _ in range(20)]
        gateway(text, kind=Handed, sock=sock, port=port)
        assert {ask(one)[-2:] for one in early} == {b"hi"}
        for one in early:
            one.close()


def start(
    gateway: Gateway,
    text: str,
    places: list[str],
    *,
    names: str = "",
    port: int = 0,
    wake: int = 0,
    admin_port: int = 0,
    is_ready: bool = True,
) -> GatewayProcess:
    """Start the manager, and be the client that it waits for; ``wake``: the port of that, if it is not ``port``."""
    running: GatewayProcess = gateway(
        text, is_ready=False, kind=Activated, places=places, names=names, port=port, admin_port=admin_port
    )
    number = wake or port or int(places[0].rpartition(":")[2])
    wait_until(lambda: listening(number))
    with connect(number) as first:
        if is_ready:
            running.wait_ready()
            assert ask(first).startswith(b"HTTP/1.1 200")  # it was in the queue before there was a gateway
    return running


def listening(port: int) -> set[int]:
    """The inodes of the sockets that listen on 127.0.0.1:``port``."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == f"0100007F:{port:04X}" and fields[3] == "0A":
            found.add(int(fields[9]))
    return found


def sockets_of(pid: int) -> set[int]:
    """The inodes of the sockets that a process has."""
    links = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    return {int(link[8:-1]) for link in links if link.startswith("socket:")}
