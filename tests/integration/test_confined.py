"""Gateways under what the units of ``deploy/systemd`` forbid, as far as that can be had without systemd (``tests.support.confined``)."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import wasmtime

from fastgw.cli.asking import asked
from tests.integration.processes import get, reload, workers
from tests.integration.test_user import gateways, is_nobody, low_port
from tests.support.certificates import Authority
from tests.support.confined import NEEDED, confinement
from tests.support.descended import IS_POSSIBLE, USER, Descended, own_folder
from tests.support.gateway import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not IS_POSSIBLE, reason="needs root, and a checkout that others may read"),
    pytest.mark.needs("unshare", *NEEDED),
]

CODE = """
class Double:
    name = "double"

    def execute(self, input):
        return {"sum": input["one"] * 2}
"""
TEXT = """
workers: 2
admin: {address: "127.0.0.1:$admin"}
admin_socket: a.sock
state_file: state.json
reload: {watch: true, rehearse: 5m}
listeners:
  - {name: low, address: "127.0.0.1:$port"}
  - {name: tls, address: "unix:l.sock", tls: {cert: cert.pem, key: key.pem}}
filters:
  log: {type: access_log, path: access.log}
  capture: {type: record, path: capture.log, sample: 100%}
  guest: {type: wasm, module: tenant.wasm, configuration: acme}
chain: [log, capture]
services:
  own: {python: "double:Double", run: process}
  threaded: {python: "double:Double", run: thread}
  named: {endpoints: ["localhost:$admin"]}
  two:
    versions:
      a: {endpoints: ["127.0.0.1:$admin"], weight: 1}
      b: {endpoints: ["127.0.0.1:$admin"], weight: 0}
routes:
  - {path: "/own", service: own}
  - {path: "/threaded", service: threaded}
  - {path: "/livez", service: named}
  - {path: "/readyz", service: two}
  - {path: "/file", files: {root: files}}
  - {path: "/guest", reply: {status: 200, text: here}, filters: [guest]}
  - {path: "/*", reply: {status: 200, text: here}}
"""
SMALL = """
admin: {address: "127.0.0.1:$admin"}
workers: 1
listeners: [{address: "unix:l.sock", owner: ":nogroup"}]
routes: [{path: "/*", reply: {status: 200, text: here}}]
"""
TENANT = Path(__file__).resolve().parents[2] / "examples" / "wasm" / "tenant.wat"
#: As systemd starts the service itself.
AS_SERVICE = ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups"]


@pytest.fixture
def folder(authority: Authority) -> Iterator[Path]:
    with own_folder() as made:
        for name, file in zip(("cert.pem", "key.pem"), authority.pair("edge", "edge.test", folder=made), strict=True):
            (made / name).write_bytes(Path(file).read_bytes())
        (made / "double.py").write_text(CODE)
        (made / "tenant.wasm").write_bytes(wasmtime.wat2wasm(TENANT.read_text()))
        (made / "files").mkdir()
        yield made


def as_service(*drop_ins: str) -> type[Descended]:
    """The service, with these drop-ins: as its user, or as root if one of them is ``user``."""
    words = confinement(*drop_ins)
    if "user" not in drop_ins:
        words[1:1] = AS_SERVICE[1:]

    class Confined(Descended):
        before = words

    return Confined


def ask(port: int, path: str, body: object = None) -> bytes:
    """The body of an answer."""
    data = b"" if body is None else json.dumps(body).encode()
    words = (
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        "host: a",
        "connection: close",
        "content-type: application/json",
    )
    head = "\r\n".join([*words, f"content-length: {len(data)}", "", ""])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(head.encode() + data)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    "drop_ins",
    [
        pytest.param((), id="as shipped"),
        pytest.param(("user", "scheduling"), id="user and scheduling", marks=pytest.mark.long),
    ],
)
def test_what_a_gateway_does_is_allowed(folder: Path, drop_ins: tuple[str, ...]) -> None:
    text = "user: nobody\ncpu_affinity: auto\n" + TEXT if drop_ins else TEXT
    running = as_service(*drop_ins)(text, folder, port=low_port())
    running.wait_ready()
    try:
        for pid in gateways(running):
            told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert int(told["Seccomp"]) == 2
            assert not drop_ins or is_nobody(pid)
        assert get(running.port).endswith(b"here")
        assert ask(running.port, "/own", {"one": 1}) == ask(running.port, "/threaded", {"one": 1}) == b'{"sum":2}'
        assert ask(running.port, "/guest") == b'{"error": "this host belongs to nobody here"}'
        assert "is interpreted" in running.read_log()
        assert b"alive" in ask(running.port, "/livez") and b"ready" in ask(running.port, "/readyz")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(folder / "l.sock"))
            with context.wrap_socket(raw) as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nhost: edge.test\r\nconnection: close\r\n\r\n")
                assert b" 200 " in sock.recv(1000)
        assert "process_open_fds" in running.admin("/metrics")
        answer = asked(str(running.config), None, {"do": "promote", "service": "two", "version": "b"}, 10)
        assert answer is not None and answer["ok"] and (folder / "state.json").exists()

        wait_until(lambda: (folder / "capture.log").stat().st_size, what="requests are recorded")
        reload(running, text.replace("text: here", "text: there"))
        assert running.admin("/status")["last_reload"]["rehearsal"]["state"] == "passed"
        assert running.admin("/status")["last_reload"]["ok"] and get(running.port).endswith(b"there")
        killed = workers(running)[0]["pid"]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: [one["state"] for one in workers(running) if one["pid"] != killed] == ["ready"] * 2)
        (folder / "access.log").rename(folder / "access.log.1")
        running.signal(signal.SIGUSR1)
        wait_until(lambda: (folder / "access.log").exists())

        answer = asked(str(running.config), None, {"do": "upgrade"}, 60)
        assert answer is not None and answer["ok"], answer
        assert running.wait(20) == 0
        running.pid = answer["pid"]
        assert get(running.port).endswith(b"there")
        running.write_config(text.replace("text: here", "text: seen"))
        wait_until(lambda: get(running.port).endswith(b"seen"), what="the change is seen")
        watch = running.admin("/status")["watch"]
        assert (watch["by"], watch["files"]) == ("inotify", 4)
        assert not any("Permission" in line or "not permitted" in line for line in running.read_log().splitlines())
    finally:
        if running.is_running():
            running.stop()
        elif Path(f"/proc/{running.pid}").exists():
            os.kill(running.pid, signal.SIGTERM)
            wait_until(lambda: not Path(f"/proc/{running.pid}").exists(), limit=20, what="its end")


@pytest.mark.long
def test_what_is_not_allowed_is_said_with_the_drop_in_that_allows_it(folder: Path) -> None:
    for text, words in (
        (
            "cpu_affinity: auto\n",
            "workers cannot be pinned (Operation not permitted); under systemd the drop-in scheduling.conf",
        ),
        ("user: root\n", "only root can become user root"),
    ):
        gateway = as_service()(text + SMALL, folder)
        assert gateway.wait(20) == 1 and words in gateway.read_log()

    gateway = as_service()(SMALL, folder)
    assert gateway.wait(20) == 1 and "under systemd: the drop-in owner.conf" in gateway.read_log()
    gateway = as_service("owner")(SMALL, folder)
    gateway.wait_ready()
    assert (folder / "l.sock").group() == "nogroup" and gateway.stop() == 0

    class AsRoot(Descended):
        before = confinement()

    gateway = AsRoot("user: nobody\n" + SMALL, folder)
    assert gateway.wait(20) == 1 and "under systemd: the drop-in user.conf" in gateway.read_log()
