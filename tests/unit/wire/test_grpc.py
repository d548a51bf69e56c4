"""gRPC as bytes: tables against the published ones, texts there and back, messages however their bytes come."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import grpc

SECONDS = st.floats(0, 1e13, allow_nan=False)


@pytest.mark.parametrize(
    ("content_type", "is_grpc", "is_web"),
    [
        (b"application/grpc", True, False),
        (b"application/grpc+proto", True, False),
        (b"Application/GRPC+json", True, False),
        (b"application/grpc; charset=utf-8", True, False),
        (b"application/grpc ; a=b", True, False),
        (b"application/grpc-web", False, True),
        (b"application/grpc-web+proto", False, True),
        (b"application/grpc-web-text+proto", False, True),
        (b"application/grpcx", False, False),
        (b"application/json", False, False),
        (b"", False, False),
        (None, False, False),
    ],
)
def test_what_is_a_call(content_type: bytes | None, *, is_grpc: bool, is_web: bool) -> None:
    assert grpc.is_grpc(content_type) is is_grpc
    assert grpc.is_web(content_type) is is_web


def test_codes_have_their_published_names_and_numbers() -> None:
    assert len(grpc.CODES) == len(grpc.HTTP_STATUSES) == 17
    for number, name in enumerate(grpc.CODES):
        assert getattr(grpc, name) == number


def test_names_and_numbers_are_those_of_grpcio() -> None:
    grpcio = pytest.importorskip("grpc")
    assert {one.name: one.value[0] for one in grpcio.StatusCode} == {name: at for at, name in enumerate(grpc.CODES)}


def test_answers_of_http_mean_what_the_published_table_says() -> None:
    table = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
    for status in range(100, 600):
        assert grpc.code_of_answer(status) == table.get(status, 2)


@pytest.mark.parametrize(
    ("cause", "status", "code"),
    [
        ("timeout", 504, "DEADLINE_EXCEEDED"),
        ("answer_timeout", 504, "DEADLINE_EXCEEDED"),
        ("stream_idle_timeout", 504, "DEADLINE_EXCEEDED"),
        ("body_timeout", 408, "DEADLINE_EXCEEDED"),
        ("connect_timeout", 504, "UNAVAILABLE"),
        ("connect_refused", 502, "UNAVAILABLE"),
        ("upstream_reset", 502, "UNAVAILABLE"),
        ("pool_full", 503, "UNAVAILABLE"),
        ("pending_timeout", 503, "UNAVAILABLE"),
        ("breaker_open", 503, "UNAVAILABLE"),
        ("rate_limited", 429, "RESOURCE_EXHAUSTED"),
        ("content_too_large", 413, "RESOURCE_EXHAUSTED"),
        ("no_token", 401, "UNAUTHENTICATED"),
        ("insufficient_scope", 403, "PERMISSION_DENIED"),
        ("no_route", 404, "UNIMPLEMENTED"),
        ("method_not_allowed", 405, "UNIMPLEMENTED"),
        ("internal", 500, "INTERNAL"),
        ("bad_answer", 502, "INTERNAL"),
        ("client_gone", 499, "CANCELLED"),
        ("something_new", 418, "INTERNAL"),
    ],
)
def test_errors_of_the_gateway_have_a_code_by_their_cause(cause: str, status: int, code: str) -> None:
    assert grpc.CODES[grpc.code_of_error(cause, status)] == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"0", 0),
        (b"14", 14),
        (b"16", 16),
        (b"17", 2),
        (b"999", 2),
        (b"007", 2),
        (b"", -1),
        (b"-1", -1),
        (b"x", -1),
        (None, -1),
    ],
)
def test_codes_are_read(value: bytes | None, code: int) -> None:
    assert grpc.read_code(value) == code


# --- deadlines


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1H", 3600.0),
        (b"2M", 120.0),
        (b"3S", 3.0),
        (b"100m", 0.1),
        (b"5u", 5e-6),
        (b"99999999n", 0.099999999),
        (b"0S", 0.0),
        (b"100000000n", -1.0),  # nine digits
        (b"", -1.0),
        (b"S", -1.0),
        (b"1", -1.0),
        (b"1s", -1.0),
        (b"-1S", -1.0),
        (b"1.5S", -1.0),
        (b" 1S", -1.0),
        ("１S".encode(), -1.0),
        (b"1S\n", -1.0),
    ],
)
def test_deadlines_are_read(value: bytes, seconds: float) -> None:
    assert grpc.read_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("seconds", "value"),
    [
        (0.1, b"100000u"),
        (0.0, b"1u"),
        (-5.0, b"1u"),
        (99.0, b"99000000u"),
        (100.0, b"100000m"),
        (1e8, b"1666666M"),
        (1e13, b"99999999H"),
    ],
)
def test_deadlines_are_written(seconds: float, value: bytes) -> None:
    assert grpc.write_timeout(seconds) == value


@given(SECONDS)
def test_a_deadline_that_is_passed_on_is_no_later_and_hardly_sooner(seconds: float) -> None:
    value = grpc.write_timeout(seconds)
    assert len(value) <= 9
    back = grpc.read_timeout(value)
    assert back <= max(seconds, 1e-6) * (1 + 1e-9)
    if seconds < 3.5e11:
        assert back >= seconds * (1 - 1e-5) - 1e-6


@given(st.binary(max_size=12))
def test_no_bytes_are_read_as_a_deadline_that_are_none(value: bytes) -> None:
    found = grpc.read_timeout(value)
    assert found == -1.0 or (0 <= found <= 99_999_999 * 3600 and value[:-1].isdigit())


# --- messages of a status


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fine", b"fine"),
        ("a\nb", b"a%0Ab"),
        ("100 %", b"100 %25"),
        ("ü", b"%C3%BC"),
        ("~\x7f", b"~%7F"),
        ("", b""),
    ],
)
def test_messages_are_written(text: str, value: bytes) -> None:
    assert grpc.write_message(text) == value
    assert grpc.read_message(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"100%", "100%"),
        (b"%2", "%2"),
        (b"%zz%41", "%zzA"),
        (b"%FF", "�"),
        (b"\xff", "�"),
        (b"%c3%bc", "ü"),
        (b"%%41", "%A"),
    ],
)
def test_messages_that_nobody_should_send_are_read(value: bytes, text: str) -> None:
    assert grpc.read_message(value) == text


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_message_comes_back_and_fits_a_field(text: str) -> None:
    value = grpc.write_message(text)
    assert all(0x20 <= one <= 0x7E for one in value)
    assert grpc.read_message(value) == text


@given(st.binary())
def test_no_message_fails_to_be_read(value: bytes) -> None:
    assert isinstance(grpc.read_message(value), str)


def test_text_that_is_none_is_written_all_the_same() -> None:
    assert grpc.write_message("a\ud800") == b"a?"


# --- calls, and messages of a body


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (b"/pkg.Name/Do", (b"pkg.Name", b"Do")),
        (b"/Name/Do", (b"Name", b"Do")),
        (b"/Name", (b"", b"")),
        (b"/Name/", (b"", b"")),
        (b"//Do", (b"", b"")),
        (b"/a/b/c", (b"", b"")),
        (b"*", (b"", b"")),
    ],
)
def test_a_path_names_a_service_and_its_method(path: bytes, call: tuple[bytes, bytes]) -> None:
    assert grpc.call_of(path) == call


MESSAGES = st.lists(st.tuples(st.booleans(), st.binary(max_size=40)), max_size=8)


def framed(messages: list[tuple[bool, bytes]]) -> bytes:
    return b"".join(bytes((is_small,)) + len(data).to_bytes(4, "big") + data for is_small, data in messages)


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=10))
def test_messages_are_counted_however_their_bytes_come(messages: list[tuple[bool, bytes]], cuts: list[int]) -> None:
    body = framed(messages)
    counter = grpc.MessageCounter()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    for begin, end in itertools.pairwise(places):
        counter.feed(body[begin:end])
    assert counter.messages == len(messages)
    assert counter.compressed == sum(is_small for is_small, _ in messages)
    assert counter.size == sum(len(data) for _, data in messages)
    assert counter.largest == max((len(data) for _, data in messages), default=0)
    assert counter.is_between


@given(MESSAGES, st.integers(0, 400))
def test_a_body_that_breaks_off_is_known_to(messages: list[tuple[bool, bytes]], cut: int) -> None:
    body = framed(messages)
    ends = {len(framed(messages[:count])) for count in range(len(messages) + 1)}
    counter = grpc.MessageCounter()
    counter.feed(body[:cut])
    assert counter.is_between is (min(cut, len(body)) in ends)


def test_a_message_is_known_to_be_too_large_by_its_prefix() -> None:
    counter = grpc.MessageCounter()
    counter.feed(b"\0\x7f\xff\xff")
    assert counter.largest == 0 and not counter.is_between
    counter.feed(b"\xff")
    assert counter.largest == 0x7FFFFFFF and counter.messages == 1
