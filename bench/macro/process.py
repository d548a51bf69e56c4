"""Programs of the benchmark: pinned to a core, watched, and always stopped by their own ids."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.macro import procfs
from bench.macro.errors import BenchError

GATEWAY_CORE = 0
LOAD_CORE = 1
FIRST_PORT, LAST_PORT = 21001, 31999  #: below Linux's ephemeral ports, so no outgoing connection takes one
CORES = frozenset(os.sched_getaffinity(0))  #: before the harness binds itself to one of them
_LIBC = ctypes.CDLL(None)  # loaded here: nothing may be looked up between fork and exec
_next_port = FIRST_PORT + os.getpid() % 5000 * 2


def clean_environment() -> dict[str, str]:
    """What every started program sees: nothing that would change how it runs."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    return {"LANG": "C.UTF-8", **kept}


def free_port() -> int:
    """A loopback port nobody listens on, never the same twice in a run.  BenchError when there is none."""
    global _next_port
    for _ in range(LAST_PORT - FIRST_PORT):
        port = _next_port
        _next_port = port + 2 if port + 2 <= LAST_PORT else FIRST_PORT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise BenchError("no free port")


def pinned(argv: Sequence[str], core: int | None) -> list[str]:
    """The command, bound to one core if the machine has it and ``taskset``; None: to no single one, unlike the harness."""
    taskset = shutil.which("taskset")
    cores = ",".join(map(str, sorted(CORES))) if core is None else str(core)
    return [taskset, "-c", cores, *argv] if taskset and (core is None or core in CORES) else list(argv)


def _end_with_parent() -> None:
    """In a new process: be ended by the kernel when the harness is gone, however it went (prctl(2), PR_SET_PDEATHSIG)."""
    _LIBC.prctl(1, signal.SIGTERM, 0, 0, 0)


class Program:
    """A running program with its children: started at once, stopped by ``stop`` or the end of the ``with`` block."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        core: int | None,
        directory: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = directory / "output.log"
        self.core = core
        self.name = Path(argv[0]).name
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                pinned(argv, core),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**clean_environment(), **(env or {})},
                cwd=cwd or directory,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """The first process has not ended."""
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """The program's processes."""
        return procfs.process_tree(self.pid)

    def check_core(self) -> None:
        """BenchError when a process of it may run elsewhere than on its core, where that can be asked for."""
        if self.core is None or self.core not in CORES or len(CORES) == 1 or not shutil.which("taskset"):
            return
        for pid in self.pids():
            allowed = os.sched_getaffinity(pid)
            if allowed != {self.core}:
                raise BenchError(f"{self.name} ({pid}) runs on cores {sorted(allowed)}, not on {self.core} alone")

    def tail(self, lines: int = 12) -> str:
        """The end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_port(self, port: int, seconds: float = 20.0) -> None:
        """Return when the port accepts connections; BenchError when the program ends or takes too long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
                return
            except OSError:
                time.sleep(0.02)
        raise BenchError(f"{self.name} does not listen on {port}:\n{self.tail()}")

    def stop(self) -> None:
        """Ask to end, then insist; children that stay behind are ended too."""
        if self.is_running:
            pids = self.pids()
            self._process.terminate()
            try:
                self._process.wait(3.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        else:
            pids = []
        for pid in pids:
            try:
                if os.getsid(pid) == self.pid:  # ours still, not a reused id
                    os.kill(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue


def run_tool(argv: Sequence[str], *, core: int = LOAD_CORE, timeout: float = 120.0) -> str:
    """Run a load generator to its end on its core; its standard output.  BenchError when it fails."""
    try:
        done = subprocess.run(
            pinned(argv, core), capture_output=True, text=True, timeout=timeout, env=clean_environment(), check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{argv[0]} did not end in {timeout:.0f} s") from None
    if done.returncode != 0:
        raise BenchError(f"{argv[0]} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-800:]}")
    return done.stdout
