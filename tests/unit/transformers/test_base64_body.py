"""What the decoders of base64 share; ``test_image_base64_decoder`` and ``test_audio_base64_decoder`` have bodies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.transformers.base64_body import Base64Decoder, Decoding

OPTIONS = {"field": "a.b", "formats": ("x",), "max_bytes": 10, "max_json": 20}


def test_the_field_is_a_path() -> None:
    made = Base64Decoder("d", OPTIONS)
    assert (made.name, made.field, made.max_bytes, made.max_json) == ("d", ("a", "b"), 10, 20)


def test_what_the_thing_is_a_subclass_says() -> None:
    exchange: Any = SimpleNamespace()
    decoding = Decoding(Base64Decoder("d", OPTIONS), exchange)
    decoding.look(b"x")
    calls: list[Any] = [
        lambda: Base64Decoder("d", OPTIONS).decoding(exchange),
        lambda: decoding.sniff(b""),
        lambda: decoding.end(is_known=True),
        lambda: decoding.too_large(""),
        lambda: decoding.refused(""),
    ]
    for call in calls:
        with pytest.raises(NotImplementedError):
            call()
