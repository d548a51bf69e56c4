"""What control groups leave of the processors; their files are the test's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.server import workers
from fastgw.server.cgroup import quota


class Groups:
    """A tree of control groups."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.ours = folder / "self"

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")

    def quota(self, *ours: str) -> float:
        self.ours.write_text("".join(f"{one}\n" for one in ours))
        return quota(str(self.ours), str(self.root))


@pytest.fixture
def groups(tmp_path: Path) -> Groups:
    return Groups(tmp_path)


def test_version_2_has_one_file(groups: Groups) -> None:
    groups.write("system.slice/fastgw.service/cpu.max", "150000 100000")
    assert groups.quota("0::/system.slice/fastgw.service") == 1.5
    groups.write("system.slice/fastgw.service/cpu.max", "max 100000")
    assert groups.quota("0::/system.slice/fastgw.service") == 0.0


def test_the_narrowest_group_above_counts(groups: Groups) -> None:
    groups.write("pod/cpu.max", "200000 100000")
    groups.write("pod/gateway/cpu.max", "400000 100000")
    assert groups.quota("0::/pod/gateway") == 2.0


def test_in_a_container_the_root_is_the_group(groups: Groups) -> None:
    """Its path is that of the host, or ``/``: either way the group is mounted at the root."""
    groups.write("cpu.max", "50000 100000")
    assert groups.quota("0::/") == groups.quota("0::/kubepods/burstable/pod1") == 0.5


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_version_1_has_a_quota_and_a_period(groups: Groups, mount: str) -> None:
    groups.write(f"{mount}/docker/1/cpu.cfs_period_us", "50000")
    groups.write(f"{mount}/docker/1/cpu.cfs_quota_us", "150000")
    ours = ("12:cpuset:/docker/1", "4:cpu,cpuacct:/docker/1", "0::/docker/1")
    assert groups.quota(*ours) == 3.0
    groups.write(f"{mount}/docker/1/cpu.cfs_quota_us", "-1")
    assert groups.quota(*ours) == 0.0


def test_what_cannot_be_read_bounds_nothing(groups: Groups) -> None:
    assert quota(str(groups.ours), str(groups.root)) == 0.0
    groups.write("cpu.max", "fast enough")
    assert groups.quota("0::/", "nonsense", "") == 0.0


@pytest.mark.parametrize(
    ("bound", "allowed", "count"), [(0.0, 8, 8), (1.5, 8, 2), (0.5, 8, 1), (64.0, 8, 8), (4.0, 2, 2)]
)
def test_a_worker_for_each_processor_that_is_ours_in_time_too(
    monkeypatch: pytest.MonkeyPatch, bound: float, allowed: int, count: int
) -> None:
    monkeypatch.setattr(workers, "quota", lambda: bound)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(allowed)))
    assert workers.processors() == count
