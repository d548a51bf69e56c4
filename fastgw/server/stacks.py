"""What Python code a process stands in that does not answer, or that has crashed.

A worker tells by ``faulthandler``, whose handlers are C and ask neither its event loop nor the interpreter's lock: they write into a
pipe that the supervisor reads, when it is sent a signal (``ONE``, ``ALL``) and when it dies of SIGSEGV and the like.  The pipe holds
64 KiB, and what has no room is lost; a process that is stopped, or waits in the kernel, says nothing.
"""

from __future__ import annotations

import os
import signal
from typing import Final

#: Asks for the stack of the thread that has the event loop: it is looked at by itself, so that the worker may go on afterwards.
ONE: Final = signal.SIGRTMIN
#: For those of all threads, for one that is killed next: nobody holds the others still meanwhile.
ALL: Final = signal.SIGRTMIN + 1

ROOM: Final = 65536  #: bytes of the pipe
MOST: Final = (
    2000  #: characters of the frames of the thread that was asked, so that the line of the log is written in one piece
)
MOST_OTHERS: Final = 1000  #: of those of all others
FRAMES: Final = 24  #: of the thread that was asked
OTHER_FRAMES: Final = 5  #: of each other one
LONGEST: Final = 200  #: characters of a frame; the end is kept

_THREAD: Final = r"(Current thread|Thread|Stack)\b.*\(most recent call first\):"
_FRAME: Final = r'  File "(.*)", line (\S+) in (.*)'
_FATAL: Final = "Fatal Python error: "
_STATES: Final = {"R": "running", "S": "waiting", "D": "in the kernel", "T": "stopped", "t": "traced", "Z": "dead"}


def tell_by(fd: int) -> None:
    """In a worker, first of all: tell by ``fd``, the writing end of the pipe."""
    import faulthandler

    os.set_inheritable(fd, False)
    faulthandler.enable(fd, all_threads=True)
    faulthandler.register(ONE, fd, all_threads=False)
    faulthandler.register(ALL, fd, all_threads=True)


class Stacks:
    """The supervisor's end of the pipe of one process."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def read(self) -> dict[str, object]:
        """What was told since the last time, as fields of a line of the log: ``stack``, perhaps ``threads`` and ``fatal``."""
        try:
            text = os.read(self._ours, ROOM).decode("utf-8", "replace")
        except OSError:  # nothing was
            return {}
        return fields_of(text)

    def start(self) -> None:
        """The process has its end."""
        os.close(self.theirs)
        self.theirs = -1

    def close(self) -> None:
        """The process has ended."""
        for fd in (self._ours, self.theirs):
            if fd >= 0:
                os.close(fd)
        self._ours = self.theirs = -1


def fields_of(text: str) -> dict[str, object]:
    """What ``faulthandler`` wrote, of the last time that it did, as fields of a line of the log."""
    import re  # where somebody has told something

    fatal, asked, others = "", list[str](), list[list[str]]()
    frames = asked
    for line in text.splitlines():
        if line.startswith(_FATAL):
            fatal = line.removeprefix(_FATAL)
        elif header := re.match(_THREAD, line):
            frames = []
            if header[1] == "Thread":
                others.append(frames)
            else:
                asked = frames
            if header[1] == "Stack":
                others.clear()
        elif frame := re.match(_FRAME, line):
            frames.append(f"{frame[1]}:{frame[2]} in {frame[3]}"[-LONGEST:])
        elif line == "  ...":  # faulthandler's own bound
            frames.append("...")
    told: dict[str, object] = {"fatal": fatal} if fatal else {}
    if asked or others:
        told["stack"] = _bounded(asked, FRAMES, [MOST])
    room = [MOST_OTHERS]
    if threads := [found for one in others if (found := _bounded(one, OTHER_FRAMES, room))]:
        told["threads"] = threads
    return told


def _bounded(frames: list[str], count: int, room: list[int]) -> list[str]:
    """The first ``count`` of ``frames``, as far as ``room`` has characters for them."""
    kept: list[str] = []
    for frame in frames:
        if len(kept) == count or room[0] < len(frame):
            kept.append("...")
            break
        room[0] -= len(frame)
        kept.append(frame)
    return kept if kept != ["..."] or not frames else []


def process_state(pid: int) -> str:
    """What the kernel says of a process, in a word; empty: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            letter = file.read().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
    return _STATES.get(letter, letter)
