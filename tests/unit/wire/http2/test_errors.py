"""Names of error codes, and what the two kinds of errors say."""

from __future__ import annotations

from fastgw.wire.http2 import errors


def test_codes_have_the_names_of_the_rfc() -> None:
    for code, name in enumerate(errors.NAMES):
        assert getattr(errors, name) == code
        assert errors.name_of(code) == name
    assert errors.name_of(0x77) == "error 0x77"


def test_what_is_wrong_is_told() -> None:
    assert str(errors.Http2Error(errors.PROTOCOL_ERROR, "why")) == "PROTOCOL_ERROR: why"
    one = errors.StreamError(5, errors.CANCEL, "why")
    assert (one.stream, one.code, str(one)) == (5, 8, "stream 5: CANCEL: why")
