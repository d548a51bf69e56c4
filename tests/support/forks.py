"""Gateways as forks of a process that has imported what ``fastgw run`` imports: each start is otherwise half a second of a processor.

The process (``python -m tests.support.forks``) imports and waits; it opens nothing, and has no thread.  Each fork of it goes on as
``python -m fastgw run -c FILE`` does, in a folder and with an output of its own; workers are started by it as ever.  A gateway that is to
have anything else (a user, variables, descriptors, a command in front of it) is started as a command: see ``GatewayProcess``.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MOST = 1 << 16  #: bytes of a message


class Fork:
    """One of them, with what is needed here of ``subprocess.Popen``: ``told`` brings its pid, and when it has ended its status."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.pid = self._next()
        self.returncode: int | None = None

    def _next(self) -> int:
        with contextlib.suppress(ConnectionError):
            if number := self._told.recv(16):
                return int(number)
        raise AssertionError("the process that gateways are forks of has ended")

    def poll(self) -> int | None:
        """Its status, negative for a signal, or None while it runs."""
        return self._look(0.0)

    def wait(self, timeout: float) -> int:
        """The same, when it has ended; subprocess.TimeoutExpired if it does not within ``timeout`` seconds."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"fastgw run, process {self.pid}", timeout)
        return status

    def kill(self) -> None:
        """End it now."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _look(self, limit: float) -> int | None:
        if self.returncode is None:
            poller = select.poll()  # a number above 1023 is none for select()
            poller.register(self._told, select.POLLIN)
            if poller.poll(limit * 1000.0):
                self.returncode = self._next()
                with self._told:  # until here it was there, if only as one that has ended: its number was nobody else's
                    self._told.shutdown(socket.SHUT_WR)
                    self._told.recv(1)
        return self.returncode


def fork(config: Path, output: int) -> Fork | None:
    """A gateway with the file ``config`` in the folder where that is, or None where the environment is no longer that of other forks."""
    first, environment = _first()
    if environment != _environment():
        return None
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(first, [json.dumps(str(config)).encode()], [output, theirs.fileno()])
    return Fork(ours)


def _environment() -> dict[str, str]:
    here = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {"PYTHONPATH": str(ROOT), **here, "PYTHONUNBUFFERED": "1"}


@cache
def _first() -> tuple[socket.socket, dict[str, str]]:
    """Where the process that forks is asked, and the environment of all that come of it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    environment = _environment()
    command = [sys.executable, "-m", "tests.support.forks", str(theirs.fileno())]
    with theirs:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, cwd=ROOT, pass_fds=[theirs.fileno()], env=environment
        )

    def end() -> None:
        ours.close()
        started.wait(10)

    atexit.register(end)
    return ours, environment


def _serve(asked: socket.socket) -> str:
    """Fork for every message, and tell what becomes of each fork.  Return in a fork: the file that it is to serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # one at a terminal is for the tests
    poller = select.poll()
    poller.register(asked, select.POLLIN)
    running: dict[int, tuple[int, socket.socket]] = {}  #: by the descriptor of its process: pid, and whom to tell
    ended: dict[int, tuple[int, socket.socket]] = {}  #: by the descriptor of whom was told: the same
    while True:
        for ready, _ in poller.poll():
            if ready in running:
                poller.unregister(ready)
                pid, told = running.pop(ready)
                os.close(ready)
                _tell_status(pid, told)
                ended[told.fileno()] = pid, told
                poller.register(told, select.POLLIN)
                continue
            if ready in ended:  # it was asked for
                poller.unregister(ready)
                pid, told = ended.pop(ready)
                os.waitpid(pid, 0)
                told.close()
                continue
            if not asked.recv(1, socket.MSG_PEEK):
                sys.exit(0)  # the tests have ended
            message, (output, number), *_ = socket.recv_fds(asked, _MOST, 2)
            told = socket.socket(fileno=number)
            pid = os.fork()
            if not pid:
                for process in running:
                    os.close(process)
                for _, other in (*running.values(), *ended.values()):
                    other.close()
                told.close()
                asked.close()
                _become(output)
                return str(json.loads(message))
            os.close(output)
            told.send(b"%d" % pid)
            process = os.pidfd_open(pid)
            poller.register(process, select.POLLIN)
            running[process] = pid, told


def _tell_status(pid: int, told: socket.socket) -> None:
    """Of a process that has ended, and leave it: as that of any parent it is there until it is asked for."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert found is not None
    status = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
    with contextlib.suppress(OSError):  # the tests may have ended
        told.send(b"%d" % status)


def _become(output: int) -> None:
    """What a start makes of a process before it imports anything."""
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Import, serve, and be the command."""
    for module in ("fastgw.config.build", "fastgw.server.control", "fastgw.server.gateway"):
        import_module(module)
    config = _serve(socket.socket(fileno=int(sys.argv[1])))
    folder = os.path.dirname(config)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["fastgw", "run", "-c", config]
    sys.orig_argv = [sys.executable, "-m", "fastgw", *sys.argv[1:]]  # what an upgrade starts
    runpy.run_module("fastgw", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
