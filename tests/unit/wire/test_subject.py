"""Names of certificates as header fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.subject import SUBJECT_MAX, distinguished_name, subject_fields


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ((), b""),
        (((("commonName", "Ada"),),), b"CN=Ada"),
        (
            ((("countryName", "GB"),), (("organizationName", "Example"),), (("commonName", "Ada"),)),
            b"CN=Ada,O=Example,C=GB",
        ),
        (((("commonName", "Ada"), ("userId", "7")),), b"CN=Ada+UID=7"),
        (((("emailAddress", "ada@example.org"),),), b"emailAddress=ada@example.org"),
        (((("commonName", "a,O=b"),),), b"CN=a\\,O\\=b"),
        (((("commonName", '"+;<>\\'),),), b'CN=\\"\\+\\;\\<\\>\\\\'),
        (((("commonName", " a b "),),), b"CN=\\ a b\\ "),
        (((("commonName", "#1 #2"),),), b"CN=\\#1 #2"),
        (((("commonName", "a\r\nx-admin: 1\0"),),), b"CN=a\\0D\\0Ax-admin: 1\\00"),
        (((("commonName", "Zoë"),),), b"CN=Zo\\C3\\AB"),
    ],
)
def test_names(subject: tuple[tuple[tuple[str, str], ...], ...], text: bytes) -> None:
    assert distinguished_name(subject) == text


def test_the_field_line() -> None:
    assert subject_fields({"subject": ((("commonName", "Ada"),),)}) == b"x-client-cert-subject: CN=Ada\r\n"
    assert subject_fields(None) == b""
    assert subject_fields({}) == b""
    assert subject_fields({"subject": ()}) == b""
    assert subject_fields({"subject": ((("commonName", "a" * SUBJECT_MAX),),)}) == b""


@given(st.text())
def test_no_name_breaks_a_head(value: str) -> None:
    text = distinguished_name(((("commonName", value),), (("organizationName", value),)))
    assert all(0x20 <= byte < 0x7F for byte in text)
    assert text.replace(b"\\\\", b"").replace(b"\\,", b"").count(b",") == 1
