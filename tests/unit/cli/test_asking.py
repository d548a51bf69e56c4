"""Where a gateway is asked."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fastgw.cli import asking
from fastgw.cli.asking import socket_of
from tests.unit.cli.test_rollout import FILE


def test_a_broken_file_still_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gw.yaml"
    file.write_text("routes: [\n")
    assert socket_of(str(file)) == str(tmp_path / "gw.sock")
    file.write_text("admin_socket: x.sock\nroutes: [\n")
    assert socket_of(str(file)) == ""
    assert "--socket PATH does" in capsys.readouterr().err
    file.write_text(FILE + "admin_socket: x.sock\n")
    assert socket_of(str(file)) == str(tmp_path / "x.sock")
    assert socket_of(str(tmp_path / "none.yaml")) == ""
    assert "No such file" in capsys.readouterr().err


def test_a_gateway_that_is_a_service_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(asking, "SERVICE_FOLDER", str(folder))
    file = tmp_path / "gw.yaml"
    file.write_text(FILE)
    with socket.socket(socket.AF_UNIX) as there, socket.socket(socket.AF_UNIX) as beside:
        there.bind(str(folder / "gw.sock"))
        assert socket_of(str(file)) == str(folder / "gw.sock")
        beside.bind(str(tmp_path / "gw.sock"))  # which is nearer
        assert socket_of(str(file)) == str(tmp_path / "gw.sock")
