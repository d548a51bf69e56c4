"""The access log: what a line says, and how lines reach the file."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.reply import Reply
from fastgw.filters import access_log
from fastgw.filters.access_log import VALUE_MAX, AccessLog
from fastgw.filters.request_id import RequestId
from tests.support.edge import GET, OK, POST, Edge, Spy


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "access.log"
    assert not [thread for thread in threading.enumerate() if thread.name == "access-log"]


def logging(path: Path | str, *filters: Any, **options: Any) -> tuple[AccessLog, Edge]:
    """An edge whose outermost filter is an access log at this path."""
    log = AccessLog("log", {"path": str(path), **options}, wall=lambda: 1234.5)
    edge = Edge(filters=[log, *filters])
    log.start(edge.loop)
    return log, edge


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_line_of_a_request(path: Path) -> None:
    log, edge = logging(path, RequestId("id", {}, bytes(16)))
    client, service = edge.pair(POST.replace(b"POST / ", b"POST /a?b=secret "))
    client.feed(b"hello")
    edge.loop.advance(0.25)
    service.feed(OK)
    log.stop()
    edge.end()
    assert lines(path) == [
        {
            "time": 1234.5,
            "id": "0" * 29 + "100",
            "client": "127.0.0.1",
            "method": "POST",
            "host": "a.test",
            "path": "/a",
            "status": 200,
            "route": "all",
            "service": "s",
            "endpoint": "127.0.0.1:9000",
            "attempts": 1,
            "ms": 250.0,
            "in": 5,
            "out": 2,
        }
    ]


def test_line_of_a_reply(path: Path) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    edge.client(GET)
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["status"], line["service"], line["endpoint"], line["attempts"]) == (204, None, None, 0)


def test_line_of_an_error_names_the_endpoint(path: Path) -> None:
    log, edge = logging(path)
    edge.client(GET)
    edge.refuse()
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["status"], line["error"], line["fault"]) == (502, "connect_failed", "upstream")
    assert line["service"] == "s"
    assert line["endpoint"] == "127.0.0.1:9000"


def test_line_of_a_client_that_went_away(path: Path) -> None:
    log, edge = logging(path)
    client, _ = edge.pair()
    client.lose()
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["status"], line["error"], line["fault"]) == (499, "client_gone", "downstream")


def test_client_cannot_forge_a_line(path: Path) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    edge.client(b"GET /%0a%22" + b"x" * 2000 + b' HTTP/1.1\r\nHost: a\r\nX-Request-Id: \xe9"\r\n\r\n')
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert len(line["path"]) == VALUE_MAX
    assert line["path"].startswith("/%0A%22")


def test_lines_are_written_after_a_while(path: Path) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), flush=2)
    edge.client(GET * 2)
    assert path.read_text() == ""
    edge.loop.advance(2.0)
    log.stop()
    assert len(lines(path)) == 2
    edge.end()


def test_full_batch_is_written_at_once(path: Path) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), batch=1)
    edge.client(GET * 3)
    log.stop()
    assert len(lines(path)) == 3
    edge.end()


def test_lines_are_dropped_and_counted_when_the_disk_is_slow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    real_write = os.write

    def slow(fd: int, data: bytes) -> int:
        gate.wait(10)
        return real_write(fd, data)

    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), batch=1)
    monkeypatch.setattr(access_log, "PENDING_MAX", 100)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", slow)
        edge.client(GET * 3)
        monkeypatch.setattr(access_log, "PENDING_MAX", 1_000_000)
        edge.client(GET)
        gate.set()
        log.stop()
    assert [line.get("dropped") for line in lines(path)] == [None, 2]
    edge.end()


def test_disk_that_fails_is_told_on_stderr(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        edge.client(GET)
        log.stop()
    assert "No space left" in capsys.readouterr().err
    edge.end()


def test_short_write_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real_write(fd, data[:7]))
        edge.client(GET)
        log.stop()
    assert lines(path)[0]["status"] == 204
    edge.end()


def test_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    log = AccessLog("log", {"path": str(tmp_path / "none" / "access.log")})
    with pytest.raises(OSError, match=r"access\.log"):
        log.start(Edge().loop)


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    log = AccessLog("log", {})
    edge = Edge(filters=[log, Spy("a", [], request=lambda exchange: Reply(204))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", sys.__stdout__)
        log.start(edge.loop)
    edge.client(GET)
    log.stop()
    assert json.loads(capfd.readouterr().out)["status"] == 204
    os.fstat(1)
    edge.end()


def test_log_that_was_not_started_keeps_nothing(path: Path) -> None:
    log = AccessLog("log", {"path": str(path), "batch": 1})
    edge = Edge(filters=[log, Spy("a", [], request=lambda exchange: Reply(204))])
    edge.client(GET)
    log.stop()
    edge.end()
    assert not path.exists()


def test_writer_that_does_not_end_is_left_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead disk must not hold up a shutdown; the descriptor stays the thread's."""
    gate = threading.Event()
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), batch=1)
    real_write, real_join = os.write, threading.Thread.join

    def dead(fd: int, data: bytes) -> int:
        gate.wait(10)
        return real_write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", dead)
        patch.setattr(threading.Thread, "join", lambda thread, timeout=None: real_join(thread, 0.0))
        edge.client(GET)
        writers = [thread for thread in threading.enumerate() if thread.name == "access-log"]
        log.stop()
        gate.set()
    for writer in writers:
        writer.join(10)
    assert len(lines(path)) == 1
    edge.end()


def test_exchange_that_outlived_its_configuration_is_logged_too(path: Path) -> None:
    log, edge = logging(path)
    _, service = edge.pair()
    log.stop()
    service.feed(OK)
    assert [line["status"] for line in lines(path)] == [200]
    edge.end()


def test_filters_of_one_path_share_its_file_and_the_last_one_closes_it(path: Path) -> None:
    first, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    second = AccessLog("second", {"path": str(path)})
    second.start(edge.loop)
    assert len([thread for thread in threading.enumerate() if thread.name == "access-log"]) == 1
    second.stop()
    edge.client(GET)
    first.stop()
    assert len(lines(path)) == 1
    edge.end()


def test_file_that_was_rotated_away_is_opened_again_by_the_next_configuration(path: Path) -> None:
    old, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), batch=1)
    path.rename(path.with_suffix(".1"))
    new = AccessLog("new", {"path": str(path), "batch": 1})
    new.start(edge.loop)
    edge.client(GET)
    old.stop()
    new.stop()
    assert len(lines(path)) == 1
    assert lines(path.with_suffix(".1")) == []
    edge.end()


def test_standard_error_is_never_opened_again(capfd: pytest.CaptureFixture[str]) -> None:
    logs = [AccessLog(str(number), {"path": "stderr"}) for number in range(2)]
    edge = Edge(filters=[logs[0], Spy("a", [], request=lambda exchange: Reply(204))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", sys.__stderr__)
        for log in logs:
            log.start(edge.loop)
    edge.client(GET)
    for log in logs:
        log.stop()
    assert json.loads(capfd.readouterr().err)["status"] == 204
    os.fstat(2)
    edge.end()
