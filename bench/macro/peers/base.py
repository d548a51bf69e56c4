"""What the benchmark knows about a gateway it can measure."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.macro.process import clean_environment
from bench.macro.scenario import Scenario, Wiring

FEW = 100  #: more routes or endpoints than this are asked only of peers made for many


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a gateway whose configuration is written."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


class Peer:
    """One gateway.  Every one of them must do the same work (``contract.py`` checks it before anything is measured):
    route over the table, forward to the endpoints over kept connections, append X-Forwarded-For, set X-Forwarded-Proto,
    X-Forwarded-Host, Via and a fresh X-Request-Id towards the service, and the same X-Request-Id towards the client.
    """

    name = ""
    title = ""
    is_plain_proxy = True  #: held to all of the above
    start_seconds = 20.0  #: patience until it listens

    def missing(self) -> str:
        """Why it cannot run on this machine; empty when it can."""
        return ""

    def refuses(self, scenario: Scenario) -> str:
        """Why it cannot take part in this case; empty when it can."""
        return ""

    def version(self) -> str:
        """One line for the report."""
        return ""

    def prepare(self, wiring: Wiring) -> Launch:
        """Write the configuration into ``wiring.directory``.  BenchError when a part has to be built and cannot be."""
        raise NotImplementedError


def not_installed(program: str) -> str:
    """The words for a program that is not there; empty when it is."""
    return "" if shutil.which(program) else f"{program} is not installed"


def first_line(*argv: str) -> str:
    """The first line a program prints on either stream, empty when it cannot be asked."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, env=clean_environment(), check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""
