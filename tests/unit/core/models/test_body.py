"""The name of a model in a body, and another in its place: all other bytes stay."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.models.body import ModelBody
from fastgw.errors import DownstreamError
from fastgw.wire.messages import Request
from tests.support.examples import examples
from tests.support.models import ModelEdge, body_sent, post

FORM = "multipart/form-data; boundary=XX"
FILE = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a;name=model.wav"\r\n\r\n\x00\xff\r\n--X\r\nmodel\r\n'
MODEL = b'--XX\r\ncontent-disposition: form-data; name="model"\r\n\r\n%b\r\n'
LAST = b"--XX--\r\n"


def read(data: bytes, kind: bytes = b"application/json") -> ModelBody:
    request = Request()
    request.head = b"POST / HTTP/1.1\r\ncontent-type: " + kind + b"\r\n\r\n"
    body = ModelBody(request)
    body.feed(data)
    body.finish(data)
    return body


@settings(max_examples=examples(200), deadline=None)
@given(
    st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.booleans(), st.randoms(use_true_random=False)
)
def test_only_the_name_changes(name: str, other: str, is_ascii: bool, random: Random) -> None:
    pairs = [("messages", [{"model": "x"}]), ("model", name), ("n", 1.0), ("\u00e9", "\\")]
    random.shuffle(pairs)
    data = json.dumps(dict(pairs), ensure_ascii=is_ascii, indent=random.choice([None, 2])).encode(
        "utf-8", "surrogatepass"
    )
    if any(0xD800 <= ord(one) < 0xE000 for one in name + other):
        return
    body = read(data)
    assert body.name == name
    renamed = body.renamed(data, other)
    assert json.loads(renamed) == {**dict(pairs), "model": other}
    assert renamed.startswith(data[: body.start]) and renamed.endswith(data[body.stop :])


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.text("ab", max_size=12),
    st.sampled_from([b"model", b"node"]),
)
def test_parts_are_renamed_as_all_of_it_is(sizes: list[int], name: str, key: bytes) -> None:
    data = b' {"x": "y", "%b":"%b", "n": [1, 2, {"model": 3}]}' % (key, name.encode())
    parts = []
    at = 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    parts = [part for part in (*parts, data[at:]) if part]
    body = read(data)
    made = body.renamed_parts(parts, "another")
    assert b"".join(made) == body.renamed(data, "another") and all(made)
    if key == b"model" and len(parts) > 1:
        untouched = [part for place, part in enumerate(parts) if sum(map(len, parts[: place + 1])) <= body.start]
        assert all(one is two for one, two in zip(made, untouched, strict=False))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_form_is_renamed_wherever_the_name_stands(place: int) -> None:
    other = b'--XX\r\nContent-Disposition: form-data; name="language"\r\n\r\nen\r\n'
    parts = [FILE, other]
    parts.insert(place, MODEL)
    data = b"".join(parts) + LAST
    edge = ModelEdge({"whisper": [("a", 1, "openai/whisper-large")]})
    edge.client(post(data.replace(b"%b", b"whisper"), "/v1/audio/transcriptions", FORM))
    assert body_sent(edge.connect(port=9000).take()) == data.replace(b"%b", b"openai/whisper-large")
    edge.end()


def test_a_form_without_a_model_stays_as_it_is() -> None:
    body = read(FILE + LAST, FORM.encode())
    assert body.name is None and body.renamed(FILE + LAST, "x") == FILE + LAST


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (MODEL * 2 + LAST, "form_malformed"),
        (MODEL, "form_malformed"),
        (MODEL.replace(b"%b", b"x" * 300) + LAST, "model_malformed"),
        (MODEL.replace(b"%b", b"\xff") + LAST, "model_malformed"),
    ],
)
def test_a_form_that_has_no_single_reading(data: bytes, code: str) -> None:
    with pytest.raises(DownstreamError) as caught:
        read(data, FORM.encode())
    assert (caught.value.status, caught.value.code) == (400, code)


def test_null_and_nothing_are_no_name() -> None:
    assert read(b'{"model":null}').name is None and read(b"{}").name is None
    assert read(b'{"model":""}').name == ""
    assert read(b'{"\\u006dodel":"\\u0061"}').name == "a"


def test_what_begins_as_a_form_is_one_only_where_its_type_says_so() -> None:
    with pytest.raises(DownstreamError) as caught:
        read(MODEL + LAST, b"application/json")
    assert (caught.value.status, caught.value.code) == (400, "json_malformed")


def test_a_body_that_has_the_name_already_stays_as_it_is() -> None:
    """In the very bytes, though the name would be written in another way."""
    data = b'{"model": "sm\\u0061ll"}'
    edge = ModelEdge({"gpt-oss": "a", "small": [("b", 1, "small")]})
    edge.client(post(data))
    assert body_sent(edge.connect(port=9001).take()) == data
    edge.end()
