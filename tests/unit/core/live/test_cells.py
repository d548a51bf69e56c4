"""Cells in shared memory: both forms, and processes that write to one at the same time."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fastgw.core.live import cells
from fastgw.core.live.cells import PlainCells, lock, unlock

FORMS: list[Any] = [PlainCells]
try:
    FORMS.append(importlib.import_module("fastgw.core.live._cells").Cells)
except ImportError:
    pass
WORDS = 512
PROCESSES, ROUNDS = 4, 2_000


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("test")
    os.ftruncate(fd, WORDS * 8)
    yield fd
    os.close(fd)


def opened(fd: int) -> int:
    """The same memory with locks of its own, as another process would have it."""
    return os.open(path_of(fd), os.O_RDWR)


def path_of(fd: int) -> str:
    return f"/proc/{os.getpid()}/fd/{fd}"


@pytest.fixture(params=FORMS, ids=["plain", "compiled"][: len(FORMS)])
def form(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_cell_is_read_written_and_swapped(form: Any, memory: int) -> None:
    one, other = form(opened(memory), WORDS), form(opened(memory), WORDS)
    assert one.load(7) == 0
    one.store(7, 2**64 - 1)
    assert other.load(7) == 2**64 - 1
    assert not other.compare_and_swap(7, 1, 2)
    assert one.load(7) == 2**64 - 1
    assert other.compare_and_swap(7, 2**64 - 1, 2)
    assert one.load(7) == 2
    assert os.pread(memory, 8, 56) == (2).to_bytes(8, sys.byteorder)
    assert one.load(6) == one.load(8) == 0
    one.close()
    other.close()


def test_what_is_no_cell_or_no_value_is_an_error(form: Any, memory: int) -> None:
    found = form(opened(memory), WORDS)
    with pytest.raises(IndexError):
        found.load(WORDS)
    with pytest.raises(IndexError):
        found.store(WORDS, 1)
    with pytest.raises((OverflowError, ValueError)):
        found.store(0, -1)
    with pytest.raises((OverflowError, ValueError)):
        found.compare_and_swap(0, 0, 2**64)
    found.close()


def _hammer(form: Any, path: str, is_begun: Any) -> None:
    found = form(os.open(path, os.O_RDWR), WORDS)
    is_begun.wait()
    for _ in range(ROUNDS):
        while True:
            value = found.load(3)
            if found.compare_and_swap(3, value, value + 1):
                break
    found.close()


def test_processes_that_swap_one_cell_lose_no_change(form: Any, memory: int) -> None:
    context = multiprocessing.get_context("spawn")
    is_begun = context.Barrier(PROCESSES)
    processes = [context.Process(target=_hammer, args=(form, path_of(memory), is_begun)) for _ in range(PROCESSES)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(50)
    assert [one.exitcode for one in processes] == [0] * PROCESSES
    found = form(opened(memory), WORDS)
    assert found.load(3) == PROCESSES * ROUNDS
    found.close()


def test_a_lock_is_the_opener_s_and_ends_with_it(memory: int) -> None:
    one, other = opened(memory), opened(memory)
    assert lock(one, 1 << 50)
    assert lock(one, 1 << 50)  # it has it already
    assert not lock(other, 1 << 50)
    assert lock(other, (1 << 50) + 1)
    unlock(one, 1 << 50)
    assert lock(other, 1 << 50)
    os.close(other)
    assert lock(one, 1 << 50)
    os.close(one)


def _lock_and_wait(path: str, is_locked: Any) -> None:
    assert lock(os.open(path, os.O_RDWR), 1 << 50)
    is_locked.set()
    signal.pause()


def test_a_lock_ends_with_a_process_that_is_killed(memory: int) -> None:
    context = multiprocessing.get_context("spawn")
    is_locked = context.Event()
    process = context.Process(target=_lock_and_wait, args=(path_of(memory), is_locked))
    process.start()
    assert is_locked.wait(20)
    ours = opened(memory)
    assert not lock(ours, 1 << 50)
    process.kill()
    assert lock(ours, 1 << 50, is_patient=True)
    process.join(20)
    os.close(ours)


def test_compiled_form_is_chosen_where_it_is_and_the_twin_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(Path(cells.__file__).with_name("cells.py"))
    compiled: Any = ModuleType("fastgw.core.live._cells")
    compiled.Cells = object()
    compiled.__spec__ = ModuleSpec(compiled.__name__, None)
    monkeypatch.setitem(sys.modules, "fastgw.core.live._cells", compiled)
    run: Callable[[str], dict[str, Any]] = runpy.run_path
    assert run(source)["Cells"] is compiled.Cells
    monkeypatch.setitem(sys.modules, "fastgw.core.live._cells", None)  # it is not to be found
    chosen = run(source)
    assert chosen["Cells"] is chosen["PlainCells"]
