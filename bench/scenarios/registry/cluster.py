"""etcd as the distribution has it: members of one cluster, each a process whose data are on the disk until they are wiped.

Questions go by the JSON gateway, one connection for each, so that nothing of a connection from before a death is in them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.scenarios import peers

PATIENCE = 0.5
"""Seconds in which a member must answer; whoever waits asks again."""
START = 30.0
"""Seconds until a cluster has a leader, at most."""


class Etcd:
    """One member."""

    def __init__(self, name: str, folder: Path, cpu: int) -> None:
        self.name = name
        self.port, self.peer_port = peers.free_port(), peers.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder / name
        self._folder.mkdir()
        self._cpu = cpu

    @property
    def url(self) -> str:
        """Where clients ask it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def peer(self) -> str:
        """Where the others ask it."""
        return f"http://127.0.0.1:{self.peer_port}"

    def launch(self, all_peers: str, *, is_new: bool, port: int = 0) -> None:
        """Start it, without waiting; ``is_new``: its cluster is not there yet; ``port``: for clients, instead of its own."""
        url = f"http://127.0.0.1:{port or self.port}"
        command = ["taskset", "-c", str(self._cpu), "etcd", "--name", self.name]
        command += ["--data-dir", str(self._folder / "data"), "--logger", "zap", "--log-level", "error"]
        command += ["--listen-client-urls", url, "--advertise-client-urls", url]
        command += ["--listen-peer-urls", self.peer, "--initial-advertise-peer-urls", self.peer]
        command += ["--initial-cluster", all_peers, "--initial-cluster-state", "new" if is_new else "existing"]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """``kill -9``; nothing if it does not run."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wipe(self) -> None:
        """Let it forget everything; it does not run."""
        shutil.rmtree(self._folder / "data")

    def log(self) -> str:
        """The end of what it has written."""
        return (self._folder / "log").read_text(errors="replace")[-500:]


class Cluster:
    """All of them."""

    def __init__(self, size: int, folder: Path, cpu: int) -> None:
        self.members = [Etcd(f"m{number}", folder, cpu) for number in range(size)]

    @property
    def endpoints(self) -> list[str]:
        """URLs of the members."""
        return [one.url for one in self.members]

    @property
    def peers(self) -> str:
        """As ``--initial-cluster`` has them."""
        return ",".join(f"{one.name}={one.peer}" for one in self.members)

    def launch(self, *, is_new: bool, ports: Iterable[int] = ()) -> None:
        """Start all of them; ``ports``: for clients, instead of their own."""
        for one, port in zip(self.members, ports or [0] * len(self.members), strict=True):
            one.launch(self.peers, is_new=is_new, port=port)

    def kill(self) -> None:
        """``kill -9`` of all."""
        for one in self.members:
            one.kill()

    def leader(self) -> Etcd:
        """Who leads it.  Raises RuntimeError."""
        for one in self.members:
            with contextlib.suppress(OSError, ValueError):
                said = ask(one.url, "/v3/maintenance/status", {})
                if said.get("leader") == said["header"]["member_id"]:
                    return one
        raise RuntimeError("nobody leads the cluster of etcd")

    async def returned(self, key: str, limit: float = START) -> float:
        """Put ``key`` as soon as that is possible; return when it was there, by the monotonic clock.  Raises RuntimeError."""
        deadline = time.monotonic() + limit
        while True:
            for one in self.members:
                if one.process is not None and await asyncio.to_thread(is_put, one.url, key):
                    return time.monotonic()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cluster of etcd does not answer: {self.members[0].log()}")
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def cluster(size: int, folder: Path, cpu: int) -> AsyncIterator[Cluster]:
    """So many members that have a leader."""
    found = Cluster(size, folder, cpu)
    try:
        found.launch(is_new=True)
        await found.returned("/ready")
        yield found
    finally:
        found.kill()


def ask(url: str, path: str, message: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
    """One question and its answer.  Raises OSError, ValueError."""
    request = urllib.request.Request(url + path, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=patience) as answer:
        found = json.loads(answer.read())
    if not isinstance(found, dict):
        raise ValueError(f"{url} answered {found!r}")
    return found


def is_put(url: str, key: str, value: str = "active") -> bool:
    """Put a key; whether it was."""
    try:
        put(url, key, value)
    except (OSError, ValueError):
        return False
    return True


def put(url: str, key: str, value: str = "active") -> int:
    """Put a key; return the revision.  Raises OSError, ValueError."""
    return int(ask(url, "/v3/kv/put", {"key": encoded(key), "value": encoded(value)})["header"]["revision"])


def delete(url: str, key: str) -> None:
    """Delete a key.  Raises OSError, ValueError."""
    ask(url, "/v3/kv/deleterange", {"key": encoded(key)})


def listed(url: str, prefix: str) -> list[str]:
    """The ends of the keys under ``prefix``, sorted.  Raises OSError, ValueError."""
    message = {"key": encoded(prefix), "range_end": encoded(prefix[:-1] + chr(ord(prefix[-1]) + 1)), "keys_only": True}
    return sorted(
        base64.b64decode(one["key"]).decode()[len(prefix) :] for one in ask(url, "/v3/kv/range", message).get("kvs", ())
    )


def put_operation(key: str, value: str) -> dict[str, Any]:
    """Of a transaction."""
    return {"requestPut": {"key": encoded(key), "value": encoded(value)}}


def delete_operation(key: str) -> dict[str, Any]:
    """Of a transaction."""
    return {"requestDeleteRange": {"key": encoded(key)}}


def in_hundreds(operations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Transactions of a hundred operations: etcd takes 128."""
    for begin in range(0, len(operations), 100):
        yield {"success": operations[begin : begin + 100]}


def encoded(text: str) -> str:
    """As the gateway of etcd has it in JSON."""
    return base64.b64encode(text.encode()).decode()
