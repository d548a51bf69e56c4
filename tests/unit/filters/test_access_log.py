"""The access log: what a line says, and how lines reach the file."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.access_log import access_log
from fastgw.filters.log_file import FILES, LogFile
from fastgw.filters.request_id import RequestId
from fastgw.filters.writer import VALUE_MAX
from fastgw.testing.edge import GET, OK, POST, Edge, Spy
from tests.support.traced import PARENT, TracedEdge
from tests.unit.filters.logs import Log, logging


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "access.log"
    assert not [thread for thread in threading.enumerate() if thread.name == "access-log"]


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
            "time": "1970-01-01T00:20:34.500Z",
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


def test_line_has_the_path_that_was_asked_for(path: Path) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: exchange.request.rewrite(b"/v2")))
    _, service = edge.pair(GET.replace(b"GET / ", b"GET /v1?q "))
    service.feed(OK)
    log.stop()
    edge.end()
    assert lines(path)[0]["path"] == "/v1"


def test_line_has_fields_with_variables(path: Path) -> None:
    fields = {
        "agent": ("header.user-agent",),
        "by": ("service.name", b"/", "response.status"),
        "user": ("note.user.id",),
    }
    log, edge = logging(
        path, Spy("a", [], request=lambda exchange: exchange.note("user", {"id": "é\n"})), fields=tuple(fields.items())
    )
    _, service = edge.pair(GET.replace(b"\r\n\r\n", b"\r\nUser-Agent: me\r\n\r\n"))
    service.feed(OK)
    client = edge.client(b"GET /\r\n\r\n")
    assert b"400" in client.take()
    log.stop()
    edge.end()
    served, refused = lines(path)
    assert (served["agent"], served["by"], served["user"]) == ("me", "s/200", "é\n")
    assert (refused["agent"], refused["by"], refused["user"]) == (None, "/400", None)


def test_line_has_the_notes_that_filters_want_in_it(path: Path) -> None:
    values = {
        "tenant": "acme\n",
        "queued": 1.5,
        "ok": True,
        "raw": b"\xff",
        "big": 2**70,
        "path": "forged",
        "long": "x" * 5000,
        "error": "forged",
    }

    class Noting:
        name = "noting"
        logged = (*values, "never")

        def request(self, exchange: Any) -> None:
            for name, value in values.items():
                exchange.note(name, value)
            exchange.note("unlisted", 1)

    log, edge = logging(path, Noting())
    _, service = edge.pair()
    service.feed(OK)
    log.stop()
    edge.end()
    (line,) = lines(path)
    expected = {"tenant": "acme\n", "queued": 1.5, "ok": True, "raw": "\ufffd", "big": str(2**70), "path": "/"}
    assert {name: line[name] for name in expected} == expected
    assert line["long"] == "x" * VALUE_MAX
    assert not {"never", "unlisted", "error"} & line.keys()


def test_line_of_a_websocket_says_how_it_went_whoever_has_noted_it(path: Path) -> None:
    noted = {"client": 3, "service": 4, "close": 1000}
    log, edge = logging(path, Spy("a", [], request=lambda exchange: exchange.note("websocket", noted)))
    _, service = edge.pair()
    service.feed(OK)
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert line["websocket"] == noted


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
    assert (line["status"], line["error"], line["fault"]) == (502, "connect_refused", "upstream")
    assert line["detail"] == "refused"  # the words of the exception, which the client does not get
    assert line["service"] == "s"
    assert line["endpoint"] == "127.0.0.1:9000"


def test_line_of_what_never_became_a_request(path: Path) -> None:
    log, edge = logging(path)
    edge.client(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
    edge.client(GET)
    edge.refuse()
    log.stop()
    edge.end()
    line, other = lines(path)
    told = {name: value for name, value in line.items() if value is not None}
    assert told == {
        "time": "1970-01-01T00:20:34.500Z",
        "client": "127.0.0.1",
        "method": "GET",
        "host": "a",
        "path": "/",
        "status": 400,
        "attempts": 0,
        "error": "malformed",
        "fault": "downstream",
        "detail": line["detail"],
    }
    assert list(line) == list(other)  # what is not known is null, and stands where it always stands


def test_line_of_a_client_that_went_away(path: Path) -> None:
    log, edge = logging(path)
    client, _ = edge.pair()
    client.lose()
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["status"], line["error"], line["fault"]) == (499, "client_gone", "downstream")


def test_line_of_a_client_that_ended_its_side(path: Path) -> None:
    log, edge = logging(path)
    edge.route.settings = edge.route.settings._replace(half_close="answer")
    client, service = edge.pair()
    client.feed_eof()
    service.feed(OK)
    edge.route.settings = edge.route.settings._replace(half_close=None)
    edge.client(GET).feed_eof()
    edge.run()
    log.stop()
    edge.end()
    assert [(line["status"], line["half_closed"], line.get("error")) for line in lines(path)] == [
        (200, True, None),
        (499, True, "client_gone"),
    ]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /a?k=v HTTP/2.0\r\nHost: b:80\r\n\r\n", ("GET", "b", "/a", 505)),
        (b"POST /a HTTP/1.1\r\nHost: [::1]:80\r\nHost: c\r\n\r\n", ("POST", "[::1]:80, c", "/a", 400)),
        (b"GET /" + b"x" * 70000, ("GET", None, "/" + "x" * (VALUE_MAX - 1), 414)),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", (None, None, None, 400)),
        (b'GET /\xff"\n\r\n\r\n', ("GET", None, '/\xff"', 400)),
        (b"nonsense\r\n\r\n", (None, None, None, 400)),
    ],
    ids=["version", "hosts", "long", "tls", "bytes", "nonsense"],
)
def test_line_of_what_was_refused_has_what_looks_like_a_request(path: Path, sent: bytes, expected: Any) -> None:
    log, edge = logging(path)
    edge.client(sent)
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["method"], line["host"], line["path"], line["status"]) == expected
    assert line["client"] == "127.0.0.1" and line["error"] and line["ms"] is None


def test_line_of_a_head_that_did_not_come(path: Path) -> None:
    log, edge = logging(path)
    client = edge.client(b"GET /slow HTTP/1.1\r\nHos")
    edge.loop.advance(60.0)
    assert b" 408 " in client.take()
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["status"], line["error"], line["path"]) == (408, "head_timeout", "/slow")


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


def test_lines_beyond_what_may_wait_are_lost_and_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)), batch=1)
    with monkeypatch.context() as patch:
        patch.setattr(LogFile, "is_full", property(lambda file: True))
        edge.client(GET * 2)
    edge.client(GET)
    log.stop()
    assert [line.get("dropped") for line in lines(path)] == [2]
    loss = FILES.losses.take()[str(path)]
    assert loss.lines == 2 and loss.size > 100 and "slowly" in loss.cause
    edge.end()


def test_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    log = access_log("log", {"path": str(tmp_path / "none" / "access.log")})
    with pytest.raises(OSError, match=r".*access\.log cannot be opened for appending: No such file"):
        log.start(Edge().loop)


def test_standard_output_stays_open(capfd: pytest.CaptureFixture[str]) -> None:
    log = Log(access_log("log", {}))
    edge = Edge(filters=[log, Spy("a", [], request=lambda exchange: Reply(204))])
    log.start(edge.loop)
    edge.client(GET)
    log.stop()
    assert json.loads(capfd.readouterr().out)["status"] == 204
    os.fstat(1)
    edge.end()


def test_log_that_was_not_started_keeps_nothing(path: Path) -> None:
    log = access_log("log", {"path": str(path), "batch": 1})
    edge = Edge(filters=[log, Spy("a", [], request=lambda exchange: Reply(204))])
    edge.client(GET)
    log.stop()
    edge.end()
    assert not path.exists()


def test_exchange_that_outlived_its_configuration_is_logged_too(path: Path) -> None:
    log, edge = logging(path)
    _, service = edge.pair()
    log.stop()
    service.feed(OK)
    FILES.finish()
    assert [line["status"] for line in lines(path)] == [200]
    edge.end()


def test_exchange_that_outlived_its_configuration_and_its_folder_is_a_lost_line(path: Path) -> None:
    log, edge = logging(path)
    _, service = edge.pair()
    log.stop()
    path.unlink()
    path.parent.rename(path.parent.with_name("gone"))
    service.feed(OK)
    assert FILES.losses.take()[str(path)].lines == 1
    edge.end()


def test_filters_of_one_path_share_its_file_and_the_last_one_closes_it(path: Path) -> None:
    first, edge = logging(path, Spy("a", [], request=lambda exchange: Reply(204)))
    second = Log(access_log("second", {"path": str(path)}))
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
    new = Log(access_log("new", {"path": str(path), "batch": 1}))
    new.start(edge.loop)
    edge.client(GET)
    old.stop()
    new.stop()
    assert len(lines(path)) == 1
    assert lines(path.with_suffix(".1")) == []
    edge.end()


def test_standard_error_is_never_opened_again(capfd: pytest.CaptureFixture[str]) -> None:
    logs = [Log(access_log(str(number), {"path": "stderr"})) for number in range(2)]
    edge = Edge(filters=[logs[0], Spy("a", [], request=lambda exchange: Reply(204))])
    for log in logs:
        log.start(edge.loop)
    assert FILES.reopen() == {}
    edge.client(GET)
    for log in logs:
        log.stop()
    assert json.loads(capfd.readouterr().err)["status"] == 204
    os.fstat(2)
    edge.end()


def test_a_line_of_a_trace_names_it(path: Path) -> None:
    log = Log(access_log("log", {"path": str(path), "fields": [("span_id", (b"mine",))]}))
    edge = TracedEdge(filters=[log], sample=0.5, numbers=[7, 1 << 55, 2, 3, 0, 4, 5])
    log.start(edge.loop)
    client, service = edge.pair(GET)
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    log.stop()
    [traced] = edge.recorded()
    edge.end()
    assert [one["trace_id"] for one in lines(path)] == [traced.id.decode(), f"{4:032x}"]
    assert [one["span_id"] for one in lines(path)] == ["mine", "mine"]


def test_without_traces_a_line_names_none(path: Path) -> None:
    log, edge = logging(path)
    _, service = edge.pair(GET[:-2] + b"traceparent: " + PARENT + b"\r\n\r\n")
    service.feed(OK)
    log.stop()
    edge.end()
    assert "trace_id" not in lines(path)[0]
