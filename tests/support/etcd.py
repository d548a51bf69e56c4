"""Real etcds for a test, as members of a cluster or alone: killed, wiped and started again as the test says."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fastgw.core.sources import ClientTls, EtcdSettings, RegistryUrl
from fastgw.discovery.etcd_client import encoded
from tests.support.gateway import wait_until
from tests.support.ports import free_port


class EtcdServer:
    """One etcd; its data are on a disk until it is wiped."""

    def __init__(self, *options: str, tls: Sequence[str] = (), name: str = "one") -> None:
        """``options``: more of its command line; ``tls``: authority, certificate and key, then clients need one too."""
        self.folder = Path(tempfile.mkdtemp(prefix="etcd-"))
        self.port, self.peer_port = free_port(), free_port()
        self.name = name
        self.peers = f"{name}={self.peer_url}"
        self._options = list(options)
        self._tls = list(tls)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self.peer_port}"

    def settings(self, prefix: str, **more: Any) -> EtcdSettings:
        """What a source of it is told."""
        tls = ClientTls(*self._tls) if self._tls else ClientTls()
        return EtcdSettings((RegistryUrl(bool(self._tls), "127.0.0.1", self.port),), prefix, **{"tls": tls, **more})

    def launch(self, *, is_new: bool = True) -> EtcdServer:
        """Start it; ``is_new``: is its cluster not there yet?"""
        command = ["etcd", "--name", self.name, "--data-dir", str(self.folder / "data")]
        command += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        command += ["--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url]
        command += ["--initial-cluster", self.peers, "--initial-cluster-state", "new" if is_new else "existing"]
        command += ["--heartbeat-interval", "50", "--election-timeout", "500"]
        if self._tls:
            ca, cert, key = self._tls
            command += ["--client-cert-auth", "--trusted-ca-file", ca, "--cert-file", cert, "--key-file", key]
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen([*command, *self._options], stdout=log, stderr=log)
        return self

    def start(self) -> EtcdServer:
        """Start it, and wait until it answers."""
        self.launch()
        wait_until(self.answers, what="etcd answers")
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """``kill -9``; nothing if it is not there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def wipe(self) -> None:
        """Let it forget everything; it does not run."""
        shutil.rmtree(self.folder / "data")

    def restore(self, snapshot: Path) -> None:
        """Let it be as it was when ``etcdctl snapshot save`` wrote that; it does not run."""
        self.wipe()
        command = [
            "etcdctl",
            "snapshot",
            "restore",
            str(snapshot),
            "--name",
            self.name,
            "--initial-cluster",
            self.peers,
        ]
        command += ["--initial-advertise-peer-urls", self.peer_url, "--data-dir", str(self.folder / "data")]
        subprocess.run(command, env={**os.environ, "ETCDCTL_API": "3"}, check=True, capture_output=True, timeout=20)

    def close(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        """What ``etcdctl`` says, who knows nothing of our client."""
        command = ["etcdctl", "--endpoints", self.url, *arguments]
        if self._tls:
            command[1:1] = [f"--{name}={path}" for name, path in zip(("cacert", "cert", "key"), self._tls, strict=True)]
        done = subprocess.run(
            command, env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, path: str, message: dict[str, Any], token: str = "") -> dict[str, Any]:
        """One question to its gateway, on a connection of its own."""
        connection: http.client.HTTPConnection
        if self._tls:
            context = ssl.create_default_context(cafile=self._tls[0])
            context.load_cert_chain(*self._tls[1:])
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", path, json.dumps(message), {"Authorization": token} if token else {})
            found = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert isinstance(found, dict) and "error" not in found, found
        return found

    def put(self, key: str | bytes, value: str | bytes = "active", lease: int = 0, token: str = "") -> int:
        """Put a key; return the revision."""
        pair = [encoded(one if isinstance(one, bytes) else one.encode()) for one in (key, value)]
        message = {"key": pair[0], "value": pair[1], "lease": str(lease)}
        return int(self.ask("/v3/kv/put", message, token)["header"]["revision"])

    def put_all(self, keys: Iterable[str], value: str = "active") -> None:
        """Put many keys, a hundred in one transaction."""
        waiting = [{"requestPut": {"key": encoded(key.encode()), "value": encoded(value.encode())}} for key in keys]
        for begin in range(0, len(waiting), 100):
            self.ask("/v3/kv/txn", {"success": waiting[begin : begin + 100]})

    def delete(self, key: str) -> int:
        """Delete a key; return the revision."""
        found = self.ask("/v3/kv/deleterange", {"key": encoded(key.encode())})
        return int(found["header"]["revision"])

    def grant(self, ttl: int) -> int:
        """A new lease."""
        return int(self.ask("/v3/lease/grant", {"TTL": str(ttl)})["ID"])

    def answers(self) -> bool:
        """Has it a leader?"""
        try:
            self.ask("/v3/kv/range", {"key": encoded(b"x"), "count_only": True})
            return True
        except (OSError, ValueError, http.client.HTTPException):
            return False
        except AssertionError as error:  # it says no to us: so it is there
            return "user name is empty" in str(error)


def cluster(size: int) -> list[EtcdServer]:
    """So many members of one cluster, which have a leader."""
    found = [EtcdServer(name=f"m{number}") for number in range(size)]
    peers = ",".join(one.peers for one in found)
    for one in found:
        one.peers = peers
        one.launch()
    for one in found:
        wait_until(one.answers, limit=20, what="the cluster answers")
    return found
