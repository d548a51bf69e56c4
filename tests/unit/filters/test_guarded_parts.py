"""Texts and images are found wherever they stand, and images are what they are."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.guarded_parts import ImageRules, Refused, called, parts

OPTIONS: dict[str, Any] = {"max": 3, "max_pixels": 1000, "types": ("png", "jpeg"), "remote": False}


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR" + struct.pack(">II", width, height) + b"\x08\2\0\0\0" + b"x" * 9


def jpeg(width: int, height: int, before: int = 4) -> bytes:
    extra = b"\xff\xe1" + struct.pack(">H", min(before, 65_533) + 2) + b"x" * min(before, 65_533)
    return b"\xff\xd8" + extra * 3 + b"\xff\xc0\0\x11\x08" + struct.pack(">HH", height, width) + b"\3" * 12


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def found(document: Any) -> list[tuple[str, Any, bool]]:
    return [(called(place), value, is_image) for place, value, is_image in parts(document)]


def test_each_api_has_its_own_shape() -> None:
    openai = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u", "detail": "low"}}]}
    responses = {"type": "input_image", "image_url": "v"}
    anthropic = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "w"}}
    remote = {"type": "image", "source": {"type": "url", "url": "x"}}
    ollama = {"role": "user", "content": "hi", "images": ["y", 7]}
    document = {"messages": [openai, anthropic, remote, ollama], "input": [responses], "system": "data:image/png,"}
    images = [(place, value) for place, value, is_image in found(document) if is_image]
    assert images == [
        ("messages[0].content[0].image_url.url", "u"),
        ("messages[1].source.data", "w"),
        ("messages[2].source.url", "x"),
        ("messages[3].images[0]", "y"),
        ("messages[3].images[1]", 7),
        ("input[0].image_url", "v"),
        ("system", "data:image/png,"),
    ]
    texts = [(place, value) for place, value, is_image in found(document) if not is_image]
    assert ("messages[3].content", "hi") in texts and ("messages[0].role", "user") in texts
    assert found({"image_url": None, "source": "s"}) == [("source", "s", False)]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("data:image/png;base64," + b64(png(100, 10)), ""),
        ("DATA:image/anything;BASE64," + b64(jpeg(10, 100)), ""),
        (b64(jpeg(10, 10, 60_000)), ""),
        (b64(png(101, 10)), "has 101 x 10 pixels, more than the 1000 allowed here"),
        (b64(jpeg(1001, 1, 60_000)), "has 1001 x 1 pixels"),
        (b64(png(0, 10)), "is no image that can be read"),
        (b64(png(10, 10)[:20]), "it ends in front of its size"),
        (b64(b"GIF89a" + b"\1\0\1\0" + b"x" * 9), "is a gif; allowed here are jpeg, png"),
        (b64(b"<svg/>"), "is of no known type"),
        ("data:image/png," + b64(png(1, 1)), "is a data URI without base64"),
        ("data:image/png;base64", "is a data URI without base64"),
        ("https://a.test/x.png", "is the address of an image"),
        ("HTTP://a.test/x.png", "is the address of an image"),
        ("file:///etc/passwd", "is no image that can be read"),
        ("", "is no image that can be read"),
        (b64(png(1, 1)).replace("A", "-", 1), "is no image that can be read"),
        (None, "must be a string"),
    ],
)
def test_what_an_image_may_be(value: Any, why: str) -> None:
    rules = ImageRules(OPTIONS)
    if not why:
        rules.check((((), "a"), 1), value, 3)
        return
    with pytest.raises(Refused) as caught:
        rules.check((((), "a"), 1), value, 1)
    assert caught.value.place == "a[1]" and why in str(caught.value)


def test_how_many_and_from_where() -> None:
    with pytest.raises(Refused, match="one image more than the 3"):
        ImageRules(OPTIONS).check((), b64(png(1, 1)), 4)
    ImageRules({**OPTIONS, "remote": True}).check((), "https://a.test/x", 1)
    ImageRules({**OPTIONS, "max_pixels": 0}).check((), b64(png(9999, 9999)), 1)


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["image_url", "images", "source", "type", "url", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(json_values)
def test_no_text_is_ever_passed_over(document: Any) -> None:
    """Whatever is a string in it is text or an image, but for what stands beside an image and says of what kind it is."""

    def strings(value: Any) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [found for one in inner for found in strings(one)]

    told = json.dumps([value for _, value, _ in parts(document)])
    hidden = ("image_url", "source")
    if not any(f'"{one}"' in json.dumps(document) for one in hidden):
        assert all(json.dumps(one) in told for one in strings(document))
