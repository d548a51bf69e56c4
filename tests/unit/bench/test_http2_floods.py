"""The attackers of the floods say what they mean to, and what was found is judged by what was promised."""

from __future__ import annotations

import itertools
from typing import Any

import hpack
import pytest

from bench.scenarios.http2_floods import GROWN_MOST, judge, said
from bench.scenarios.http2_peers import (
    ATTACKS,
    CONTINUATION,
    GET,
    HEADERS,
    OPENING,
    POST,
    PREFACE,
    cut,
    frame,
    source,
)
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, PROTOCOL_ERROR
from fastgw.wire.http2.frame_kinds import GOAWAY
from tests.unit.core.http2.peer import Http2Edge, Raw

GOOD: dict[str, Any] = {
    "p99_before": 0.001, "p99": 0.002, "share": 2.0, "failed": 0, "peak": 50_000_000, "life": 0.01, "life_most": 0.5,
    "connections": 1000, "busy": 0.5,
}  # fmt: skip


def parts(kind: str, lane: int, count: int) -> list[bytes]:
    return [one for one in itertools.islice(ATTACKS[kind](lane), count) if isinstance(one, bytes)]


def test_frames_are_cut_as_they_were_made() -> None:
    data = frame(HEADERS, 5, 7, b"abc") + frame(CONTINUATION, 0, 2**31 - 1)
    assert cut(data + b"\0\0\1") == ([(HEADERS, 5, 7, b"abc"), (CONTINUATION, 0, 2**31 - 1, b"")], b"\0\0\1")
    assert OPENING.startswith(PREFACE)


def test_no_two_kinds_come_from_one_address() -> None:
    assert len({source(kind) for kind in ATTACKS}) == len(ATTACKS)
    assert source("rapid_reset") == "127.0.0.2"


def test_requests_are_some() -> None:
    for block, method in ((GET, "GET"), (POST, "POST")):
        fields = dict(hpack.Decoder().decode(block))
        assert fields == {":method": method, ":scheme": "http", ":path": "/v1/models", ":authority": "a.test"}


@pytest.mark.parametrize("lane", [0, 1])
def test_the_bomb_can_be_decoded(lane: int) -> None:
    decoder = hpack.Decoder(max_header_list_size=1 << 30)
    for part in parts("hpack_bomb", lane, 2):
        frames, rest = cut(part)
        assert not rest and frames[0][0] == HEADERS
        assert len(decoder.decode(b"".join(one[3] for one in frames))) > 100


@pytest.mark.parametrize("lane", [0, 1])
@pytest.mark.parametrize("kind", [kind for kind in ATTACKS if kind != "slow_window"])
def test_an_attacker_is_thrown_out(kind: str, lane: int) -> None:
    edge = Http2Edge()
    raw = Raw(edge, OPENING[len(PREFACE) :])
    for part in parts(kind, lane, 200):
        if raw.is_over:
            break
        raw.send(part)
    assert raw.codes(GOAWAY, 4) in ([ENHANCE_YOUR_CALM], [PROTOCOL_ERROR])
    assert raw.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM] or kind == "made_you_reset"
    edge.end()


def test_a_flood_is_judged_by_what_was_promised() -> None:
    assert judge("rapid_reset", GOOD, 40_000_000)
    for worse in (
        {"share": 3.0, "p99": 0.004},
        {"failed": 1},
        {"peak": 40_000_001 + GROWN_MOST},
        {"life": 2.0},
    ):
        assert not judge("rapid_reset", {**GOOD, **worse}, 40_000_000)
    assert judge("rapid_reset", {**GOOD, "share": 3.0, "p99": 0.0019}, 40_000_000)
    assert judge("slow_window", {**GOOD, "life": 9.0, "life_most": 9.0}, 40_000_000)
    assert "1000 connections" in said("rapid_reset", GOOD, 40_000_000)
