"""The units of ``deploy/systemd``, as systemd itself reads and rates them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.confined import UNITS, allowed, drop_in, settings

pytestmark = [pytest.mark.integration, pytest.mark.needs("systemd-analyze")]

DROP_INS = sorted(one.stem for one in (UNITS / "drop-ins").iterdir())
MOST = 2.0  #: exposure, of 10


def analyze(*arguments: str) -> str:
    """What ``systemd-analyze`` says; it has to end well."""
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def version() -> int:
    """Of systemd."""
    return int(analyze("--version").split()[1])


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """A copy of the units, whose program is one that is there."""
    shutil.copytree(UNITS, tmp_path / "units")
    for unit in (tmp_path / "units" / "fastgw.service", *(tmp_path / "units" / "drop-ins").iterdir()):
        unit.write_text(unit.read_text().replace("/usr/local/bin/fastgw", sys.executable))
    return tmp_path / "units"


def with_drop_in(staged: Path, name: str) -> Path:
    """The service with one drop-in in its place."""
    folder = staged / "fastgw.service.d"
    folder.mkdir()
    shutil.copy(staged / "drop-ins" / f"{name}.conf", folder)
    return staged / "fastgw.service"


def test_systemd_finds_nothing_wrong(staged: Path) -> None:
    assert analyze("verify", str(staged / "fastgw.service"), str(staged / "fastgw.socket")) == ""


@pytest.mark.parametrize("name", DROP_INS)
def test_nor_with_a_drop_in(staged: Path, name: str) -> None:
    if name == "notify-reload" and version() < 253:
        pytest.skip("needs systemd 253")
    assert analyze("verify", str(with_drop_in(staged, name))) == ""


def test_little_is_exposed(staged: Path) -> None:
    told = analyze("security", "--offline=yes", str(staged / "fastgw.service"))
    (exposure,) = re.findall(r"Overall exposure level for fastgw.service: ([\d.]+)", told)
    assert float(exposure) <= MOST


def test_the_drop_in_for_a_jit_allows_what_the_unit_forbids(staged: Path) -> None:
    rated = "MemoryDenyWriteExecute=  .*"
    before = analyze("security", "--offline=yes", str(staged / "fastgw.service"))
    after = analyze("security", "--offline=yes", str(with_drop_in(staged, "jit")))
    assert [re.findall(rated, told)[0].rstrip()[-3:] == "0.1" for told in (before, after)] == [False, True]


def test_the_drop_in_for_scheduling_allows_what_the_unit_forbids() -> None:
    unit, more = (
        settings("SystemCallFilter", UNITS / "fastgw.service"),
        settings("SystemCallFilter", drop_in("scheduling")),
    )
    assert "sched_setaffinity" not in allowed(*unit)
    assert "sched_setaffinity" in allowed(*unit, *more)
    assert "mount" not in allowed(*unit, *more)


def test_what_the_gateway_itself_calls_is_allowed() -> None:
    needed = {
        "memfd_create",
        "mmap",
        "epoll_wait",
        "accept4",
        "sendmsg",
        "execve",
        "kill",
        "socketpair",
        "rename",
        "chmod",
        "inotify_init1",
        "inotify_add_watch",
    }
    assert needed <= allowed(*settings("SystemCallFilter", UNITS / "fastgw.service"))
