"""``fastgw promote`` and its siblings, against a gateway that the test plays."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.cli.main import main

ONE = {"service": "llm@v1", "weight": 75.0, "configured": 90.0, "shadow": False}
TWO = {"service": "llm@v2", "weight": 25.0, "configured": 25.0, "shadow": True}
TOLD: dict[str, Any] = {"versions": {"v1": ONE, "v2": TWO}, "plan": None, "outcome": None}


class Played:
    """Answers one question after the other."""

    def __init__(self, path: Path) -> None:
        self.answer: dict[str, Any] = {"ok": True, "versions": {"llm": TOLD}}
        self.requests: list[Any] = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as file:
                self.requests.append(json.loads(file.readline()))
                file.write(json.dumps(self.answer).encode() + b"\n")

    def close(self) -> None:
        """No more."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    made = Played(tmp_path / "admin.sock")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (
            ["promote", "llm", "v2"],
            {"do": "promote", "service": "llm", "version": "v2", "weight": 100.0, "plan": False},
        ),
        (
            ["promote", "llm", "v2", "--weight", "12.5%"],
            {"do": "promote", "service": "llm", "version": "v2", "weight": 12.5, "plan": False},
        ),
        (
            ["promote", "llm", "v2", "--plan"],
            {"do": "promote", "service": "llm", "version": "v2", "weight": 100.0, "plan": True},
        ),
        (["rollback", "llm"], {"do": "rollback", "service": "llm"}),
        (["reset", "llm"], {"do": "reset", "service": "llm"}),
        (["versions"], {"do": "versions"}),
    ],
)
def test_what_is_asked(
    played: Played, tmp_path: Path, arguments: list[str], request_: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([arguments[0], "--socket", str(tmp_path / "admin.sock"), *arguments[1:]]) == 0
    assert played.requests == [request_]
    assert capsys.readouterr().out.splitlines() == [
        "llm",
        "  v1       75 %  (configured 90 %)",
        "  v2       25 %  (shadow)",
    ]


def test_a_plan_is_told(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"version": "v2", "step": 2, "steps": [5.0, 25.0], "now": "9 s of this step are left"}
    played.answer["versions"]["llm"] = TOLD | {"plan": plan, "outcome": "v2 was taken back"}
    assert main(["versions", "--socket", str(tmp_path / "admin.sock")]) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "  plan: v2 at step 2 of 5, 25 %; 9 s of this step are left",
        "  the last plan: v2 was taken back",
    ]


def test_a_refusal_is_1_and_says_why(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played.answer = {"ok": False, "error": "refused", "detail": "no version 'v9'"}
    assert main(["rollback", "--socket", str(tmp_path / "admin.sock"), "llm"]) == 1
    assert capsys.readouterr() == ("", "fastgw: no version 'v9'\n")
    assert main(["rollback", "--socket", str(tmp_path / "admin.sock"), "llm", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == played.answer


FILE = """\
listeners: [{address: 127.0.0.1:18080}]
routes: [{path: /*, service: a}]
services: {a: {endpoints: ["127.0.0.1:9"]}}
"""


def test_the_configuration_names_the_socket(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "admin.yaml"  # whose socket is beside it by default
    file.write_text(FILE)
    assert main(["versions", "-c", str(file)]) == 0
    file.write_text(FILE + "admin_socket: false\n")
    assert main(["versions", "-c", str(file)]) == 1
    assert "admin_socket is false" in capsys.readouterr().err
    file.write_text(FILE + "admin_socket: other.sock\n")
    assert main(["versions", "-c", str(file)]) == 1
    assert capsys.readouterr().err.endswith("other.sock: No such file or directory\n")
    file.write_text("nothing: 1\n")  # it can be asked all the same
    assert main(["versions", "-c", str(file)]) == 0


@pytest.mark.parametrize("weight", ["101", "-1", "much", "nan"])
def test_a_weight_is_a_percentage(weight: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["promote", "--socket", "x", "llm", "v2", f"--weight={weight}"])
    assert caught.value.code == 2
    assert "expected a number from 0 to 100" in capsys.readouterr().err
