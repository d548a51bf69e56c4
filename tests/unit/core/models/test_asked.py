"""What is known of a request to a model."""

from __future__ import annotations

import pytest

from fastgw.core.models.asked import ODD, AskedModel, text_of
from fastgw.wire.inference import KEYS, Operation
from fastgw.wire.json_skim import Skim

CHAT = Operation("openai", "chat")


def of(data: bytes, value_max: int = 100) -> AskedModel:
    skim = Skim(KEYS, 0, value_max)
    skim.feed(data)
    skim.finish()
    return AskedModel(CHAT, "m", "m*", "other", skim)


def test_values() -> None:
    found = of(b'{"stream":true,"n":2,"user":"\\u0061b","max_tokens":100,"stream_options":{"include_usage":true}}')
    assert (found.model, found.entry, found.sent_as, found.operation.dialect) == ("m", "m*", "other", "openai")
    assert found.flag(b"stream") is True and found.number(b"n") == 2 and found.number(b"max_tokens") == 100
    assert found.text(b"user") == "ab"
    options = found.value(b"stream_options")
    assert options is not None and options.raw == b'{"include_usage":true}'
    assert found.value(b"max_output_tokens") is None


@pytest.mark.parametrize("number", [b"-1", b"1.5", b"1e2", b'"1"', b"1234567890123456789", b"null", b"true"])
def test_what_is_no_number(number: bytes) -> None:
    assert of(b'{"n":' + number + b"}").number(b"n") is None


def test_what_is_something_else() -> None:
    found = of(b'{"stream":"true","user":7,"n":1}', 5)
    assert found.flag(b"stream") is None and found.text(b"user") is None and found.flag(b"n") is None
    assert of(b'{"user":"long enough"}', 5).text(b"user") is None
    assert of(b'{"stream":false}').flag(b"stream") is False


def test_of_a_form_nothing_is_known() -> None:
    found = AskedModel(CHAT, "m", "m", "m")
    assert (found.value(b"model"), found.flag(b"stream"), found.number(b"n"), found.text(b"user")) == (None,) * 4


def test_text() -> None:
    assert text_of(b'"\xc3\xa9"') == "é" == text_of(b'"\\u00e9"')


def test_what_limits_ask_of_it() -> None:
    found = of(b'{"stream":true,"max_tokens":5,"max_completion_tokens":null,"n":2.0}')
    assert (found.says_stream(), found.has(b"n"), found.has(b"user")) == (True, True, False)
    assert [found.digits(KEYS.index(key)) for key in (b"max_tokens", b"max_completion_tokens", b"n", b"user")] == [
        5,
        -1,
        ODD,
        -1,
    ]
    form = AskedModel(CHAT, "m", "m", "m")
    assert (form.says_stream(), form.digits(KEYS.index(b"n")), form.has(b"n")) == (False, -1, False)
    assert not of(b'{"stream":"true"}').says_stream()
