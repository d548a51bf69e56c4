"""What the kernel says about CPU time and memory is read right."""

from __future__ import annotations

import os
import time

import pytest

from bench.macro import procfs
from bench.macro.procfs import TICK, Cpu, parse_core, parse_smaps_rollup, parse_stat

STAT = "4242 (nginx: worker (1)) S 77 4242 4242 0 -1 4194624 100 0 0 0 150 450 0 0 20 0 1 0 12345 1000000 200 ..."
ROLLUP = """5588aa000000-7ffd00000000 ---p 00000000 00:00 0                          [rollup]
Rss:               10240 kB
Pss:                4096 kB
Pss_Dirty:          1000 kB
Shared_Clean:       6144 kB
"""
CORES = """cpu  100 0 100 1000 0 0 0 0 0 0
cpu0 10 1 20 500 3 4 5 6 0 0
cpu1 90 0 80 500 0 0 0 7 0 0
intr 12345
"""


def test_stat_with_spaces_and_parentheses_in_the_name() -> None:
    assert parse_stat(STAT) == (77, 150 * TICK, 450 * TICK)


def test_smaps_rollup() -> None:
    assert parse_smaps_rollup(ROLLUP) == (10240 * 1024, 4096 * 1024)


def test_a_core_without_idle_and_waiting_time() -> None:
    busy, stolen = parse_core(CORES, 0)
    assert busy == pytest.approx((10 + 1 + 20 + 4 + 5) * TICK)
    assert stolen == pytest.approx(6 * TICK)
    with pytest.raises(ValueError, match="no core 2"):
        parse_core(CORES, 2)


def test_the_precise_sum_is_divided_as_the_ticks_are() -> None:
    assert Cpu(total=1.0, user=0.2, system=0.6).split() == pytest.approx((0.25, 0.75))
    assert Cpu(total=0.001, user=0.0, system=0.0).split() == (0.001, 0.0)


def test_cpu_times_add_and_subtract() -> None:
    one, two = Cpu(3.0, 1.0, 2.0), Cpu(1.0, 0.5, 0.5)
    assert one + two == Cpu(4.0, 1.5, 2.5)
    assert one - two == Cpu(2.0, 0.5, 1.5)


def test_the_clock_of_a_process_is_its_own_cpu_time() -> None:
    before, used = procfs.cpu_clock(os.getpid()), time.process_time()
    sum(range(200_000))
    assert procfs.cpu_clock(os.getpid()) - before == pytest.approx(time.process_time() - used, abs=0.02)


def test_a_process_is_its_own_tree_and_has_memory() -> None:
    assert procfs.process_tree(os.getpid())[0] == os.getpid()
    memory = procfs.read_memory([os.getpid()])
    assert memory.rss >= memory.pss > 0


def test_a_process_that_is_gone_counts_nothing() -> None:
    assert procfs.read_cpu([2**22 - 3]) == Cpu(0.0, 0.0, 0.0)
    assert procfs.read_memory([2**22 - 3]).rss == 0
