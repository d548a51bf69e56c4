"""examples/services/_http.py: bytes of requests in, bytes of answers out, over a pair of sockets and no port."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator

import _http
import pytest
from _http import Answer, Call, Problem, json_answer

Talk = Callable[[bytes], bytes]


def echo(call: Call) -> Answer:
    return Answer(call.body.all(1000), "text/plain")


def ignore(call: Call) -> Answer:
    return json_answer({"path": call.path, "query": call.query})


def stream(call: Call) -> Answer:
    return Answer(iter([b"one", b"two"]), "text/plain")


def sized(call: Call) -> Answer:
    return Answer(iter([b"one", b"two"]), "text/plain", length=6)


def broken(call: Call) -> Answer:
    raise RuntimeError("a bug")


ROUTES: _http.Routes = {
    ("POST", "/echo"): echo,
    ("PUT", "/echo"): echo,
    ("POST", "/ignore"): ignore,
    ("GET", "/stream"): stream,
    ("GET", "/sized"): sized,
    ("GET", "/broken"): broken,
    ("GET", "/below/"): ignore,
}


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Send the bytes, let the handler run to the end of the connection, return what it wrote."""
    monkeypatch.setattr(_http, "LINGER", 0.2)
    server = _http.Server.__new__(_http.Server)
    server.name, server.started = "test", 0.0
    server.routes = {("GET", "/healthz"): server._health, **ROUTES}
    pairs: list[socket.socket] = []

    def run(data: bytes) -> bytes:
        ours, theirs = socket.socketpair()
        pairs.extend((ours, theirs))
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        _http.Handler(theirs, ("test", 0), server)
        theirs.close()
        received = b""
        while block := ours.recv(65536):
            received += block
        return received

    yield run
    for end in pairs:
        end.close()


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP_NODELAY is not for a pair of Unix sockets."""
    monkeypatch.setattr(_http.Handler, "disable_nagle_algorithm", False)


def post(path: str, body: bytes, *fields: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: x", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def error(answer: bytes) -> str:
    text = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert isinstance(text, str)
    return text


def test_requests_on_one_connection_are_answered_in_order(talk: Talk) -> None:
    answers = talk(post("/echo", b"abc", "content-length: 3") + b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n" * 2)
    assert statuses(answers) == [200, 200, 200]
    assert answers.index(b"\r\n\r\nabcHTTP/1.1 200") < answers.index(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_chunked_body_with_extensions_and_trailers(talk: Talk) -> None:
    body = b"3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n"
    answers = talk(post("/echo", body, "Transfer-Encoding: Chunked") + post("/echo", b"z", "content-length: 1"))
    assert statuses(answers) == [200, 200]
    assert b"abc0123456789" in answers
    assert answers.endswith(b"\r\n\r\nz")


def test_a_body_that_nobody_read_does_not_become_the_next_request(talk: Talk) -> None:
    answers = talk(
        post("/ignore?a=1&b=%20&c=", b"GET /", "content-length: 5") + post("/echo", b"z", "content-length: 1")
    )
    assert statuses(answers) == [200, 200]
    assert b'{"path": "/ignore", "query": {"a": "1", "b": " ", "c": ""}}' in answers


def test_a_large_body_that_nobody_read_ends_the_connection(talk: Talk) -> None:
    length = _http.BLOCK + 1
    answers = talk(
        post("/ignore", b"x" * length, f"content-length: {length}") + post("/echo", b"", "content-length: 0")
    )
    assert statuses(answers) == [200]
    assert b"connection: close" in answers


def test_continue_is_sent_only_when_the_body_is_wanted(talk: Talk) -> None:
    fields = ("content-length: 2", "expect: 100-continue")
    assert statuses(talk(post("/echo", b"ab", *fields))) == [100, 200]
    refused = talk(post("/nowhere", b"", *fields))
    assert statuses(refused) == [404]
    assert b"connection: close" in refused


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(talk: Talk) -> None:
    for fields, body in ((["content-length: 5000"], b""), (["transfer-encoding: chunked"], b"FFF\r\n")):
        answer = talk(post("/echo", body, *fields))
        assert statuses(answer) == [413]
        assert error(answer) == "the body is longer than 1000 bytes"


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        (["content-length: 3", "transfer-encoding: chunked"], b"0\r\n\r\n", 400),
        (["content-length: 1", "content-length: 1"], b"x", 400),
        (["content-length: +1"], b"x", 400),
        (["content-length: -1"], b"x", 400),
        (["transfer-encoding: gzip, chunked"], b"", 501),
        (["transfer-encoding: chunked"], b"zz\r\n", 400),
        (["transfer-encoding: chunked"], b"-1\r\n", 400),
        (["transfer-encoding: chunked"], b"\r\n", 400),
        (["transfer-encoding: chunked"], b"1\r\nabc", 400),
        (["transfer-encoding: chunked"], b"1" * 5000, 400),
    ],
)
def test_framing_without_a_single_reading_is_refused(talk: Talk, fields: list[str], body: bytes, status: int) -> None:
    answer = talk(post("/echo", body, *fields))
    assert statuses(answer) == [status]
    assert b"connection: close" in answer
    assert error(answer)


@pytest.mark.parametrize("body", [b"3\r\nab", b"3\r\nabc\r", b"", b"5"])
def test_a_client_that_goes_away_inside_the_body_gets_nothing(talk: Talk, body: bytes) -> None:
    assert talk(post("/echo", body, "transfer-encoding: chunked")) == b""
    assert talk(post("/echo", body, "content-length: 100")) == b""


def test_unknown_paths_and_methods(talk: Talk) -> None:
    assert error(talk(b"GET /nowhere HTTP/1.1\r\n\r\n")) == "no /nowhere here"
    answer = talk(b"GET /echo HTTP/1.1\r\n\r\n")
    assert statuses(answer) == [405]
    assert b"\r\nallow: POST, PUT\r\n" in answer
    assert statuses(talk(b"GET /below/one/two HTTP/1.1\r\n\r\n")) == [200]
    assert statuses(talk(b"BREW /echo HTTP/1.1\r\n\r\n")) == [501]


def test_a_head_that_cannot_be_read_is_refused_as_json(talk: Talk) -> None:
    answer = talk(b"GET / HTTP/9.x\r\n\r\n")
    assert statuses(answer) == [400]
    assert error(answer)


def test_head_has_the_length_and_no_body(talk: Talk) -> None:
    answer = talk(b"HEAD /sized HTTP/1.1\r\n\r\n")
    assert b"content-length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_an_old_client_gets_the_stream_up_to_the_end_of_the_connection(talk: Talk) -> None:
    answer = talk(b"GET /stream HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert b"chunked" not in answer
    assert b"connection: close" in answer
    assert answer.endswith(b"\r\n\r\nonetwo")


def test_a_bug_is_a_500_without_the_traceback(talk: Talk, capsys: pytest.CaptureFixture[str]) -> None:
    answer = talk(b"GET /broken HTTP/1.1\r\n\r\n")
    assert statuses(answer) == [500]
    assert error(answer) == "the service failed"
    assert "RuntimeError: a bug" in capsys.readouterr().err


def test_health(talk: Talk) -> None:
    assert b'{"status": "ok", "service": "test", "uptime": ' in talk(b"GET /healthz HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(("text", "seconds"), [("50ms", 0.05), ("1.5s", 1.5), ("2", 2.0), ("0", 0.0)])
def test_durations(text: str, seconds: float) -> None:
    assert _http.duration(text, "pace", 10) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "ms", "s", "-1", "11s", "nan", "inf", "1m"])
def test_durations_out_of_range(text: str) -> None:
    with pytest.raises(Problem, match="pace must be a duration"):
        _http.duration(text, "pace", 10)


def test_a_reader_that_goes_away_ends_the_source() -> None:
    """A generator must not live on for a client that has gone."""
    seen = []

    def source() -> Iterator[bytes]:
        try:
            yield b"first"
            yield b"second"
        finally:
            seen.append("closed")

    ours, theirs = socket.socketpair()
    server = _http.Server.__new__(_http.Server)
    server.name, server.routes = "test", {("GET", "/"): lambda call: Answer(source())}
    ours.sendall(b"GET / HTTP/1.1\r\n\r\n")
    ours.close()
    with theirs, contextlib.suppress(BrokenPipeError):
        _http.Handler(theirs, ("test", 0), server)
    assert seen == ["closed"]
