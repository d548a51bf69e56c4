"""What the kernel has to tell so that no change of a file is missed, whichever way it is changed.

A path is looked up name by name, and each name in some folder: so each folder on the way is watched for the name that is looked up
there, and where that is a symbolic link, so is the way to where it leads.

    /etc/fastgw/gateway.yaml -> ..data/gateway.yaml       in /       etc
    /etc/fastgw/..data       -> ..2026_11_28              in /etc    fastgw
                                                          in /etc/fastgw    gateway.yaml, ..data, ..2026_11_28
                                                          in /etc/fastgw/..2026_11_28    gateway.yaml

A file that is written to, replaced by ``rename``, taken away and made again, a link that is turned to another place, a folder that is
another one now: each is an event for one of these names.  A folder is watched *before* what it has is looked up, and the files are
read after that, so a change is either seen by the reading or told by an event.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable
from typing import Final

from fastgw.server import inotify
from fastgw.server.inotify import Inotify

MOST_FOLDERS: Final = 1024  #: that are watched
MOST_LINKS: Final = 40  #: of one path, as for the kernel (path_resolution(7))

_NAMES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
_ITSELF: Final = inotify.DELETE_SELF | inotify.MOVE_SELF
_CONTENT: Final = inotify.MODIFY | inotify.CLOSE_WRITE | inotify.ATTRIB
_FOLDER: Final = _NAMES | _ITSELF | inotify.ONLYDIR | inotify.MASK_ADD
_ALWAYS: Final = _ITSELF | inotify.OVERFLOW | inotify.UNMOUNT  #: whatever the name

#: Why a folder cannot be watched, and what to do, by the error of the kernel.
_CAUSES: Final = {
    errno.ENOSPC: "the user watches too many folders: raise fs.inotify.max_user_watches",
    errno.EMFILE: "the user has too many instances of inotify, or this process too many descriptors: "
    "raise fs.inotify.max_user_instances",
    errno.ENFILE: "the system has too many open files: raise fs.file-max",
    errno.ENOSYS: "the kernel has no inotify",
    errno.EPERM: "the filter of system calls forbids inotify",
}

Arm = Callable[[str, str, bool], None]


class Folders:
    """Watches the folders of some files.  ``arm`` may be called in a thread, one at a time; everything else in the loop."""

    def __init__(self) -> None:
        self._inotify: Inotify | None = None
        self._names: dict[int, set[bytes]] = {}  # that matter, by the number of their folder
        self._lock = threading.Lock()  # held while folders are being watched
        self._is_closed = False
        self.cause = ""  #: why the kernel does not tell everything
        try:
            self._inotify = Inotify()
        except OSError as error:
            self.cause = why(error)

    @property
    def fd(self) -> int:
        """To be read when it can be; -1: there is none."""
        return -1 if self._inotify is None else self._inotify.fd

    def arm(self, files: Iterable[str]) -> None:
        """Watch what is on the way to each of ``files`` as it is now, and nothing else; ``cause`` says if that cannot be."""
        with self._lock:
            if self._inotify is not None and not self._is_closed:
                self._arm(self._inotify, files)
        if self._is_closed:
            self.close()

    def _arm(self, told: Inotify, files: Iterable[str]) -> None:
        numbers: dict[tuple[str, bool], int] = {}  # of folders, 0: cannot be watched
        names: dict[int, set[bytes]] = {}
        causes: list[str] = []

        def one(folder: str, name: str, is_last: bool) -> None:
            number = numbers.get((folder, is_last), -1)
            if number < 0:
                number = 0
                if len(numbers) >= MOST_FOLDERS:
                    causes.append(f"the files are in more than {MOST_FOLDERS} folders")
                else:
                    try:
                        number = told.add(folder, _FOLDER | _CONTENT if is_last else _FOLDER)
                        if is_last and (kind := told.shared(folder)):
                            causes.append(f"{folder} is on {kind}, which others may change unheard")
                    except OSError as error:
                        if not _is_harmless(error.errno, is_last):
                            causes.append(f"{folder}: {why(error)}")
                numbers[folder, is_last] = number
            if number:
                names.setdefault(number, set()).add(os.fsencode(name))

        for path in files:
            walk(path, one)
        before, self._names = self._names, names
        for gone in before.keys() - names.keys():
            told.remove(gone)
        self.cause = causes[0] if causes else ""

    def read(self) -> bool:
        """Has something happened to a name that matters since the last time?"""
        if self._inotify is None:
            return False
        names = self._names
        return any(
            one.mask & _ALWAYS
            or one.name in names.get(one.watch, (one.name,))  # not known yet: it is being watched just now
            for one in self._inotify.read()
            if not one.mask & inotify.IGNORED
        )

    def close(self) -> None:
        """Watch nothing any more; a thread that is at it does this at its end."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                if self._inotify is not None:
                    self._inotify.close()
                    self._inotify = None
            finally:
                self._lock.release()


def walk(path: str, arm: Arm) -> None:
    """Look up the absolute ``path`` as the kernel does.

    Before each name is looked up ``arm`` is called with the folder (which is no symbolic link), the name, and whether it is the last.
    """
    here, left, links = "/", path.split("/")[::-1], 0
    while left:
        name = left.pop()
        if name in ("", "."):
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        arm(here, name, not any(left))
        there = os.path.join(here, name)
        try:
            target = os.readlink(there)
        except OSError as error:
            if error.errno != errno.EINVAL:  # it is not there, or not for us to see
                return
            here = there  # it is no link
            continue
        links += 1
        if links > MOST_LINKS:
            return
        left += target.split("/")[::-1]
        if target.startswith("/"):
            here = "/"


def _is_harmless(code: int | None, is_last: bool) -> bool:
    """Is no change missed?  What is gone is told by the folder above it.  One that may be passed and not read, as a home may be, is left to
    the poll, unless the file itself is there."""
    return code in (errno.ENOENT, errno.ENOTDIR) or (code == errno.EACCES and not is_last)


def why(error: OSError) -> str:
    """The cause of it in words, with what to do."""
    return _CAUSES.get(error.errno or 0) or error.strerror or str(error)
