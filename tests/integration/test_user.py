"""``user:``: a gateway that root starts, and that gives root up when its addresses are bound."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.cli.asking import asked
from tests.integration.processes import events, get, reload, workers
from tests.support.certificates import Authority
from tests.support.descended import IS_POSSIBLE, USER, Descended, ids, own_folder
from tests.support.gateway import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not IS_POSSIBLE, reason="needs root, and a checkout that others may read"),
    pytest.mark.needs("unshare"),
]

TEXT = """
user: nobody
workers: $workers
admin: {address: "127.0.0.1:$admin"}
admin_socket: a.sock
state_file: state.json
listeners:
  - {name: low, address: "127.0.0.1:$port"}
  - {name: file, address: "unix:l.sock", mode: 0660}
filters:
  log: {type: access_log, path: access.log}
chain: [log]
routes:
  - {path: "/*", reply: {status: 200, text: here}}
"""


def low_port() -> int:
    """One that only root may bind; runs beside this one look from other places on."""
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    most = min(first, 1024) - 1
    begin = most - os.getpid() % 300
    for port in (*range(begin, 0, -1), *range(most, begin, -1)):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.skip("no port is for root alone here")


def text(count: int = 2, *more: str) -> str:
    return TEXT.replace("$workers", str(count)) + "\n".join(more)


@pytest.fixture
def folder() -> Iterator[Path]:
    with own_folder() as made:
        yield made


@pytest.fixture
def running(folder: Path) -> Iterator[Descended]:
    gateway = Descended(text(), folder, port=low_port())
    os.chown(gateway.config, 0, ids()[1])
    gateway.wait_ready()
    yield gateway
    gateway.stop()


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def is_nobody(pid: int) -> bool:
    """Is the process ``USER`` in every respect, with no way back?"""
    told, (uid, gid) = status_of(pid), ids()
    assert told["Uid"] == [str(uid)] * 4 and told["Gid"] == [str(gid)] * 4
    assert "0" not in told["Groups"] and told["NoNewPrivs"] == ["1"]
    assert [told[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [["0" * 16]] * 4
    return True


def gateways(running: Descended) -> list[int]:
    """Supervisor and workers."""
    return [running.pid, *(one["pid"] for one in workers(running))]


def test_all_that_a_gateway_does_is_done_without_root(running: Descended) -> None:
    assert all(map(is_nobody, gateways(running))) and get(running.port).endswith(b"here")
    (event,) = events(running, "root is given up")
    assert (event["name"], event["uid"]) == (USER, ids()[0])
    folder = running.config.parent
    log = folder / "access.log"
    assert {one.owner() for one in (log, folder / "a.sock", folder / "l.sock")} == {USER}
    metrics = running.admin("/metrics")
    for name in ("supervisor", "0", "1"):  # /proc of each can be read by the user that they are
        assert f'process_open_fds{{worker="{name}"}}' in metrics

    reload(running, text(3))  # one more socket on the low port: nobody binds that
    refused = running.admin("/status")["last_reload"]["error"]
    assert "CAP_NET_BIND_SERVICE" in refused and "a restart binds it too" in refused
    assert running.admin("/status")["user"] == ids()[0]
    reload(running, text(2).replace("nobody", "root"))
    assert "only root can become user root" in running.admin("/status")["last_reload"]["error"]
    high = running.admin_port  # any port of another address will do
    reload(running, text(2).replace("listeners:", f'listeners:\n  - {{name: high, address: "127.0.0.2:{high}"}}'))
    assert running.admin("/status")["last_reload"]["ok"]
    reload(running, text(2))

    first = workers(running)[0]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: first not in gateways(running) and len(set(gateways(running)) - {0}) == 3, what="another worker")
    wait_until(lambda: all(one["state"] == "ready" for one in workers(running)))
    assert all(map(is_nobody, gateways(running)))

    log.rename(folder / "access.log.1")
    running.signal(signal.SIGUSR1)
    wait_until(lambda: log.exists(), what="the log is there again")
    assert get(running.port).endswith(b"here")
    wait_until(lambda: log.stat().st_size, what="a line in it")
    assert log.owner() == USER

    answer = asked(str(running.config), None, {"do": "upgrade"}, 60)
    assert answer is not None and answer["ok"], answer
    assert running.wait(20) == 0
    running.pid = answer["pid"]
    try:
        assert all(map(is_nobody, gateways(running))) and get(running.port).endswith(b"here")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(folder / "l.sock"))
        assert (folder / "l.sock").stat().st_mode & 0o777 == 0o660
    finally:
        running.signal(signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{running.pid}").exists(), limit=20, what="its end")
    assert not (folder / "l.sock").exists() and not (folder / "a.sock").exists()


def test_a_key_for_root_alone_is_found_at_the_start(folder: Path, authority: Authority) -> None:
    cert, key = (Path(one) for one in authority.pair("closed", "closed.test"))
    for one, mode in ((cert, 0o644), (key, 0o600)):
        (folder / one.name).write_bytes(one.read_bytes())
        (folder / one.name).chmod(mode)
    tls = f"tls: {{cert: {cert.name}, key: {key.name}}}"
    gateway = Descended(text().replace('"127.0.0.1:$port"', f'"127.0.0.1:$port", {tls}'), folder, port=low_port())
    assert gateway.wait(20) == 1
    assert f"{key.name} cannot be read: Permission denied" in gateway.read_log()


def test_a_file_for_root_alone_is_found_too(folder: Path) -> None:
    (folder / "fastgw.yaml").touch(0o600)
    gateway = Descended(text(), folder, port=low_port())
    assert gateway.wait(20) == 1 and "may not read this file, and a reload has to" in gateway.read_log()


@pytest.mark.long
def test_a_second_gateway_takes_over_from_one_without_root(folder: Path) -> None:
    port, made = low_port(), []
    for name in ("first", "second"):
        (folder / name).mkdir()
        os.chown(folder / name, *ids())
        environment = {"FASTGW_UPGRADE": str(made[0].pid)} if made else {}
        made.append(Descended(text(), folder / name, port=port, environment=environment))
        made[-1].wait_ready()
    first, second = made
    try:
        assert first.wait(30) == 0
        assert get(port).endswith(b"here") and all(map(is_nobody, gateways(second)))
        assert second.admin("/status")["board"]["inherited_from"] == first.pid
    finally:
        assert second.stop() == 0
