"""Giving root up: what is asked of the kernel, in which order, and what is believed of it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from fastgw.config.spec import UserSpec
from fastgw.errors import ConfigError
from fastgw.server.privileges import CAP_NET_BIND_SERVICE, Kernel, become, renounce

USER = UserSpec("somebody", 4711, 42)
BIND = 1 << CAP_NET_BIND_SERVICE
KEEPCAPS, NO_NEW_PRIVS, DUMPABLE = 8, 38, 4


class Played(Kernel):
    """A process of root, on paper."""

    def __init__(self, *, refuses: str = "", forgets: str = "", has: int = 0xFFFF) -> None:
        self.journal: list[tuple[object, ...]] = []
        self.has = has
        self.now = (0, 0)
        self._refuses, self._forgets = refuses, forgets

    def _does(self, what: str, *values: object) -> bool:
        self.journal.append((what, *values))
        if what == self._refuses:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return what != self._forgets

    def groups(self, name: str, gid: int) -> None:
        self._does("groups", name, gid)

    def ids(self, uid: int, gid: int) -> None:
        if self._does("ids", uid, gid):
            self.now = (uid, gid)

    def has_ids(self, uid: int, gid: int) -> bool:
        return self.now == (uid, gid)

    def try_root(self) -> None:
        if self._does("try_root"):
            raise PermissionError(errno.EPERM, "no")

    def control(self, option: int, value: int) -> None:
        self._does("control", option, value)

    def permitted(self) -> int:
        return self.has

    def keep(self, capabilities: int) -> None:
        if self._does("keep", capabilities):
            self.has &= capabilities


def test_groups_go_before_ids_and_one_right_is_kept() -> None:
    kernel = Played()
    become(USER, kernel)
    assert kernel.journal == [
        ("groups", "somebody", 42),
        ("control", KEEPCAPS, 1),
        ("ids", 4711, 42),
        ("keep", BIND),
        ("control", KEEPCAPS, 0),
        ("control", NO_NEW_PRIVS, 1),
        ("control", DUMPABLE, 1),
        ("try_root",),
    ]
    assert kernel.has == BIND
    renounce(USER, kernel)
    assert kernel.has == 0 and kernel.journal[-2:] == [("keep", 0), ("try_root",)]


def test_a_right_that_root_did_not_have_is_not_asked_for() -> None:
    kernel = Played(has=0xFF)
    become(USER, kernel)
    assert ("keep", 0) in kernel.journal and kernel.has == 0


@pytest.mark.parametrize("call", ["groups", "control", "ids", "keep"])
def test_what_the_kernel_refuses_ends_it(call: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot become somebody \(Operation not permitted\); it needs CAP_SETUID"):
        become(USER, Played(refuses=call))


@pytest.mark.parametrize("call", ["ids", "keep", "try_root"])
def test_what_was_not_done_is_noticed(call: str) -> None:
    with pytest.raises(ConfigError, match="could be root again"):
        become(USER, Played(forgets=call))


def test_so_is_a_right_that_stays_at_the_end() -> None:
    kernel = Played()
    become(USER, kernel)
    kernel._forgets = "keep"
    with pytest.raises(ConfigError, match="could be root again"):
        renounce(USER, kernel)
    kernel._refuses = "keep"
    with pytest.raises(ConfigError, match="cannot be given up"):
        renounce(USER, kernel)


def test_a_program_that_the_user_may_not_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ConfigError, match="somebody may not read /no/such/python"):
        become(USER, Played())


REAL = """
import os, sys
from fastgw.config.spec import UserSpec
from fastgw.server import privileges
sys.executable = "/"  # of this test only root can read it, perhaps
kernel = privileges.Kernel()
os.access = lambda *_: True
user = UserSpec("", 4711, 4712)
privileges.become(user, kernel)
with open("/proc/self/status") as file:
    told = dict(line.split(":", 1) for line in file)
print(told["Uid"].split(), told["Gid"].split(), told["Groups"].split(), int(told["CapPrm"], 16), told["NoNewPrivs"].strip())
print(len(os.listdir("/proc/self/fd")) > 0, os.stat(f"/proc/{os.getpid()}/fd").st_uid)
privileges.renounce(user, kernel)
print(kernel.permitted())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_kernel_does_what_it_is_asked() -> None:
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=True, timeout=30)
    first, second, last = done.stdout.splitlines()
    may_bind = Kernel().permitted() & BIND
    assert first == f"{['4711'] * 4} {['4712'] * 4} ['4712'] {may_bind} 1"
    assert (second, last) == ("True 4711", "0")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do all of it")
def test_somebody_else_cannot() -> None:
    with pytest.raises(ConfigError, match="it needs CAP_SETUID"):
        become(USER)
