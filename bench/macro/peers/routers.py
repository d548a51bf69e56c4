"""Routers of model servers, in Rust, from PyPI: those of vLLM and of SMG, asked only in cases of chats."""

from __future__ import annotations

import os
from pathlib import Path

from bench.macro.paths import BENCH
from bench.macro.peers.ai import AiPeer
from bench.macro.peers.base import Launch
from bench.macro.process import free_port
from bench.macro.scenario import Wiring

ROUTERS = Path(os.environ.get("BENCH_ROUTERS") or BENCH / ".venv-routers")


class Router(AiPeer):
    """What both share: one service, chosen in turn, and their own metrics, which they cannot be without."""

    program = ""
    words: tuple[str, ...] = ()

    def missing(self) -> str:
        """``scripts/bench --full`` installs them."""
        there = (ROUTERS / "bin" / self.program).exists()
        return "" if there else f"not in {ROUTERS.name} (scripts/bench --full)"

    def version(self) -> str:
        """The package's version."""
        found = next(ROUTERS.glob(f"lib/python*/site-packages/{self.program.replace('-', '_')}-*.dist-info"), None)
        return f"{self.program}=={found.name.removesuffix('.dist-info').rpartition('-')[2]}" if found else self.program

    def prepare(self, wiring: Wiring) -> Launch:
        """No configuration but arguments."""
        where = ("--host", "127.0.0.1", "--port", str(wiring.port), "--prometheus-port", str(free_port()))
        services = tuple(f"http://{address}" for address in wiring.endpoints)
        argv = (str(ROUTERS / "bin" / self.program), *self.words, "--worker-urls", *services)
        return Launch((*argv, "--policy", "round_robin", "--log-level", "error", *where))


class VllmRouter(Router):
    """The one of vLLM."""

    name = title = program = "vllm-router"


class Smg(Router):
    """Shepherd Model Gateway, which has been SGLang's."""

    name = program = "smg"
    title = "SMG"
    words = ("launch",)
