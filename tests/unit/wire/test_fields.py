"""Kinds of fields, trailers, and looking fields up in a raw head."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import fields
from fastgw.wire.fields import (
    CONTENT_LENGTH,
    DESTINATION,
    DROP,
    FORWARDED_FOR,
    FORWARDED_HOST,
    FORWARDED_PROTO,
    HOST,
    KEEP,
    OWN_REQUEST_FIELDS,
    OWN_RESPONSE_FIELDS,
    REQUEST_FIELDS,
    REQUEST_TIMEOUT,
    RESPONSE_FIELDS,
    TRUSTED_REQUEST_FIELDS,
    VIA,
    FieldTable,
    find_field,
    is_forbidden_trailer,
    is_hopeless,
    is_own,
)


@pytest.mark.parametrize(
    ("name", "kind", "trusted"),
    [
        (b"Accept", KEEP, KEEP),
        (b"hOsT", HOST, HOST),
        (b"Via", VIA, VIA),
        (b"Keep-Alive", DROP, DROP),
        (b"Proxy-Authorization", DROP, DROP),
        (b"Trailer", DROP, DROP),
        (b"HTTP2-Settings", DROP, DROP),
        (b"Proxy", DROP, DROP),
        (b"Forwarded", DROP, KEEP),
        (b"X-Real-IP", DROP, KEEP),
        (b"X-Forwarded-For", DROP, FORWARDED_FOR),
        (b"X-Forwarded-Proto", DROP, FORWARDED_PROTO),
        (b"X-Forwarded-Host", DROP, FORWARDED_HOST),
        (b"X-Request-Timeout-Ms", DROP, REQUEST_TIMEOUT),
        (b"X-Forwarded-Client-Cert", DROP, KEEP),
        (b"X_Forwarded_For", DROP, DROP),
        (b"X_Forwarded_Whatever", DROP, DROP),
        (b"Content_Length", DROP, DROP),
        (b"Transfer_Encoding", DROP, DROP),
        (b"Content_Type", DROP, DROP),
        (b"my_header", KEEP, KEEP),
        (b"X-Internal", DROP, DROP),
        (b"X_Internal", DROP, DROP),
    ],
)
def test_kind_of_a_request_field(name: bytes, kind: int, trusted: int) -> None:
    drop = frozenset({b"x-internal"})
    assert FieldTable(REQUEST_FIELDS, drop).learn(name) == kind
    assert FieldTable(TRUSTED_REQUEST_FIELDS, drop).learn(name) == trusted


def test_kind_of_an_answers_field() -> None:
    table = FieldTable(RESPONSE_FIELDS)
    assert table.learn(b"Content-Length") == CONTENT_LENGTH
    assert table.learn(b"Server") == KEEP
    assert table.learn(b"TE") == DROP


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"(", b"a\r", b"\xe9"])
def test_name_that_is_no_token_is_not_learned(name: bytes) -> None:
    table = FieldTable(REQUEST_FIELDS)
    assert table.learn(name) == -1
    assert not table.seen


def test_spelling_is_remembered() -> None:
    table = FieldTable(REQUEST_FIELDS)
    table.learn(b"ACCEPT")
    assert table.seen == {b"ACCEPT": KEEP}


def test_memory_of_spellings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "SEEN_MAX", 2)
    table = FieldTable(REQUEST_FIELDS)
    for name in (b"a" * 65, b"a", b"b", b"c"):
        assert table.learn(name) == KEEP
    assert set(table.seen) == {b"a", b"b"}


@pytest.mark.parametrize(
    ("name", "forbidden"),
    [
        (b"x-sum", False),
        (b"server-timing", False),
        (b"content-length", True),
        (b"content_length", True),
        (b"content-md5", True),
        (b"content-digest", False),
        (b"content_digest", True),
        (b"repr-digest", False),
        (b"authorization", True),
        (b"set-cookie", True),
        (b"x-forwarded-anything", True),
        (b"sec-websocket-accept", True),
        (b"transfer-encoding", True),
    ],
)
def test_forbidden_trailers(name: bytes, forbidden: bool) -> None:
    assert is_forbidden_trailer(name) is forbidden


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nX-A:  one \r\nx-a:two\r\nX-AB: no\r\nEmpty:\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"host", b"a"), (b"x-a", b"one, two"), (b"empty", b""), (b"x", None), (b"get / http/1.1", None)],
)
def test_find_field(name: bytes, value: bytes | None) -> None:
    assert find_field(HEAD, name) == value


@pytest.mark.parametrize(
    ("data", "hopeless"),
    [
        (b"", False),
        (b"GET / HT", False),
        (b"GET / HTTP/1.1\r", False),
        (b"GET / HTTP/1.1\r\nX: \t\xe9", False),
        (b"GET / HTTP/1.1\n", True),
        (b"GET / HTTP/1.1\rX", True),
        (b"GET / HTTP/1.1\r\r", True),
        (b"GET / HTTP/1.1\r\nX: \0", True),
        (b"\x16\x03\x01", True),
    ],
)
def test_is_hopeless(data: bytes, hopeless: bool) -> None:
    assert is_hopeless(data) is hopeless


@given(st.lists(st.sampled_from([b"a", b"\r\n", b" ", b"\xff", b"\t"])), st.integers(0, 40))
def test_a_part_of_what_is_good_is_never_hopeless(parts: list[bytes], cut: int) -> None:
    assert not is_hopeless(b"".join(parts)[:cut])


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a", b"ab", b"\0", b": "]), max_size=12), st.integers(0, 20))
def test_what_was_fine_need_not_be_looked_at_again(parts: list[bytes], cut: int) -> None:
    data = b"".join(parts)
    if not is_hopeless(data[:cut]):
        assert is_hopeless(data, min(cut, len(data))) is is_hopeless(data)


def test_no_special_name_escapes_the_compiled_scan() -> None:
    """It looks up only names with an underscore, long ones, and those that ``suspects`` marks by length, first and third letter."""

    def is_suspect(name: bytes) -> bool:
        marks = table.suspects[len(name) * 32 + (name[0] & 31)]
        return bool(marks >> ((name + b":1")[2] & 7) & 1)

    table = FieldTable(REQUEST_FIELDS, frozenset({b"x-internal", b"q", b"y" * 64}))
    names = [*table.fields, b"x-forwarded-port", b"x-forwarded-", b"x-forwarded-" + b"y" * 51]
    for name in [*names, *(name.upper() for name in names), *(name.title() for name in names)]:
        if table.learn(name) != KEEP and len(name) < 64:
            assert is_suspect(name), name
    assert not is_suspect(b"Accept")
    assert not is_suspect(b"X-Model-Version")


def test_what_is_own_is_so_however_it_is_written() -> None:
    assert is_own(b"content_length", OWN_REQUEST_FIELDS) and is_own(b"x_forwarded_for", OWN_REQUEST_FIELDS)
    assert not is_own(b"x-forwarded-prefix", OWN_REQUEST_FIELDS)
    assert not is_own(b"via", OWN_RESPONSE_FIELDS)


def test_whatever_frames_or_belongs_to_one_hop_is_own() -> None:
    """RFC 9110 section 7.6.1; only what says who the client is depends on whom the gateway trusts."""
    said = {b"forwarded", b"x-real-ip", b"x-original-url", b"x-rewrite-url", b"x-request-timeout-ms", DESTINATION}
    assert set(REQUEST_FIELDS) - said <= OWN_REQUEST_FIELDS
    assert set(RESPONSE_FIELDS) <= OWN_RESPONSE_FIELDS
