"""Numbers of the RFC, against another implementation."""

from __future__ import annotations

from hyperframe import frame as witness

from fastgw.wire.http2 import frame_kinds as kinds


def test_kinds_and_flags_are_those_of_the_rfc() -> None:
    for number, made in witness.FRAMES.items():
        name = {"RstStreamFrame": "RST_STREAM", "GoAwayFrame": "GOAWAY", "WindowUpdateFrame": "WINDOW_UPDATE"}.get(
            made.__name__, made.__name__.removesuffix("Frame").upper()
        )
        name = "PUSH_PROMISE" if name == "PUSHPROMISE" else name
        if number <= kinds.CONTINUATION:
            assert getattr(kinds, name) == number
        for flag in made.defined_flags:
            assert getattr(kinds, {"PRIORITY": "PRIORITIZED"}.get(flag.name, flag.name)) == flag.bit


def test_a_client_begins_with_what_no_server_of_http_1_takes_for_a_request() -> None:
    assert len(kinds.PREFACE) == 24
    assert kinds.PREFACE.startswith(b"PRI * HTTP/2.0\r\n\r\n")
