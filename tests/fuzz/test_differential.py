"""Made-up messages, read by the gateway and by h11: the two agree, or the gateway is stricter."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bench.scenarios.mutate import TOKENS, mutated_answer, mutated_request
from tests.fuzz.differential import (
    ANSWER_CHOICES,
    REQUEST_CHOICES,
    compare_answer,
    compare_requests,
    read_answer,
)
from tests.fuzz.stage import GET, HEAD, HTTP10, POST, WEBSOCKET, Stage, Told, pieces_of, server_reader
from tests.support.examples import examples

CHOICES = Path(__file__).resolve().parents[2] / "docs" / "parsing.md"

METHODS = (
    b"GET",
    b"HEAD",
    b"POST",
    b"OPTIONS",
    b"PUT",
    b"DELETE",
    b"QUERY",
    b"CONNECT",
    b"TRACE",
    b"get",
    b"BREW",
    b"\rGET",
    b"",
)
TARGETS = (
    b"/", b"/a/b?c=d", b"*", b"http://a.test/x", b"https://a.test", b"//a", b"/%2e%2e/x", b"/a/../b", b"/%00", b"/a#b", b"/\x80",
    b"a.test:443", b"/a b", b"/a\tb", b"ftp://a.test/", b"http://u@a.test/", b"/%zz", b"/\\..\\", b"", b"?q",
)  # fmt: skip
VERSIONS = (
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"ICY/1.0",
    b"",
)
LINES = (
    b"Host: a.test", b"Host:a.test:80", b"Host: ", b"host: b.test", b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: 05",
    b"Content-Length: 5, 5", b"Content-Length: +5", b"Content-Length: 5 ", b"Content-Length:\x0b5", b"Content_Length: 5",
    b"Content-Length: 18446744073709551621", b"Transfer-Encoding: chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: identity", b"Connection: close",
    b"Connection: keep-alive, x-hop", b"Connection: content-length", b"X-Hop: 1", b"TE: trailers", b"Trailer: X-Sum",
    b"Expect: 100-continue", b"Expect: tea", b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade", b"Proxy: x",
    b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"X-Forwarded-For: 1.2.3.4", b"X: \x80\xff",
    b"X: a\rb", b"X: a\nb", b"X: a\0b", b" folded", b"\tfolded", b"X : y", b": y", b"nothing", b"X:", b"X: y\r\n Z: w", b"\x00: y",
)  # fmt: skip
BODIES = (
    b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\n",
    b"5;a=b\r\nhello\r\n0\r\n\r\n", b'5 ; a="b\\"" ;c\r\nhello\r\n00\r\n\r\n', b"5\nhello\n0\n\n",
    b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFF\r\nhello",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n", b"5\r\nhello\r\n0\r\n",
)  # fmt: skip
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n")
STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified", b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ",
    b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 999 Odd", b"HTTP/1.1 20 OK",
    b"HTTP/2.0 200 OK", b"HTTP/1.1  200 OK", b"ICY 200 OK", b"HTTP/1.1 200 O\0K", b"HTTP/1.1 500 \xff",
)  # fmt: skip


@st.composite
def built(draw: st.DrawFn, starts: st.SearchStrategy[bytes]) -> bytes:
    """A message put together of sound and unsound parts."""
    lines = [draw(starts), *draw(st.lists(st.sampled_from(LINES), max_size=5))]
    end = draw(st.sampled_from(ENDS))
    odd = draw(st.integers(0, len(lines)))  # at most one line ends in another way than CRLF
    head = b"".join(line + (end if at == odd else b"\r\n") for at, line in enumerate(lines))
    return head + (end if odd == len(lines) else b"\r\n") + draw(st.sampled_from(BODIES))


def request_lines() -> st.SearchStrategy[bytes]:
    """Request lines, with a Host behind them more often than not."""
    line = st.tuples(st.sampled_from(METHODS), st.sampled_from(TARGETS), st.sampled_from(VERSIONS)).map(b" ".join)
    return st.tuples(line, st.sampled_from((b"\r\nHost: a.test", b"\r\nHost: a.test", b""))).map(b"".join)


requests = st.one_of(
    st.randoms().map(mutated_request),
    st.lists(built(request_lines()), min_size=1, max_size=3).map(b"".join),
    st.lists(st.sampled_from(TOKENS), min_size=1, max_size=12).map(b"".join),
)
answers = st.one_of(st.randoms().map(mutated_answer), built(st.sampled_from(STATUS_LINES)), st.binary(max_size=30))

quick = settings(
    max_examples=examples(1500), deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
thorough = settings(quick, max_examples=40_000, derandomize=False, print_blob=True)

_stages: list[Stage] = []


def ask(pieces: list[bytes]) -> Told:
    """Let the gateway read requests; after a failure the next example gets a new stage."""
    stage = _stages.pop() if _stages else Stage()
    told = stage.ask(pieces)
    _stages.append(stage)
    return told


def answer(request: bytes, pieces: list[bytes], is_ended: bool) -> Told:
    """Let the gateway read an answer."""
    stage = _stages.pop() if _stages else Stage()
    told = stage.answer(request, pieces, then_close=is_ended)
    _stages.append(stage)
    return told


def check_requests(data: bytes, cut: int) -> None:
    told = ask(pieces_of(data, cut % len(data)) if cut else [data])
    assert not compare_requests(data, told)


def check_answer(request: bytes, data: bytes, cut: int, is_ended: bool) -> None:
    told = answer(request, pieces_of(data, cut % len(data)) if cut and data else [data], is_ended)
    assert not compare_answer(request, data, told, is_ended=is_ended)


asking = st.sampled_from((GET, HEAD, HTTP10, WEBSOCKET, POST))
cuts = st.integers(0, 300)


@pytest.mark.timeout(300)
@quick
@example(b"\rGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 0)
@example(b"\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 0)
@example(b"\n\rGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 0)
@example(b"\r\n\rGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 0)
@example(b"\r\n\r\n\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 0)
@given(requests, cuts)
def test_h11_reads_what_was_forwarded_as_it_was_sent(data: bytes, cut: int) -> None:
    check_requests(data, cut)


@pytest.mark.timeout(300)
@quick
@given(asking, answers, cuts, st.booleans())
def test_h11_reads_what_the_client_got_as_it_was_answered(
    request: bytes, data: bytes, cut: int, is_ended: bool
) -> None:
    check_answer(request, data, cut, is_ended)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_more_requests() -> None:
    thorough(given(requests, cuts)(check_requests))()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_more_answers() -> None:
    thorough(given(asking, answers, cuts, st.booleans())(check_answer))()


@pytest.mark.parametrize("name", REQUEST_CHOICES)
def test_a_choice_about_requests_is_one_that_is_made(name: str) -> None:
    data = REQUEST_CHOICES[name]
    told = ask([data])
    reader = server_reader()
    reader.feed(data)
    assert len(told.requests) > len(reader.finish().complete)
    assert not compare_requests(data, told)


@pytest.mark.parametrize("name", ANSWER_CHOICES)
def test_a_choice_about_answers_is_one_that_is_made(name: str) -> None:
    data = ANSWER_CHOICES[name]
    told = answer(GET, [data], True)
    assert told.client.startswith(b"HTTP/1.1 200")
    assert not read_answer(data, GET, is_ended=True).reading.complete
    assert not compare_answer(GET, data, told, is_ended=True)


def test_every_choice_is_written_down() -> None:
    text = CHOICES.read_text()
    assert all(f"`{name}`" in text for name in {*REQUEST_CHOICES, *ANSWER_CHOICES})


@pytest.mark.parametrize("seed", range(40))
def test_a_change_on_the_way_would_be_noticed(seed: int) -> None:
    """The comparison itself: a forwarded request with something else in it is a difference."""
    told = ask([POST])
    (reading,) = told.services
    one = reading.messages[0]
    rng = Random(seed)
    changed = type(one)(
        start=(one.start[0], b"/else") if seed % 4 == 0 else one.start,
        fields=(*one.fields, (b"x-new", b"%d" % rng.randrange(9))) if seed % 4 == 1 else one.fields,
        body=one.body + b"!" if seed % 4 == 2 else one.body,
        trailers=((b"host", b"b"),) if seed % 4 == 3 else (),
        is_complete=True,
    )
    reading.messages[0] = changed
    assert compare_requests(POST, told)
