"""The one form of a target, and valid authorities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.errors import WireError
from fastgw.wire.target import normalise_path, parse_authority, split_absolute, split_target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/a/b", b"/a/b", b""),
        (b"/a?", b"/a", b"?"),
        (b"/a?b=c&d", b"/a", b"?b=c&d"),
        (b"/a?b?c", b"/a", b"?b?c"),
        (b'/a?x=<>"\\^`{|}[]', b"/a", b'?x=<>"\\^`{|}[]'),
        (b"/a?%41%7e", b"/a", b"?%41%7e"),
        (b"/%41%7e%2d", b"/A~-", b""),
        (b"/%2f%3b%c3", b"/%2F%3B%C3", b""),
        (b"/a;b//c", b"/a;b//c", b""),
        (b"/a/./b", b"/a/b", b""),
        (b"/a/../b", b"/b", b""),
        (b"/a/..", b"/", b""),
        (b"/a/b/..", b"/a/", b""),
        (b"/.", b"/", b""),
        (b"/a/.", b"/a/", b""),
        (b"/a/%2e%2E/b", b"/b", b""),
        (b"/.a/..b/...", b"/.a/..b/...", b""),
        (b"//..", b"/", b""),
        (b"/%25", b"/%25", b""),
        (b"/a[0]|b?c[]=1|2", b"/a[0]|b", b"?c[]=1|2"),
        (b"/s?q=100%", b"/s", b"?q=100%"),
        (b"/s?q=50%off&u=%u00e9", b"/s", b"?q=50%off&u=%u00e9"),
        (b"/s?%2500", b"/s", b"?%2500"),
    ],
)
def test_one_form(target: bytes, path: bytes, query: bytes) -> None:
    assert split_target(target) == (path, query)


@pytest.mark.parametrize(
    "target",
    [
        b"/a#b",
        b"/a?b#c",
        b"/a b",
        b"/\x00",
        b"/\x80",
        b"/?\x80",
        b"/?\x7f",
        b"/a\\b",
        b'/"',
        b"/<",
        b"/^",
        b"/`",
        b"/{",
        b"/%",
        b"/%4",
        b"/%zz",
        b"/%\r\n",
        b"/%00",
        b"/?%00",
        b"/?a=%%00",
        b"/%%34%31",
        b"/..",
        b"/a/../..",
        b"/%2e%2e/",
    ],
)
def test_target_without_a_single_reading(target: bytes) -> None:
    with pytest.raises(WireError) as caught:
        split_target(target)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (b"/a^b", "the path of the request target has the character '^', which must be escaped as %5E"),
        (b"/a\xc3", "the path of the request target has the byte 0xc3, which must be escaped as %C3"),
        (b"/a%zz", "the path of the request target has a '%' that is not followed by two hexadecimal digits"),
        (b"/a%00", "the path of the request target has an escaped NUL"),
        (b"/?a#b", "the query of the request target has the character '#', which must be escaped as %23"),
        (b"/?a\x01", "the query of the request target has the byte 0x01, which must be escaped as %01"),
        (b"/?a=%00", "the query of the request target has an escaped NUL"),
    ],
)
def test_a_refusal_names_the_part_and_the_character(target: bytes, said: str) -> None:
    with pytest.raises(WireError) as caught:
        split_target(target)
    assert caught.value.detail == said


@given(st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2F", b"%41", b"%c3", b"~", b";"]), max_size=12))
def test_one_form_stays_as_it_is(parts: list[bytes]) -> None:
    try:
        path = normalise_path(b"/" + b"".join(parts))
    except WireError:
        return
    assert normalise_path(path) == path
    assert path.startswith(b"/")
    assert not {b".", b".."} & set(path.split(b"/"))


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"a.test", b"a.test"),
        (b"A.Test:8080", b"a.test"),
        (b"a.test.", b"a.test"),
        (b"a.test:", b"a.test"),
        (b"127.0.0.1:0", b"127.0.0.1"),
        (b"x_y-z.a", b"x_y-z.a"),
        (b"[::1]", b"[::1]"),
        (b"[2001:DB8::A]:65535", b"[2001:db8::a]"),
    ],
)
def test_authority(authority: bytes, host: bytes) -> None:
    assert parse_authority(authority) == host


@pytest.mark.parametrize(
    "authority",
    [
        b"",
        b":80",
        b".",
        b"a..b",
        b"-a",
        b"a-",
        b"a b",
        b"a,b",
        b"u@a",
        b"a%41",
        b"a:65536",
        b"a:123456",
        b"a:x",
        b"a:1:2",
        b"[::1",
        b"::1",
        b"[::g]",
        b"[1:2]",
        b"[fe80::1%eth0]",
        b"[v1.a]",
        b"a/b",
        b"\xe9",
        b"a" * 263,
    ],
)
def test_authority_that_is_none(authority: bytes) -> None:
    with pytest.raises(WireError) as caught:
        parse_authority(authority)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"http://a.test/b?c", (b"a.test", b"/b?c")),
        (b"HTTPS://a.test:1", (b"a.test:1", b"/")),
        (b"http://a.test?b", (b"a.test", b"/?b")),
        (b"http://a.test#b", (b"a.test", b"/#b")),
    ],
)
def test_absolute_form(target: bytes, parts: tuple[bytes, bytes]) -> None:
    assert split_absolute(target) == parts


@pytest.mark.parametrize(
    "target", [b"a", b"a:80", b"http:/a", b"1http://a/", b"ftp://a/", b"http:///", b"http://u@a/", b""]
)
def test_absolute_form_that_is_none(target: bytes) -> None:
    with pytest.raises(WireError):
        split_absolute(target)
