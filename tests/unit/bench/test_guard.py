"""The guard's arithmetic; what valgrind prints is read right.  Nothing is counted here."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import fastgw
from bench.guard import __main__ as command
from bench.guard import count, workload
from bench.guard.count import Finding, GuardError, compare, describe, key_of, medians, parse_dump
from bench.micro.stage import Stage

DUMP = """# callgrind format
version: 1
desc: Trigger: Client Request: get

positions: line
events: Ir
fn=(1) PyObject_Call
12 500
totals: 28650400
"""


class Seen:
    """What was called of the marks, in order."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []
        self.end = self.calls.append

    def begin(self) -> None:
        self.calls.append(b"begin")

    def toggle(self) -> None:
        self.calls.append(b"toggle")


@pytest.fixture(autouse=True)
def _collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heap of all tests is not collected for each workload, nor given back to the collector."""
    monkeypatch.setattr(workload, "gc", SimpleNamespace(collect=int, freeze=int, unfreeze=int))


def test_name_and_sum_are_found() -> None:
    assert parse_dump(DUMP) == ("get", 28_650_400)
    for broken in (DUMP.replace("Client Request: get", "Program termination"), DUMP.replace("totals", "none")):
        with pytest.raises(GuardError, match="without a mark"):
            parse_dump(broken)


@pytest.mark.parametrize(("measured", "within"), [(1029, True), (1031, False), (971, True), (969, False), (1000, True)])
def test_three_percent_either_way(measured: int, within: bool) -> None:
    assert Finding("get", measured, 1000).is_within is within


def test_a_figure_that_was_never_committed_is_no_success() -> None:
    (finding,) = compare({"get": 5}, {})
    assert not finding.is_within and "--update" in describe(finding)


def test_every_finding_says_what_to_do() -> None:
    assert describe(Finding("get", 110, 100)).endswith("(+10.0%): MORE")
    assert describe(Finding("get", 90, 100)).endswith("(-10.0%): less: commit the new figure")
    assert describe(Finding("get", 100, 100)).endswith("as committed")


def test_figures_are_kept_by_version_and_form(tmp_path: Path) -> None:
    assert key_of("3.13.1", False) == "CPython 3.13.1, pure Python"
    assert re.fullmatch(r"CPython 3\.13\.1, Cython \S+, cc \S+", key_of("3.13.1", True))
    path = tmp_path / "baseline.json"
    assert count.load_baseline(path) == {}
    count.save_baseline({"cpython-3.11-pure": {"get": 7}}, path)
    assert count.load_baseline(path) == {"cpython-3.11-pure": {"get": 7}}


@pytest.mark.parametrize(("committed", "status"), [({"get": 30}, 0), ({"get": 20}, 1), ({}, 1)])
def test_command(
    committed: dict[str, int], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "measure", lambda annotate: ({"get": 30}, ""))
    key = key_of(platform.python_version(), fastgw.compiled())
    monkeypatch.setattr(command, "load_baseline", lambda: {key: committed})
    assert command.main(["--pure"]) == status
    assert "get: 30 instructions" in capsys.readouterr().out


def test_figures_of_other_tools_hold_nothing_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "measure", lambda annotate: ({"get": 30}, ""))
    monkeypatch.setattr(command, "load_baseline", lambda: {"CPython 9": {"get": 1}})
    assert command.main(["--pure"]) == 0
    assert "nothing is held (there is: CPython 9)" in capsys.readouterr().out


def test_update_keeps_the_other_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[object] = []
    monkeypatch.setattr(command, "measure", lambda annotate: ({"get": 30}, ""))
    monkeypatch.setattr(command, "load_baseline", lambda: {"cpython-3.99-pure": {"get": 1}})
    monkeypatch.setattr(command, "save_baseline", saved.append)
    assert command.main(["--pure", "--update"]) == 0
    key = key_of(platform.python_version(), fastgw.compiled())
    assert saved == [{"cpython-3.99-pure": {"get": 1}, key: {"get": 30}}]


def test_counting_that_is_impossible_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert command.main(["--pure"]) == 2
    assert "valgrind is not installed" in capsys.readouterr().err


def test_a_core_that_is_not_compiled_is_not_counted_unasked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fastgw.compiled", lambda: False)
    assert command.main([]) == 2
    assert "not compiled" in capsys.readouterr().err


def test_every_workload_runs_between_its_marks() -> None:
    stage = Stage()
    marks = Seen()
    workload.run(workload.workloads(stage), 3, marks)
    slices = [b"toggle"] * 2 * workload.SLICES
    assert marks.calls == [b"begin", *slices, b"get", b"begin", *slices, b"post", b"begin", *slices, b"events"]
    assert stage.client.protocol.exchange is None


def test_what_is_counted_of_models_is_sent_with_another_name() -> None:
    stage = Stage(models=workload.MODELS, service=workload.SPOKEN)
    for name, work in workload.chats(stage, workload.PLAIN).items():
        work(2)
        assert stage.client.written.startswith(b"HTTP/1.1 200 "), name
        assert (b'"model": "openai/gpt-oss-120b"' in stage.service.written) is (name == "models")
        assert b'"messages": [{"role": "system"' in stage.service.written


def test_what_is_counted_of_filters_is_let_through_by_all_of_them() -> None:
    marks = Seen()
    with workload.filtered() as works:
        stages: dict[str, Stage] = {name: getattr(work, "__self__") for name, work in works.items()}  # noqa: B009
        workload.run(works, 3, marks)
    assert [name for name in marks.calls if name not in {b"begin", b"toggle"}] == [
        b"fields",
        b"access_log",
        b"combined",
        b"sampled",
        b"jwt",
        b"api_key",
        b"record",
        b"rate_limit",
        b"filters",
        b"gate",
        b"members",
        b"policies",
        b"traces",
        b"traced",
    ]
    for name, stage in stages.items():
        assert stage.client.written.startswith(b"HTTP/1.1 200 "), name
        if name in ("gate", "members", "policies", "traced", "traces"):
            continue
        sent = stage.service.written
        assert (b"Bearer" in sent) is (name not in ("jwt", "filters"))
        assert (b"fgw_" in sent) is (name not in ("api_key", "filters"))


def test_what_is_counted_of_metering_passes_it() -> None:
    with workload.metered() as works:
        for name, work in works.items():
            cells = [one.cell_contents for one in getattr(work, "__closure__")]  # noqa: B009
            [stage] = [one for one in cells if isinstance(one, Stage)]
            work(2)
            assert stage.client.written.startswith(b"0\r\n" if name == "metered_events" else b"HTTP/1.1 200 "), name
            sent = stage.service.written
            assert (b"accept-encoding: identity\r\n" in sent) and b"fgw_" not in sent
            assert (b'"model": "openai/gpt-oss-120b"' in sent) is (name == "inference")


def test_of_several_counts_the_median_is_held() -> None:
    assert medians({"get": 10, "event": 5}, {"get": 30, "event": 5}, {"get": 11, "event": 9}) == {"get": 11, "event": 5}
