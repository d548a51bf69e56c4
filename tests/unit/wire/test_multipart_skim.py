"""One field of a form with files: found, or refused where two readers could read two things."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.multipart_skim import PARTS_MAX, FormError, find_value, is_form
from tests.support.examples import examples

TYPE = b"multipart/form-data; boundary=XX"
MODEL = b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
LAST = b"--XX--"


def value(body: bytes, content_type: bytes = TYPE) -> bytes | None:
    found = find_value(body, content_type, b"model")
    return None if found is None else body[found.start : found.stop]


def part(head: bytes, data: bytes = b"whisper") -> bytes:
    return b"--XX\r\n" + head + b"\r\n\r\n" + data + b"\r\n" + LAST


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        (TYPE, True),
        (b"Multipart/Form-Data", True),
        (b"multipart/form-data ;boundary=x", True),
        (b"multipart/form-database", False),
        (b"multipart/mixed", False),
        (b"application/json", False),
        (b"", False),
    ],
)
def test_types(content_type: bytes, is_one: bool) -> None:
    assert is_form(content_type) is is_one


@settings(max_examples=examples(200), deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.integers(0, 2))
def test_files_may_have_anything_in_them(one: bytes, other: bytes, place: int) -> None:
    if any(end + b"--XX" in b"\n" + one + b"\n" + other for end in (b"\r", b"\n")):
        return
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: audio/wav\r\n\r\n'
    parts = [head + one + b"\r\n", head + other + b"\r\n"]
    parts.insert(place, MODEL)
    assert value(b"".join(parts) + LAST) == b"whisper"


@pytest.mark.parametrize(
    "head",
    [
        b"content-disposition: form-data; name=model",
        b'CONTENT-DISPOSITION:form-data;name="model"',
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; x="a;name=b"; Name="model"',
        b'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: 8bit',
    ],
)
def test_names_in_any_form(head: bytes) -> None:
    assert value(part(head)) == b"whisper"


@pytest.mark.parametrize(
    "content_type", [b'multipart/form-data; boundary="XX"', b"multipart/form-data; charset=utf-8; Boundary=XX ; a=b"]
)
def test_boundaries_in_any_form(content_type: bytes) -> None:
    assert value(MODEL + LAST, content_type) == b"whisper"


def test_an_empty_value_and_none() -> None:
    assert value(part(b'Content-Disposition: form-data; name="model"', b"")) == b""
    assert value(part(b'Content-Disposition: form-data; name="models"')) is None
    assert value(part(b'Content-Disposition: form-data; name="x"; filename="model"')) is None
    assert value(LAST) is None and value(MODEL + LAST + b"\r\n") == b"whisper"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (MODEL * 2 + LAST, "twice"),
        (MODEL, "in the middle"),
        (b"", "does not begin"),
        (b"preamble\r\n" + MODEL + LAST, "does not begin"),
        (MODEL + LAST + b"\r\n" + MODEL + LAST, "behind the end"),
        (MODEL.replace(b"--XX", b"--XXY") + LAST, "behind a boundary"),
        (b"--XX\r\n\r\nwhisper\r\n" + LAST, "no fields"),
        (b"--XX\r\nContent-Disposition: form-data\r\n" + LAST, "no fields"),
        (part(b"Content-Type: text/plain"), "no name"),
        (part(b"Content-Disposition: form-data"), "no name"),
        (part(b'Content-Disposition: form-data; name="model"; name="x"'), "more than one"),
        (part(b'Content-Disposition: form-data; name="mo\\del"'), "backslash"),
        (part(b"Content-Disposition: form-data; name*=utf-8''model"), "7578"),
        (part(b'Content-Disposition: form-data; name="model" x'), "can be read"),
        (
            part(b'Content-Disposition: form-data; name="model"\r\nContent-Disposition: form-data; name="x"'),
            "more than",
        ),
        (
            part(b'Content-Disposition: form-data; name="x"\r\nContent-Disposition: attachment; name="model"'),
            "more than",
        ),
        (part(b'Content-Disposition: attachment; name="model"'), "no name"),
        (part(b'X: y\r\n Content-Disposition: form-data; name="model"'), "a field that is none"),
        (part(b'Content-Disposition : form-data; name="model"'), "a field that is none"),
        (part(b'X: y\nContent-Disposition: form-data; name="model"'), "a field that is none"),
        (part(b'Content-Disposition: form-data; name="x"', b"y\n" + MODEL), "LF alone"),
        (part(b'Content-Disposition: form-data; name="x"', b"y\r" + MODEL), "CR alone"),
        (part(b'Content-Disposition: form-data; name="x"', b"y\n--XX--"), "LF alone"),
        (part(b'Content-Disposition: form-data; name="model"\r\nContent-Transfer-Encoding: base64'), "encoded"),
        (b"".join([MODEL.replace(b"model", b"x")] * (PARTS_MAX + 1)) + LAST, "parts"),
    ],
)
def test_what_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(FormError, match=words):
        value(body)


@pytest.mark.parametrize(
    "content_type",
    [b"multipart/form-data", b"multipart/form-data; boundary=a; boundary=b", b'multipart/form-data; boundary=""'],
)
def test_a_boundary_has_to_be_there_once(content_type: bytes) -> None:
    with pytest.raises(FormError, match="boundary"):
        value(MODEL + LAST, content_type)
