"""A worker process as the supervisor sees it: started by exec, heard over a channel, started again when it dies.

Started by ``posix_spawn`` and not by fork: a worker must not inherit the memory of a process that has loaded pydantic
and yaml, and it can be started before the supervisor itself has imported anything.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from fastgw.core import counters
from fastgw.server.cgroup import quota
from fastgw.server.channel import Channel
from fastgw.server.stacks import ALL, ONE, Stacks, process_state

if TYPE_CHECKING:
    from fastgw.server.slab import Slab

STARTING, READY, DRAINING, DEAD = "starting", "ready", "draining", "dead"
STALLED = "stalled"  #: what a READY worker is called that gives no sign of life

HEARTBEAT_SECONDS = 0.25  #: between two signs of life: the sweeps of its data plane
END_LIMIT = 2.0  #: seconds behind their grace in which streams of events come to the end of one
STALLED_AFTER = 3.0  #: seconds without one

QUICK = (
    2.0  #: a worker that dies sooner than this many seconds after its start, or before it serves, is in a crash loop
)
FIRST_DELAY = 0.1  #: seconds before the second start in a row; doubled for each one after
MAX_DELAY = 10.0

#: Held back in a new process until it has its handlers: a Ctrl-C at the terminal goes to every process of the group.
BLOCKED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

#: Held back in the supervisor until it has its handlers: what is asked for early is done then.
HELD = (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

#: What a service manager tells the process that it starts, and no other.
OF_MANAGER = frozenset(("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"))

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def processors() -> int:
    """Processors this process may use: those that ``taskset`` and cpusets leave it, and no more than its cgroups give it time of.

    Part of one is a whole one: what is left over would never be used.
    """
    allowed = len(os.sched_getaffinity(0)) or 1
    bound = quota()
    return min(allowed, math.ceil(bound)) if bound else allowed


def backoff(quick_deaths: int) -> float:
    """Seconds to wait before a start that follows ``quick_deaths`` deaths in a row, each of them a quick one.

    >>> [backoff(n) for n in (0, 1, 2, 3, 4, 9)]
    [0.0, 0.0, 0.1, 0.2, 0.4, 10.0]
    """
    return 0.0 if quick_deaths < 2 else min(MAX_DELAY, FIRST_DELAY * 2.0 ** (quick_deaths - 2))


def ended(code: int) -> str:
    """How a process ended, in a word; ``code``: as of ``subprocess``, negative if by a signal.

    >>> [ended(code) for code in (-9, -11, -250, 1)]
    ['SIGKILL', 'SIGSEGV', 'signal 250', 'exit code 1']
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # one of those for real time
        return f"signal {-code}"


