"""Frames of WebSocket: cut anywhere, refused by their head, written as they are read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame as OtherFrame
from websockets.frames import Opcode

from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    INVALID,
    NO_CODE,
    PING,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameError,
    WebSocketFrames,
    close_payload,
    frame_of,
    may_be_sent,
    read_close,
)
from tests.support.examples import examples
from tests.support.websockets import MASK

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70000]


def reader(most: int = 1 << 20, *, is_masked: bool = True, allows_compressed: bool = False) -> WebSocketFrames:
    return WebSocketFrames(most, most, is_masked=is_masked, allows_compressed=allows_compressed)


def problem_of(data: bytes, **how: bool) -> tuple[int, str]:
    found = reader(1000, **how)
    found.feed(data)
    assert found.problem is not None and not found.feed(frame_of(TEXT, b"behind that", MASK))
    return found.problem.code, found.problem.reason


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mask", [b"", MASK])
def test_what_is_written_is_what_others_write_and_read_again(size: int, mask: bytes) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    written = frame_of(BINARY, data[:size], mask)
    if not mask:
        assert written == OtherFrame(Opcode.BINARY, data[:size]).serialize(mask=False)
    (frame,) = reader(is_masked=bool(mask)).feed(written + b"\x81")
    assert (frame.opcode, frame.is_last, frame.is_compressed, frame.size) == (BINARY, True, False, size)
    assert frame.payload == data[:size] and frame.raw == written


def test_frames_are_the_same_wherever_they_are_cut() -> None:
    sent = [(TEXT, b"a" * 5, False), (PING, b"?", True), (CONTINUATION, b"b" * 130, False), (CONTINUATION, b"", True)]
    sent += [(BINARY, b"c" * 3, True), (CLOSE, b"", True)]
    data = b"".join([frame_of(opcode, payload, MASK, is_last=is_last) for opcode, payload, is_last in sent])
    for first in range(len(data) + 1):
        for second in (first, (first + len(data)) // 2, len(data)):
            found = reader()
            frames = [one for a, b in pairwise((0, first, second, len(data))) for one in found.feed(data[a:b])]
            assert [(one.opcode, one.payload, one.is_last) for one in frames] == sent and found.problem is None
    one_by_one = reader()
    assert len([frame for byte in data for frame in one_by_one.feed(bytes((byte,)))]) == len(sent)


def test_nothing_counts_behind_a_close() -> None:
    found = reader()
    assert len(found.feed(frame_of(CLOSE, b"", MASK) + b"\xff\xff")) == 1
    assert not found.feed(b"\xff\xff") and found.problem is None


@pytest.mark.parametrize(
    ("data", "code", "why"),
    [
        (b"\x81\x00", PROTOCOL_ERROR, "without a mask"),
        (b"\x91\x80", PROTOCOL_ERROR, "reserved bit"),
        (b"\xa1\x80", PROTOCOL_ERROR, "reserved bit"),
        (b"\xc1\x80", PROTOCOL_ERROR, "reserved bit"),
        (b"\x83\x80", PROTOCOL_ERROR, "unknown type 3"),
        (b"\x87\x80", PROTOCOL_ERROR, "unknown type 7"),
        (b"\x8b\x80", PROTOCOL_ERROR, "control frame of the unknown type 11"),
        (b"\x8f\x80", PROTOCOL_ERROR, "control frame of the unknown type 15"),
        (b"\x09\x80", PROTOCOL_ERROR, "fragmented"),
        (b"\x89\xfe", PROTOCOL_ERROR, "larger than 125"),
        (b"\x80\x80", PROTOCOL_ERROR, "nothing to continue"),
        (frame_of(TEXT, b"a", MASK, is_last=False) + b"\x82\x80", PROTOCOL_ERROR, "inside another"),
        (b"\x81\xfe\x00\x7d" + MASK, PROTOCOL_ERROR, "shortest"),
        (b"\x81\xff" + (65535).to_bytes(8, "big") + MASK, PROTOCOL_ERROR, "shortest"),
        (b"\x81\xff\x80" + bytes(7) + MASK, PROTOCOL_ERROR, "63 bits"),
        (b"\x82\xfe\x03\xe9" + MASK, TOO_BIG, "a frame of 1001 bytes"),
        (frame_of(TEXT, b"a" * 999, MASK, is_last=False) + b"\x80\x82" + MASK, TOO_BIG, "a message of more than"),
    ],
)  # fmt: skip
def test_what_breaks_the_rules_is_refused_by_its_head(data: bytes, code: int, why: str) -> None:
    found, reason = problem_of(data)
    assert found == code and why in reason


def test_a_service_has_no_masks() -> None:
    assert problem_of(frame_of(TEXT, b"x", MASK), is_masked=False) == (PROTOCOL_ERROR, "a frame with a mask")


def test_only_the_first_frame_of_a_message_may_be_compressed() -> None:
    first = bytes((0x41, 0x81)) + MASK + b"x"
    assert problem_of(first + b"\xc0\x80", allows_compressed=True)[0] == PROTOCOL_ERROR
    assert problem_of(b"\xc9\x80", allows_compressed=True)[0] == PROTOCOL_ERROR
    (frame,) = reader(allows_compressed=True).feed(first)
    assert frame.is_compressed and not frame.is_last


def test_a_frame_that_is_refused_does_not_take_those_before_it_along() -> None:
    found = reader()
    frames = found.feed(frame_of(TEXT, b"a", MASK) + b"\x83\x80")
    assert [one.payload for one in frames] == [b"a"] and found.problem is not None


def test_whether_anything_is_under_way() -> None:
    found = reader()
    assert found.is_between
    found.feed(b"\x81")
    assert not found.is_between
    found.feed(b"\x80" + MASK)
    assert found.is_between
    found.feed(frame_of(TEXT, b"", MASK, is_last=False))
    assert not found.is_between


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_may_not_be_sent(code: int) -> None:
    assert not may_be_sent(code)
    with pytest.raises(FrameError) as caught:
        read_close(code.to_bytes(2, "big"))
    assert caught.value.code == PROTOCOL_ERROR


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
def test_codes_and_reasons_are_read_as_they_are_written(code: int) -> None:
    assert may_be_sent(code) and read_close(close_payload(code, "wör")) == (code, "wör")


def test_what_a_close_may_be_without() -> None:
    assert read_close(b"") == (NO_CODE, "") and close_payload(NO_CODE) == b""
    with pytest.raises(FrameError):
        read_close(b"\x03")
    with pytest.raises(FrameError) as caught:
        read_close(b"\x03\xe8\xff")
    assert caught.value.code == INVALID


@given(st.text(max_size=200))
@settings(max_examples=examples(30))
def test_a_reason_fits_into_a_frame_and_stays_text(reason: str) -> None:
    payload = close_payload(1000, reason)
    assert len(payload) <= 125
    said = reason.encode("utf-8", "replace").decode()
    assert said.startswith(read_close(payload)[1])
