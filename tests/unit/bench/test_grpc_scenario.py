"""The scenario ``grpc``: what its peers are told, what its service answers, how figures are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.scenarios import grpc_calls
from bench.scenarios.grpc import peers
from bench.scenarios.grpc.service import END, MESSAGE, SIZE, Service
from fastgw.config.load import inspect
from fastgw.wire.http2 import frame_kinds as kinds
from fastgw.wire.http2 import frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.settings import settings_frame


def test_its_configurations_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "version", lambda name: "nginx/1.31.3")
    peers.launch("fastgw", tmp_path, (1, 1), 3, 4)
    assert inspect(tmp_path / "fastgw.conf", {}).problems == []
    peers.launch("nginx", tmp_path, (1, 1), 3, 4)
    text = (tmp_path / "nginx.conf").read_text()
    assert "http2 on;" in text and text.count("{") == text.count("}")
    peers.launch("envoy", tmp_path, (1, 2), 3, 4)
    told = json.loads((tmp_path / "envoy.json").read_text())["static_resources"]
    found = [one["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"] for one in told["listeners"]]
    assert [len(one) for one in found] == [1, 2]


class Wire:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def test_its_service_answers_a_call() -> None:
    wire, service = Wire(), Service()
    service.connection_made(wire)
    block = FieldEncoder().request(b"POST", b"http", b"a", b"/bench.Bench/Say", b"")
    asked = frames.headers(1, block, False) + frames.data_head(1, len(MESSAGE), True) + MESSAGE
    service.data_received(kinds.PREFACE + settings_frame({}) + asked)
    reader = frames.FrameReader(1 << 16)
    reader.feed(wire.data)
    found: list[Any] = []
    while (kind := reader.read()) != kinds.NONE:
        found.append((kind, reader.stream, reader.payload, bool(reader.flags & kinds.END_STREAM)))
    answer = [one for one in found if one[1] == 1]
    assert [one[0] for one in answer] == [kinds.HEADERS, kinds.DATA, kinds.HEADERS]
    assert answer[1][2] == MESSAGE and len(MESSAGE) == 5 + SIZE and answer[2][3] and END


def running(name: str, **costs: list[float]) -> grpc_calls.Running:
    return grpc_calls.Running(name, (1, 1), None, {key: [one / 1e6 for one in many] for key, many in costs.items()})  # type: ignore[arg-type]


def test_shares_are_the_medians_of_the_turns() -> None:
    found = {
        "fastgw": running("fastgw", unary=[10.0, 30.0, 12.0], json=[60.0]),
        "nginx": running("nginx", unary=[10.0, 20.0, 20.0]),
        "envoy": running("envoy", unary=[30.0, 60.0, 40.0], json=[80.0]),
    }
    figures = grpc_calls.figures_of(found)
    assert figures["unary_of_nginx"] == 1.0 and figures["unary_of_envoy"] == pytest.approx(1 / 3)
    assert figures["unary_fastgw_us"] == pytest.approx(12.0) and grpc_calls.judge(figures)
    assert grpc_calls.told(figures) == (
        "unary 12.0 us, 1.00 of nginx (20.0), 0.33 of envoy (40.0); json 60.0 us, 0.75 of envoy (80.0)"
    )
    for key, value in (
        ("unary_of_nginx", 1.3),
        ("unary_of_envoy", 0.6),
        ("json_of_envoy", 1.1),
        ("json_fastgw_us", 80),
    ):
        assert not grpc_calls.judge({**figures, key: value})
