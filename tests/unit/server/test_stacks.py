"""What ``faulthandler`` writes, and what the log gets of it."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.server import stacks
from fastgw.server.stacks import ALL, ONE, Stacks, fields_of, process_state
from tests.support.gateway import wait_until

ONE_THREAD = """Stack (most recent call first):
  File "/srv/app.py", line 12 in spin
  File "/srv/app.py", line 40 in request
"""
ALL_THREADS = """Thread 0x00007f7d2bfff6c0 [writer] (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/usr/lib/python3.11/queue.py", line 171 in get

Thread 0x00007f7d2bfff6c1 (most recent call first):
  <no Python frame>

Current thread 0x00007f7d2d6a5740 (most recent call first):
  File "/srv/app.py", line 13 in spin
"""


@pytest.fixture
def pipe() -> Iterator[Stacks]:
    made = Stacks()
    yield made
    made.close()


def test_frames_are_told_innermost_first() -> None:
    assert fields_of(ONE_THREAD) == {"stack": ["/srv/app.py:12 in spin", "/srv/app.py:40 in request"]}
    assert fields_of(ALL_THREADS) == {
        "stack": ["/srv/app.py:13 in spin"],
        "threads": [["/usr/lib/python3.11/threading.py:327 in wait", "/usr/lib/python3.11/queue.py:171 in get"]],
    }
    assert fields_of("Fatal Python error: Segmentation fault\n\n" + ALL_THREADS)["fatal"] == "Segmentation fault"
    assert fields_of("") == {}


def test_of_several_stacks_the_last_is_told() -> None:
    assert fields_of(ONE_THREAD + ALL_THREADS)["stack"] == ["/srv/app.py:13 in spin"]
    assert fields_of(ALL_THREADS + ONE_THREAD) == fields_of(ONE_THREAD)


def test_what_is_told_is_bounded() -> None:
    deep = "".join(f'  File "/{"x" * 300}.py", line {line} in f\n' for line in range(100))
    many = (
        f"Thread 0x1 (most recent call first):\n{deep}\n" * 100
        + f"Current thread 0x2 (most recent call first):\n{deep}"
    )
    told = fields_of(many)
    stack, threads = told["stack"], told["threads"]
    assert isinstance(stack, list) and isinstance(threads, list)
    frames = [frame for one in (stack, *threads) for frame in one]
    assert sum(map(len, frames)) <= stacks.MOST + stacks.MOST_OTHERS + 3 * (1 + len(threads))
    assert stack[0].endswith("x.py:0 in f") and len(stack[0]) == stacks.LONGEST and stack[-1] == "..."


def test_a_pipe_is_read_to_its_end_and_never_waited_for(pipe: Stacks) -> None:
    assert pipe.read() == {}
    faulthandler.dump_traceback(pipe.theirs, all_threads=False)
    told = pipe.read()["stack"]
    assert isinstance(told, list) and told[0].endswith("in test_a_pipe_is_read_to_its_end_and_never_waited_for")
    assert pipe.read() == {}
    assert not os.get_blocking(pipe.theirs)  # whoever writes does not wait for us either


def told_by(pipe: Stacks) -> dict[str, Any]:
    """What is told, when all of it is there."""
    text = b""

    def is_whole() -> bool:
        nonlocal text
        with contextlib.suppress(BlockingIOError):
            text += os.read(pipe._ours, stacks.ROOM)
        return text.endswith(b"in <module>\n")

    wait_until(is_whole)
    return fields_of(text.decode())


CODE = """
import ctypes, os, sys
from fastgw.server.stacks import tell_by
tell_by(int(sys.argv[1]))
def loop():
    while True: pass
def stuck():
    os.write(1, b"ready\\n"); {}
stuck()
"""


#: A call of C that never returns, and that holds the interpreter's lock meanwhile.
DEADLOCK = (
    "lock, mutex = ctypes.PyDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64); lock(mutex); lock(mutex)"
)


@pytest.mark.parametrize("stuck", ["loop()", DEADLOCK])
def test_a_process_tells_whatever_it_does(pipe: Stacks, stuck: str) -> None:
    os.set_inheritable(pipe.theirs, True)
    command = [sys.executable, "-c", CODE.format(stuck), str(pipe.theirs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[pipe.theirs]) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            for number in (ONE, ALL):
                process.send_signal(number)
                assert told_by(pipe)["stack"][-2:] == ["<string>:8 in stuck", "<string>:9 in <module>"]
            assert process_state(process.pid) in ("running", "waiting")
        finally:
            process.kill()


def test_a_crash_is_told(pipe: Stacks) -> None:
    os.set_inheritable(pipe.theirs, True)
    command = [sys.executable, "-c", CODE.format("ctypes.string_at(0)"), str(pipe.theirs)]
    subprocess.run(command, stdout=subprocess.PIPE, pass_fds=[pipe.theirs], check=False)
    told = pipe.read()
    assert told["fatal"] == "Segmentation fault" and "<string>:8 in stuck" in str(told["stack"])


def test_there_is_no_state_of_nobody() -> None:
    assert process_state(os.getpid()) == "running"
    assert process_state(2**22 + 1) == ""
