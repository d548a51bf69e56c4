"""SETTINGS, and values that are none."""

from __future__ import annotations

import struct

import pytest

from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.errors import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, Http2Error
from fastgw.wire.http2.frame_kinds import NONE, SETTINGS
from fastgw.wire.http2.frames import FrameReader
from fastgw.wire.http2.settings import Settings, settings_frame


def of(*values: tuple[int, int]) -> bytes:
    return b"".join([struct.pack(">HI", *one) for one in values])


def test_what_was_never_said_is_as_the_rfc_has_it() -> None:
    said = Settings()
    assert (said.table, said.window, said.frame, said.has_connect_protocol) == (4096, 65_535, 16_384, False)


def test_the_last_of_a_name_counts_and_unknown_ones_do_not() -> None:
    said = Settings()
    said.read(of((1, 100), (3, 7), (4, 2**31 - 1), (5, 2**24 - 1), (6, 99), (8, 1), (0x77, 5), (1, 200), (2, 1)), True)
    assert (said.table, said.concurrent_streams, said.window, said.frame) == (200, 7, 2**31 - 1, 2**24 - 1)
    assert (said.header_list, said.has_connect_protocol) == (99, True)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ((names.ENABLE_PUSH, 2), PROTOCOL_ERROR),
        ((names.INITIAL_WINDOW_SIZE, 2**31), FLOW_CONTROL_ERROR),
        ((names.MAX_FRAME_SIZE, 16_383), PROTOCOL_ERROR),
        ((names.MAX_FRAME_SIZE, 2**24), PROTOCOL_ERROR),
        ((names.ENABLE_CONNECT_PROTOCOL, 2), PROTOCOL_ERROR),
    ],
)
def test_a_value_that_is_none_ends_the_connection(entry: tuple[int, int], code: int) -> None:
    with pytest.raises(Http2Error) as caught:
        Settings().read(of(entry), True)
    assert caught.value.code == code


def test_a_server_cannot_enable_push() -> None:
    with pytest.raises(Http2Error):
        Settings().read(of((names.ENABLE_PUSH, 1)), False)
    Settings().read(of((names.ENABLE_PUSH, 0)), False)


def test_extended_connect_is_not_taken_back() -> None:
    said = Settings()
    said.read(of((8, 1)), False)
    with pytest.raises(Http2Error):
        said.read(of((8, 0)), False)


def test_a_frame_has_so_many_entries() -> None:
    with pytest.raises(Http2Error):
        Settings().read(of(*[(0x99, 1)] * 33), True)


def test_what_is_written_is_read() -> None:
    reader = FrameReader(100)
    reader.feed(settings_frame({names.MAX_CONCURRENT_STREAMS: 100, names.ENABLE_PUSH: 0}))
    assert reader.read() == SETTINGS
    said = Settings()
    said.read(reader.payload, False)
    assert said.concurrent_streams == 100
    assert reader.read() == NONE
