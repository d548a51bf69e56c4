"""Access logs of text: what a line says, and that no client can make it say something else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.writer import VALUE_MAX
from fastgw.testing.edge import GET, OK, POST, Spy
from tests.unit.filters.logs import logging

#: What programs take apart that read such a log.
LINE = re.compile(
    rb'(\S+) - (\S+) \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"\n'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def answered(path: Path, sent: bytes, notes: dict[str, Any] | None = None, **options: Any) -> bytes:
    """The log of one request that is answered here."""

    def answer(exchange: Any) -> Reply:
        for name, note in (notes or {}).items():
            exchange.note(name, note)
        return Reply(200, b"hello")

    log, edge = logging(path, Spy("a", [], request=answer), **options)
    edge.client(sent)
    log.stop()
    edge.end()
    return path.read_bytes()


def with_fields(*lines: bytes) -> bytes:
    return GET[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def test_combined(path: Path) -> None:
    sent = with_fields(b"Referer: http://a.test/x", b"User-Agent: curl/8.5.0 (x86)").replace(b"GET / ", b"GET /a?b=c ")
    assert answered(path, sent, {"basic": "ann"}, format="combined") == (
        b'127.0.0.1 - ann [01/Jan/1970:00:20:34 +0000] "GET /a?b=c HTTP/1.1" 200 5 "http://a.test/x" "curl/8.5.0 (x86)"\n'
    )


def test_what_there_is_not_is_a_dash(path: Path) -> None:
    assert answered(path, GET.replace(b"/1.1", b"/1.0"), format="combined") == (
        b'127.0.0.1 - - [01/Jan/1970:00:20:34 +0000] "GET / HTTP/1.0" 200 5 "-" "-"\n'
    )


@pytest.mark.parametrize(
    ("notes", "user"),
    [
        ({"api_key": "k1"}, b"k1"),
        ({"mtls": "cn=a b"}, b"cn=a\\x20b"),
        ({"jwt": {"sub": 'joe [x] "GET'}, "api_key": ""}, b"joe\\x20[x]\\x20\\x22GET"),
        ({"oauth2": {"username": "eve\n"}}, b"eve\\x0A"),
        ({"jwt": "odd"}, b"-"),
    ],
)
def test_the_user_is_who_a_filter_says(path: Path, notes: dict[str, Any], user: bytes) -> None:
    found = LINE.fullmatch(answered(path, GET, notes, format="combined"))
    assert found is not None and found[2] == user


@pytest.mark.parametrize("byte", [*range(1, 10), 11, 12, *range(14, 32), 0x22, 0x5C, *range(0x7F, 0x100)])
def test_no_byte_of_a_client_gets_out_of_its_value(path: Path, byte: int) -> None:
    """Those that no field may have are refused, and what came of them is in the line all the same."""
    evil = b'a%c" 200 0 "x' % byte
    found = LINE.fullmatch(answered(path, with_fields(b"User-Agent: " + evil, b"Referer: " + evil), format="combined"))
    assert found is not None
    is_refused = (byte < 32 and byte != 9) or byte == 0x7F
    escaped = b"a\\x%02X\\x22 200 0 \\x22x" % byte
    assert (found[5], found[8]) == ((b"400" if is_refused else b"200"), escaped)


def test_a_line_that_a_client_sends_stays_in_its_value(path: Path) -> None:
    forged = b'x" 200 1 "-" "-"\n6.6.6.6 - root [01/Jan/1970:00:20:34 +0000] "GET /forged HTTP/1.1" 200 1 "-" "-'
    for sent in (
        b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % forged.replace(b" ", b"\t"),
        with_fields(b"User-Agent: " + forged),
    ):
        path.unlink(missing_ok=True)
        found = answered(path, sent, format="combined")
        assert LINE.fullmatch(found) and found.count(b"\n") == 1


def test_values_are_cut(path: Path) -> None:
    found = LINE.fullmatch(answered(path, with_fields(b"User-Agent: " + b"\x80" * 5000), format="combined"))
    assert found is not None and found[8] == b"\\x80" * VALUE_MAX


@pytest.mark.parametrize(
    ("sent", "line", "status"),
    [
        (b"GET /a?b HTTP/2.0\r\nUser-Agent: me\r\n\r\n", b"GET /a?b HTTP/2.0", b"505"),
        (b"\x16\x03\x01\r\n\r\n", b"\\x16\\x03\\x01", b"400"),
        (b"one two three four\r\n\r\n", b"one two three four", b"400"),
        (b"GET /" + b"x" * 70000, b"GET /" + b"x" * (VALUE_MAX - 5), b"414"),
    ],
)
def test_what_was_refused_has_its_first_line(path: Path, sent: bytes, line: bytes, status: bytes) -> None:
    found = LINE.fullmatch(answered(path, sent, format="combined"))
    assert found is not None and (found[4], found[5]) == (line, status)
    assert found[8] == (b"me" if b"me" in sent else b"-")


def test_a_template(path: Path) -> None:
    template = (
        *(
            "time.iso",
            b"\t",
            "time.unix",
            b"\t",
            "client.address",
            b" ",
            "exchange.attempts",
            b" ",
            "duration.ms",
            b" ",
        ),
        *("request.bytes", b" ", "response.bytes", b' "', "request.line", b'" ', "service.name", b" ", "error.code"),
        *(b" ", "log.sampled", b" <", "header.x-a", b">"),
    )
    log, edge = logging(path, template=template)
    client, service = edge.pair(POST.replace(b"POST / ", b"POST /a?b ").replace(b"\r\n\r\n", b"\r\nX-A: a b\r\n\r\n"))
    client.feed(b"hello")
    edge.loop.advance(0.25)
    service.feed(OK)
    log.stop()
    edge.end()
    assert path.read_bytes() == (
        b'1970-01-01T00:20:34.500Z\t1234.500\t127.0.0.1 1 250.000 5 2 "POST /a?b HTTP/1.1" s - 1 <a\\x20b>\n'
    )


def test_what_a_template_says_of_an_error_and_of_what_was_refused(path: Path) -> None:
    template = ("response.status", b" ", "error.code", b" ", "error.fault", b' "', "error.detail", b'" ')
    log, edge = logging(path, template=(*template, "duration.ms", b" ", "route.name", b" ", "listener.name"))
    edge.client(GET)
    edge.refuse()
    edge.client(GET).lose()
    edge.client(b"GET /\r\n\r\n")
    log.stop()
    edge.end()
    failed, gone, refused = path.read_bytes().splitlines()
    assert failed == b'502 connect_refused upstream "refused" 0.000 all edge'
    assert gone.startswith(b"499 client_gone downstream ")
    assert refused.startswith(b'400 malformed downstream "') and refused.endswith(b'" - fallback edge')


def test_a_quote_in_a_literal_opens_and_closes(path: Path) -> None:
    template = (b'"', "header.x-a", b'" ', "header.x-a", b' "b" ', "header.x-a")
    found = answered(path, with_fields(b"X-A: a b"), template=template)
    assert found == b'"a b" a\\x20b "b" a\\x20b\n'


def test_every_line_of_combined_is_taken_apart_by_those_who_read_such(path: Path) -> None:
    found = answered(path, GET * 3, format="combined")
    assert len(LINE.findall(found)) == 3 and LINE.sub(b"", found) == b""
