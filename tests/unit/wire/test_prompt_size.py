"""How much of a body is text: images are found by their marks, and nothing takes long."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire import _scan_py, scan
from fastgw.wire.prompt_size import IMAGES_MAX, SMALL, text_size

IMAGE = "A" * 40_000
TEXT = "word " * 4000


def body(*parts: object, separators: tuple[str, str] = (", ", ": ")) -> bytes:
    said = {"messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}, *parts]}]}
    return json.dumps(said, separators=separators).encode()


def openai(data: str = IMAGE) -> object:
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}


def anthropic(data: str = IMAGE) -> object:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
@pytest.mark.parametrize("made", [openai, anthropic])
def test_an_image_is_no_text(made: object, separators: tuple[str, str]) -> None:
    assert callable(made)
    whole = body(made(), made(), separators=separators)
    assert text_size([whole]) == (len(whole) - 2 * len(IMAGE), 2)


def test_a_text_that_is_called_an_image_is_text() -> None:
    whole = body(openai(TEXT), anthropic(TEXT))
    assert text_size([whole]) == (len(whole), 0)
    escaped = IMAGE[:20_000] + "\\/" + IMAGE[20_000:]  # as some write a slash
    whole = body(openai()).replace(IMAGE.encode(), escaped.encode())
    assert text_size([whole]) == (len(whole) - len(escaped), 1)


def test_what_is_small_is_not_looked_at() -> None:
    data = b'{"url":"data:;base64,' + b"A" * 100 + b'"}'
    assert text_size([data]) == (len(data), 0)
    assert len(data) <= SMALL


@pytest.mark.parametrize(
    "said",
    [
        *("what is base64", "base64 and more", "base64", '\\"base64\\"', "base64" * 10_000),
        *("base64," + TEXT, "base64,AAAA" + "\n" + "x" * 9000, "data: in ;base64," + TEXT),
        *("data:;base64," + TEXT, "data:;base64," + "\u4f60" * 9000, "x;base64," + IMAGE),
    ],
)
def test_the_word_alone_is_no_image(said: str) -> None:
    whole = body({"type": "text", "text": said})
    assert text_size([whole]) == (len(whole), 0)


def test_one_that_has_no_end_is_text() -> None:
    whole = b'{"a":"' + b"x" * SMALL + b";base64,AAAA"
    assert text_size([whole]) == (len(whole), 0)
    assert text_size([whole[: -len(b",AAAA")]])[1] == 0


def test_so_many_are_looked_for_and_no_more() -> None:
    whole = body(*[openai("A" * 1000)] * (IMAGES_MAX + 3))
    size, images = text_size([whole])
    assert images == IMAGES_MAX and size == len(whole) - IMAGES_MAX * 1000


def test_a_text_of_marks_takes_no_longer_than_another() -> None:
    marks = "base64, " * 2000  # behind which nobody looks any more
    assert text_size([body({"type": "text", "text": marks}, openai())]) == (
        len(body({"type": "text", "text": marks}, openai())),
        0,
    )
    few = body({"type": "text", "text": marks[:800]}, openai())
    assert text_size([few]) == (len(few) - len(IMAGE), 1)


MARKS = st.lists(
    st.sampled_from([b"base64", b"base6", b"64", b"6", b"b", b"base64base64", b"x" * 17]), max_size=12
).map(b"".join)


@given(MARKS, st.integers(0, 40))
def test_the_mark_of_images_is_found_wherever_it_stands(data: bytes, start: int) -> None:
    for form in (scan, _scan_py):
        assert form.find_base64(data, start) == data.find(b"base64", start)


SAID = st.lists(
    st.one_of(
        st.sampled_from([openai("A" * 50), anthropic("A" * 9), openai("a b"), anthropic("A" * 5000), openai("\u4f60")]),
        st.sampled_from(["base64", "base64,", ";base64,AAAA", "data:", "data:;base64,AA=="]),
    ),
    max_size=4,
)


@given(SAID, st.data())
def test_it_is_the_same_in_parts(said: list[object], data: st.DataObject) -> None:
    whole = json.dumps(["x" * SMALL, *said]).encode()
    marks = [SMALL + one.start() for one in re.finditer(b'"|,|:', whole[SMALL:])]
    near = st.builds(int.__add__, st.sampled_from(marks), st.integers(-12, 12))
    cuts = sorted({*data.draw(st.lists(near, max_size=8)), 0, len(whole)})
    parts = [whole[start:stop] for start, stop in itertools.pairwise(cuts)]
    assert b"".join(parts) == whole and text_size(parts) == text_size([whole])


def test_it_is_the_same_byte_by_byte() -> None:
    whole = json.dumps(["x" * SMALL, openai("A" * 50), anthropic("A" * 99), openai("a b")]).encode()
    parts = [whole[:SMALL], *[whole[at : at + 1] for at in range(SMALL, len(whole))], b""]
    assert text_size(parts) == text_size([whole]) == (len(whole) - 149, 2)
    assert text_size([]) == (0, 0)