def connections_max() -> int:
    """How many clients the descriptors of this process allow: a quarter is kept for connections to services and everything else."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limit - max(32, limit // 4)


class WorkerProcess:
    """One place for a worker; the processes in it come and go, the slab stays."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.state = DEAD
        self.pid = 0
        self.restarts = 0
        self.quick_deaths = 0
        self.last_end = ""  #: how the process before ended: "SIGKILL", "exit code 1"
        self.generation = 0  #: of the configuration it serves
        self.prepared = 0  #: generation it was last told to prepare
        self.started = 0.0
        self.watched_since = 0.0  #: an older silence is not its fault
        self.stalled_since = 0.0  #: 0: it is not stalled
        self.stalls = 0  #: how often it was
        self.channel: Channel | None = None
        self.holds: set[str] = set()  #: listener addresses whose sockets the process has
        self.processor: int | None = None  #: that it is pinned to
        self.is_retiring = False  #: told to drain: its end is no accident
        self._slab: Slab | None = None
        self._stacks: Stacks | None = None

    @property
    def slab(self) -> Slab:
        """Its counters; made when first asked for, because starting the process comes first."""
        if self._slab is None:
            from fastgw.server.slab import Slab

            self._slab = Slab()
        return self._slab

    @property
    def is_alive(self) -> bool:
        """Is there a process that can be talked to?"""
        return self.channel is not None and not self.channel.is_closed

    def silence(self, now: float) -> float:
        """Seconds since the last sign of life of a process that serves; 0 for any other.  ``now``: ``time.monotonic``."""
        heartbeat = self.slab.values[counters.HEARTBEAT_MS] / 1e3 if self.state in (READY, DRAINING) else 0.0
        return max(0.0, now - max(heartbeat, self.watched_since)) if heartbeat else 0.0

    def told_state(self, now: float) -> str:
        """Its state, ``STALLED`` included."""
        return STALLED if self.state == READY and self.silence(now) > STALLED_AFTER else self.state

    def spawn(self) -> None:
        """Start a process; it waits for a Prepare message.  Raise OSError if the system has no room for it."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            if self._stacks is not None:
                self._stacks.close()  # only now: what its last process said is read after the end of that
            stacks = self._stacks = Stacks()
            theirs.set_inheritable(True)
            os.set_inheritable(stacks.theirs, True)
            arguments = [str(one) for one in (theirs.fileno(), self.index, stacks.theirs)]
            command = [sys.executable, "-P", "-m", "fastgw.server.worker", *arguments]
            try:
                self.pid = os.posix_spawn(command[0], command, child_environ(), setsigmask=BLOCKED)
            except OSError:
                stacks.close()
                raise
            stacks.start()
            self.channel = Channel(ours.dup())
        self.state, self.generation, self.prepared = STARTING, 0, 0
        self.is_retiring = False
        self.stalled_since = 0.0
        self.holds.clear()
        self.started = time.monotonic()

    def reaped(self) -> int | None:
        """The exit code of a process that ended (negative: the signal), else None.  After it the place is empty."""
        if not self.pid:
            return None
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else waited for it
            pid, status = self.pid, 0
        if not pid:
            return None
        if self.channel is not None:
            self.channel.read_rest()  # why it ended, perhaps
        is_quick = self.state == STARTING or time.monotonic() - self.started < QUICK
        self.quick_deaths = self.quick_deaths + 1 if is_quick else 1
        self.pid, self.state, self.stalled_since = 0, DEAD, 0.0
        if self.channel is not None:
            self.channel.close()
        code = os.waitstatus_to_exitcode(status)
        self.last_end = ended(code)
        return code

    def kill(self) -> None:
        """End the process now."""
        self._send(signal.SIGKILL)

    def end(self) -> None:
        """The same, and wait until it has ended; the place is empty then."""
        if self.pid:
            self.kill()
            os.waitpid(self.pid, 0)
            self.pid, self.state = 0, DEAD
        if self.channel is not None:
            self.channel.close()

    def ask_where(self, *, is_last: bool = False) -> None:
        """Have the process say where it stands, for ``where`` a moment later; ``is_last``: all its threads, since it is killed next."""
        self._send(ALL if is_last else ONE)

    def where(self) -> dict[str, object]:
        """What the process has said of where it stands since the last time, and how the kernel sees it: fields of a line of the log."""
        told = self._stacks.read() if self._stacks is not None else {}
        state = process_state(self.pid) if self.pid else ""
        return {"state": state, **told} if state else told

    def _send(self, number: int) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def rss(self) -> int:
        """Resident memory in bytes, 0 without a process."""
        try:
            with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0


def child_environ() -> dict[str, str]:
    """Our environment, with a checkout that is not installed put on the path: ``-P`` leaves the current folder out.

    What the service manager says to us is left out: code of others in a worker must not answer in our name.
    """
    environ = {name: value for name, value in os.environ.items() if name not in OF_MANAGER}
    if os.path.basename(_ROOT) not in ("site-packages", "dist-packages"):
        rest = environ.get("PYTHONPATH")
        environ["PYTHONPATH"] = f"{_ROOT}{os.pathsep}{rest}" if rest else _ROOT
    return environ
