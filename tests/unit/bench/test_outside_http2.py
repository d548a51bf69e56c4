"""HTTP/2 by h2load: how it is asked, what gateways are told, and the table.  Nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.macro.loads import LoadResult
from bench.outside import gateways, http2
from bench.outside.http2 import SHAPES, table
from fastgw.config.load import load as load_configuration


def loaded(rate: float, errors: int = 0) -> LoadResult:
    return LoadResult(int(rate), 1.0, errors, 1500.0, 3000.0, 3000.0, 3000.0)


def test_h2load_is_asked_for_one_protocol_or_the_other() -> None:
    argv = [" ".join(shape.argv(81, 2, Path("/l"))) for shape in SHAPES]
    assert argv[0] == "h2load --h1 -c 128 -D 2 --log-file=/l http://127.0.0.1:81/api/greeting"
    assert argv[1] == "h2load -m 8 -c 16 -D 2 --log-file=/l http://127.0.0.1:81/api/greeting"


@pytest.mark.parametrize("name", gateways.HTTP2)
def test_gateways_are_told_the_protocol(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []

    class Started:
        def __init__(self, argv: tuple[str, ...], **_: object) -> None:
            started.append(argv)

        def wait_port(self, *_: object) -> None: ...

    monkeypatch.setattr(http2, "Program", Started)
    monkeypatch.setattr(http2, "fresh_directory", lambda label: tmp_path / label)
    monkeypatch.setattr("bench.outside.definitions.os.access", lambda *_: True)
    for is_http2, label in ((True, "h2"), (False, "h1")):
        http2.start(name, 23002, is_http2=is_http2)
        definition = gateways.GATEWAYS[name].define(tmp_path / f"{name}-{label}", tmp_path)
        [(_, output)] = definition.config_files
        text = (definition.directory / output).read_text()
        assert (gateways.HTTP2[name].strip() in text) is is_http2 and "23002" in text
        if name == "fastgw":
            load_configuration(definition.directory / output, {})  # which it takes
    assert len(started) == 2


def test_medians_are_shown_and_errors_added() -> None:
    samples = {("fastgw", SHAPES[1].name): [(loaded(100.0), 10.0), (loaded(300.0, 2), 30.0), (loaded(200.0, 1), 20.0)]}
    assert table(samples).splitlines()[2:] == [
        "| HTTP/2, 16 connections of 8 streams | fastgw | 200 | 1.50 | 3.00 | 20.0 | 3 |"
    ]


def test_lost_requests_are_told_by_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http2.os, "sched_setaffinity", lambda *_: None)
    key = ("nginx", SHAPES[0].name)
    for errors, status in ((0, 0), (1, 1)):
        monkeypatch.setattr(
            http2, "measure", lambda *_, errors=errors: ({key: [(loaded(1.0, errors), 1.0)]}, {"haproxy": "no"})
        )
        monkeypatch.setattr(http2, "not_installed", lambda _: "")
        assert http2.main(["--only", "nginx"]) == status
    assert "without haproxy: no" in capsys.readouterr().out
    monkeypatch.setattr(http2, "measure", lambda *_: ({}, {"nginx": "no"}))
    assert http2.main([]) == 2
    monkeypatch.setattr(http2, "not_installed", lambda _: "h2load is not installed")
    assert http2.main([]) == 2
