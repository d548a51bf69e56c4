"""Programs run where they should, are heard, and end."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from bench.macro.errors import BenchError, brief
from bench.macro.process import CORES, Program, clean_environment, free_port, pinned, run_tool

WAIT = [sys.executable, "-c", "print('here', flush=True); import sys, threading; threading.Event().wait()"]
needs_taskset = pytest.mark.skipif(not shutil.which("taskset"), reason="taskset is not installed")


@needs_taskset
def test_a_core_is_kept_though_the_harness_itself_is_bound_elsewhere(tmp_path: Path) -> None:
    """The harness binds itself to the load's core, and what it starts inherits that unless told otherwise."""
    before = os.sched_getaffinity(0)
    core, own = min(CORES), max(CORES)
    try:
        os.sched_setaffinity(0, {own})
        assert pinned(["x"], core)[1:] == ["-c", str(core), "x"]
        with Program(WAIT, core=core, directory=tmp_path) as program:
            while "here" not in program.tail():
                assert program.is_running
            assert os.sched_getaffinity(program.pid) == {core}
            program.check_core()
    finally:
        os.sched_setaffinity(0, before)


@needs_taskset
def test_without_a_core_it_may_use_all_though_the_harness_is_bound(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {max(CORES)})
        with Program(WAIT, core=None, directory=tmp_path) as program:
            while "here" not in program.tail():
                assert program.is_running
            assert os.sched_getaffinity(program.pid) == CORES
            program.check_core()
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.skipif(len(CORES) < 2, reason="one core")
@needs_taskset
def test_a_program_on_the_wrong_core_is_found_out(tmp_path: Path) -> None:
    with Program(WAIT, core=min(CORES), directory=tmp_path) as program:
        while "here" not in program.tail():
            assert program.is_running
        os.sched_setaffinity(program.pid, CORES)
        with pytest.raises(BenchError, match="runs on cores"):
            program.check_core()


def test_a_core_that_is_not_there_is_not_asked_for() -> None:
    assert pinned(["x", "y"], 4096) == ["x", "y"]


def test_a_program_is_gone_after_its_block(tmp_path: Path) -> None:
    with Program(WAIT, core=0, directory=tmp_path) as program:
        assert program.is_running and program.pid in program.pids()
    assert not program.is_running


def test_a_program_that_ends_at_once_tells_its_last_words(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with Program(argv, core=0, directory=tmp_path) as program, pytest.raises(BenchError) as caught:
        program.wait_port(free_port())
    assert brief(str(caught.value)).endswith("no such option")


def test_ports_are_not_given_twice() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20 and all(21001 <= port <= 31999 for port in ports)


def test_programs_do_not_inherit_what_would_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTGW_PURE", "1")
    monkeypatch.setenv("GOGC", "off")
    assert not {"FASTGW_PURE", "GOGC"} & set(clean_environment())


def test_tools_report_or_fail() -> None:
    assert run_tool(["echo", "figures"]) == "figures\n"
    with pytest.raises(BenchError, match="failed"):
        run_tool(["false"])
    with pytest.raises(BenchError, match="did not end"):
        run_tool(["tail", "-f", "/dev/null"], timeout=0.05)
