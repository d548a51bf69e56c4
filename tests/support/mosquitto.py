"""A real broker: mosquitto on loopback, whose persistence survives that it is killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.gateway import wait_until
from tests.support.ports import accepts, free_port

PROGRAM = "mosquitto"


class Mosquitto:
    """One broker, that can be stopped and started again on its port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        """``lines``: more of its configuration."""
        self.port = free_port()
        self._folder = folder
        own = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
        ]
        own += [] if any(one.startswith("allow_anonymous") for one in lines) else ["allow_anonymous true"]
        (folder / "mosquitto.conf").write_text("\n".join([*own, "autosave_on_changes true", "user root", *lines, ""]))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self._folder / "mosquitto.log").open("ab") as log:
            command = [PROGRAM, "-c", str(self._folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(lambda: accepts(self.port), what="mosquitto")

    def stop(self, *, is_killed: bool = False) -> None:
        process, self._process = self._process, None
        if process is not None:
            (process.kill if is_killed else process.terminate)()
            process.wait(10)
