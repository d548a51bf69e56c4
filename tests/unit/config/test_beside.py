"""Where files are that no configuration names."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.beside import beside, default_socket, default_state_file
from fastgw.config.load import load
from tests.unit.config.files import MINIMAL


def test_files_are_beside_the_configuration() -> None:
    assert beside("/etc/gw/gateway.yaml", "state.json") == "/etc/gw/gateway.state.json"
    assert default_socket("/etc/gw/gateway.yaml", {}) == "/etc/gw/gateway.sock"
    assert default_state_file("/etc/gw/gateway.yaml", {}) == "/etc/gw/gateway.state.json"


def test_the_state_file_is_where_systemd_has_room_for_it(tmp_path: Path) -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/gw"}
    assert default_state_file("/etc/gw/gateway.yaml", environ) == "/var/lib/gw/gateway.state.json"
    path = tmp_path / "edge.yaml"
    path.write_text(MINIMAL)
    assert load(path, environ).state_file == "/var/lib/gw/edge.state.json"
    path.write_text(MINIMAL + "state_file: mine.json\n")
    assert load(path, environ).state_file == str(tmp_path / "mine.json")


def test_the_socket_is_where_systemd_has_room_for_it(tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": "/run/gw:/run/other"}
    assert default_socket("/etc/gw/gateway.yaml", environ) == "/run/gw/gateway.sock"
    path = tmp_path / "edge.yaml"
    path.write_text(MINIMAL)
    assert load(path, environ).admin_socket == "/run/gw/edge.sock"
    assert load(path, {}).admin_socket == str(tmp_path / "edge.sock")
    path.write_text(MINIMAL + "admin_socket: mine.sock\n")
    assert load(path, environ).admin_socket == str(tmp_path / "mine.sock")
