"""``websocket`` of a route, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.websocket_settings import WebSocketSettings
from tests.unit.config.test_grpc import problems, route


def test_it_is_off_unless_a_route_says_so_and_has_bounds_then(tmp_path: Path) -> None:
    assert route(tmp_path, "path: /*, service: s").websocket is None
    found = route(tmp_path, "path: /*, service: s, websocket: {}").websocket
    assert found == WebSocketSettings(1 << 20, 4 << 20, (), 0, (), 0, 0.0, 30.0, 20.0, 10.0, (), "refuse")


def test_its_keys(tmp_path: Path) -> None:
    keys = "message_rate: 20/s, message_burst: 5, idle_timeout: 5m, subprotocols: [chat, v2.chat], compression: pass"
    found = route(tmp_path, f"path: /*, service: s, websocket: {{{keys}, ping_interval: 0, max_frame: 4MiB}}").websocket
    assert found == WebSocketSettings(
        4 << 20, 4 << 20, (20, 1), 5, (200, 1), 50, 300.0, 0.0, 20.0, 10.0, ("chat", "v2.chat"), "pass"
    )


def test_frames_have_a_rate_of_their_own(tmp_path: Path) -> None:
    found = route(tmp_path, "path: /*, service: s, websocket: {message_rate: 5/s, frame_rate: 600/m, frame_burst: 30}")
    said = found.websocket
    assert said is not None
    assert (said.message_rate, said.frame_rate, said.frame_burst) == ((5, 1), (600, 60), 30)


def test_a_route_without_websockets_has_none_by_frames(tmp_path: Path) -> None:
    found = problems(tmp_path, "path: /*, service: s, websocket: {}, upgrades: [other]")
    assert "websocket: has no effect: websocket is not among upgrades" in found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_frame: 8MiB", "websocket.max_frame: is more than max_message"),
        ("message_burst: 3", "websocket.message_burst: has no effect without message_rate"),
        ("message_rate: 1MiB/s", "websocket.message_rate: counts messages"),
        ("frame_rate: 1MiB/s", "websocket.frame_rate: counts frames"),
        ("frame_burst: 3", "websocket.frame_burst: has no effect without frame_rate or message_rate"),
        ("message_rate: 2/s, frame_rate: 100/m", "websocket.frame_rate: is less than message_rate"),
        ("subprotocols: ['a b']", "expected the name of a subprotocol such as chat"),
        ("subprotocols: ['\u00e4']", "expected the name of a subprotocol such as chat"),
        ("compression: maybe", "websocket.compression"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, f"path: /*, service: s, websocket: {{{text}}}")
