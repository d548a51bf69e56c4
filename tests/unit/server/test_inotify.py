"""The system calls, and how what they tell is read."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.server import inotify
from fastgw.server.inotify import Event, Inotify, events


def test_what_happens_in_a_folder_is_told_by_name(tmp_path: Path) -> None:
    told = Inotify()
    try:
        watch = told.add(str(tmp_path), inotify.CREATE | inotify.MOVED_TO)
        assert told.add(str(tmp_path / "."), inotify.CLOSE_WRITE | inotify.MASK_ADD) == watch
        assert told.read() == []
        (tmp_path / "a").write_text("x")
        os.rename(tmp_path / "a", tmp_path / "bé")
        assert [(one.name, one.mask) for one in told.read()] == [
            (b"a", inotify.CREATE),
            (b"a", inotify.CLOSE_WRITE),
            ("bé".encode(), inotify.MOVED_TO),
        ]
        told.remove(watch)
        assert told.read() == [Event(watch, inotify.IGNORED, b"")]
        told.remove(watch)  # forgotten already
        assert not os.get_inheritable(told.fd)
    finally:
        told.close()


@pytest.mark.parametrize(("make", "code"), [("none", errno.ENOENT), ("file", errno.ENOTDIR)])
def test_what_is_no_folder_is_said(tmp_path: Path, make: str, code: int) -> None:
    (tmp_path / "file").write_text("x")
    told = Inotify()
    try:
        with pytest.raises(OSError) as caught:
            told.add(str(tmp_path / make), inotify.CREATE | inotify.ONLYDIR)
        assert caught.value.errno == code
    finally:
        told.close()


def test_what_others_may_change_unheard_is_known_by_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Inotify()
    try:
        assert told.shared(str(tmp_path)) == told.shared("/proc") == told.shared(str(tmp_path / "none")) == ""
        monkeypatch.setitem(inotify.SHARED, 0x9FA0, "proc")  # PROC_SUPER_MAGIC of linux/magic.h
        assert (told.shared("/proc"), told.shared(str(tmp_path))) == ("proc", "")
    finally:
        told.close()


def test_events_are_read_one_behind_the_other() -> None:
    def one(watch: int, mask: int, name: bytes) -> bytes:
        return struct.pack("iIII", watch, mask, 0, len(name)) + name

    data = one(1, 2, b"") + one(2, 4, b"gateway.yaml\0\0\0\0") + one(-1, inotify.OVERFLOW, b"")
    assert events(data) == [Event(1, 2, b""), Event(2, 4, b"gateway.yaml"), Event(-1, inotify.OVERFLOW, b"")]
    assert events(b"") == []


def test_a_flood_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inotify, "AT_ONCE", 64)
    monkeypatch.setattr(inotify, "READS", 2)
    told = Inotify()
    try:
        told.add(str(tmp_path), inotify.CREATE)
        for number in range(9):
            (tmp_path / f"file-{number}").write_text("x")
        counts = []
        while found := told.read():
            counts.append(len(found))
        assert sum(counts) == 9 and len(counts) > 1
    finally:
        told.close()


def test_it_needs_no_memory_that_can_be_written_and_executed(tmp_path: Path) -> None:
    """As under MemoryDenyWriteExecute of the unit: PR_SET_MDWE of prctl(2), which kernels have from 6.3 on."""
    code = f"""
import ctypes, mmap, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(7)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit(8)
except PermissionError:
    pass
from fastgw.server.folders import Folders
folders = Folders()
folders.arm([{str(tmp_path / "a")!r}])
open({str(tmp_path / "a")!r}, "w").close()
sys.exit(0 if folders.read() and not folders.cause else 9)
"""
    status = subprocess.run([sys.executable, "-c", code], check=False).returncode
    if status == 7:
        pytest.skip("needs a kernel of 6.3 or newer, which can forbid it")
    assert status == 0
