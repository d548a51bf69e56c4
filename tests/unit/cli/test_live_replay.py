"""Recorded requests sent to a gateway: a stand-in answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.live_replay import PAUSE_MAX, ReplayPace
from fastgw.cli.main import main
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, response

Capture = pytest.CaptureFixture[str]
JSON = [("content-type", "application/json")]


def answer(request: Received, connection: Connection) -> None:
    status = "404 None" if request.target.startswith(b"/gone") else "200 OK"
    connection.send(response(b"x", status=status))


@pytest.fixture
def service() -> Iterator[UpstreamServer]:
    with UpstreamServer(answer) as found:
        yield found


def record(target: str, **more: Any) -> dict[str, Any]:
    return {
        "v": 1, "at": "2026-11-28T00:00:00.000Z", "listener": "edge", "method": "GET", "target": target, "host": "a.test",
        "fields": [["accept", "text/plain"], ["authorization", "#12"], ["content-length", "9"]], "status": 200, "ms": 1.0,
    } | more  # fmt: skip


def sent(folder: Path, service: UpstreamServer, *arguments: str, records: list[dict[str, Any]]) -> int:
    path = folder / "c.log"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return main(["replay", "--live", f"http://{service.address}", *arguments, str(path)])


def test_each_is_sent_as_it_was_as_far_as_is_known(tmp_path: Path, service: UpstreamServer, capsys: Capture) -> None:
    assert sent(tmp_path, service, "-H", "Authorization: Bearer z", records=[record("/a?b=1"), record("/b")]) == 0
    first, _ = sorted(service.requests, key=lambda one: one.target)
    assert (first.method, first.target, first.header(b"host")) == (b"GET", b"/a?b=1", b"a.test")
    assert (first.headers(b"authorization"), first.header(b"accept")) == ([b"Bearer z"], b"text/plain")
    assert first.header(b"content-length") is None
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 requests sent to http://127.0.0.1:") and lines[1] == "       2 answered as before"


def test_what_is_answered_in_another_way_is_told(tmp_path: Path, service: UpstreamServer, capsys: Capture) -> None:
    assert sent(tmp_path, service, "--json", records=[record("/gone"), record("/gone"), record("/a")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["sent"], found["changed"]) == (3, 2) and found["changes"] == {"200 -> 404": {"GET a.test/gone": 2}}
    assert set(found["milliseconds"]) == {"now", "recorded"}


def test_what_changes_something_is_sent_only_if_somebody_says_so(
    tmp_path: Path, service: UpstreamServer, capsys: Capture
) -> None:
    body = {"size": 3, "data": base64.b64encode(b"abc").decode()}
    records = [record("/p", method="POST", body=body), record("/h", method="HEAD")]
    assert (
        sent(tmp_path, service, records=records) == 1 and service.requests == []
    )  # nothing was sent: nothing is known
    assert "! 1 not sent: they are POST" in capsys.readouterr().out
    assert sent(tmp_path, service, "--all-methods", records=records) == 0
    [request] = service.requests
    assert (request.method, request.body) == (b"POST", b"abc")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"target": "/a?key=#0011"}, "their query was recorded as hashes"),
        ({"body": {"size": 3, "hash": "#11"}}, "their body was not recorded"),
    ],
)
def test_what_is_not_known_is_not_sent(
    tmp_path: Path, service: UpstreamServer, capsys: Capture, changed: dict[str, Any], reason: str
) -> None:
    assert sent(tmp_path, service, records=[record("/a") | changed]) == 1
    assert f"! 1 not sent: {reason}" in capsys.readouterr().out and service.requests == []


def test_a_gateway_that_is_not_there_is_a_cause(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "c.log"
    path.write_text(
        json.dumps(record("/a", body={"size": 1, "data": "no base"})) + "\n" + json.dumps(record("/b")) + "\n"
    )
    assert main(["replay", "--live", f"http://127.0.0.1:{free_port()}", "--json", str(path)]) == 1
    assert set(json.loads(capsys.readouterr().out)["changes"]) == {"200 -> refused", "200 -> not_sendable"}


def test_the_pace_is_that_of_the_capture(tmp_path: Path, service: UpstreamServer, capsys: Capture) -> None:
    later = record("/b", at="2026-11-28T00:00:20.000Z")
    assert sent(tmp_path, service, "--speed", "100", records=[record("/a"), later]) == 0
    assert float(capsys.readouterr().out.split(" in ")[1].split(" s")[0]) >= 0.2
    assert sent(tmp_path, service, "--speed", "0", records=[record("/a"), later]) == 0


def test_a_gateway_beside_gets_the_same_and_answers_are_compared_whole(
    tmp_path: Path, service: UpstreamServer, capsys: Capture
) -> None:
    def other(request: Received, connection: Connection) -> None:
        body = {b"/gone": b"{}", b"/json": b'{"id": 2, "n": 1}'}.get(request.target, b"y")
        connection.send(response(body, fields=JSON if request.target == b"/json" else ()))

    def mine(request: Received, connection: Connection) -> None:
        if request.target == b"/json":
            connection.send(response(b'{"n": 1, "id": 1}', fields=JSON))
        else:
            answer(request, connection)

    records = [record("/gone"), record("/json"), record("/json"), record("/a", status=500)]
    with UpstreamServer(mine) as new, UpstreamServer(other) as old:
        asked = ("--beside", f"http://{old.address}", "--json", "--all-methods")
        assert sent(tmp_path, new, *asked, records=records) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["changes"] == {
            "200 -> 404": {"GET a.test/gone": 1},
            "another body": {"GET a.test/a": 1},
            "another body: id": {"GET a.test/json": 2},
        }
        assert found["beside"].startswith("http://") and set(found["milliseconds"]) == {"now", "beside"}
        assert len(old.requests) == len(new.requests) == 4
        assert sent(tmp_path, new, *asked[:2], "--ignore", "id", records=records[1:3]) == 0
        assert "       2 answered as by http://127.0.0.1:" in capsys.readouterr().out


def test_when_each_is_due() -> None:
    def due(speed: float, *times: str) -> list[float]:
        pace = ReplayPace(speed)
        return [pace.due(one) for one in times]

    assert due(1, "2026-11-28T00:00:00Z", "2026-11-28T00:00:20Z", "2026-11-28T00:00:10Z") == [0, 20, 10]
    assert due(10, "2026-11-28T00:00:00Z", "never", "9999-11-28T00:00:00Z") == [0, 0, PAUSE_MAX / 10]
    assert due(0, "2026-11-28T00:00:00Z", "2026-11-28T00:00:20Z") == [0, 0]


@pytest.mark.parametrize(
    "arguments", [["--live", "ftp://x"], ["--live", "http://"], ["--live", "http://a", "--speed", "-1"], []]
)
def test_wrong_arguments(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments, "x"])
    assert ended.value.code == 2


def test_what_goes_with_live_alone(capsys: Capture) -> None:
    assert main(["replay", "--against", "a.yaml", "--beside", "http://a", "x"]) == 2
    assert "go with --live" in capsys.readouterr().err
