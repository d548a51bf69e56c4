"""Gateways in Python: the standard library's two (``bench/baseline``), aiohttp, and uvicorn with Starlette and httpx."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import orjson

from bench.macro.paths import ROOT, VENV
from bench.macro.peers.base import FEW, Launch, Peer, first_line
from bench.macro.scenario import Scenario, Wiring


class PythonPeer(Peer):
    """A module that reads one JSON file; ``modules`` are looked for in the benchmark's environment, then in this one."""

    entry = ""
    modules: tuple[str, ...] = ()

    def missing(self) -> str:
        """``scripts/bench --full`` installs what it needs."""
        return (
            "" if interpreter(self.modules) else f"{', '.join(self.modules)}: not in bench/.venv (scripts/bench --full)"
        )

    def refuses(self, scenario: Scenario) -> str:
        """They are measured where a figure says something."""
        return "not made for so many" if max(scenario.routes, scenario.endpoints) > FEW else ""

    def version(self) -> str:
        """Python and the packages."""
        wanted = "".join(f"{module}=={{m.version('{module}')}} " for module in self.modules)
        code = f'import sys, importlib.metadata as m; print(f"{wanted}CPython {{sys.version.split()[0]}}")'
        return first_line(interpreter(self.modules), "-c", code)

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``config.json``."""
        config = {
            "port": wiring.port,
            "endpoints": wiring.endpoints,
            "routes": [{"path": route.path, "exact": route.exact} for route in wiring.routes],
            "cert": str(wiring.certificate) if wiring.scenario.tls else "",
            "key": str(wiring.key) if wiring.scenario.tls else "",
        }
        path = wiring.directory / "config.json"
        path.write_bytes(orjson.dumps(config))
        return Launch((interpreter(self.modules), "-m", self.entry, str(path)), {"PYTHONPATH": str(ROOT)})


class Threaded(PythonPeer):
    """What the standard library offers first."""

    name = "stdlib-threaded"
    title = "http.server + http.client, threads"
    entry = "bench.baseline.threaded"


class Streams(PythonPeer):
    """What the standard library offers second."""

    name = "stdlib-streams"
    title = "asyncio streams"
    entry = "bench.baseline.streams"


class Aiohttp(PythonPeer):
    """aiohttp's server and client, on uvloop."""

    name = "aiohttp"
    title = "aiohttp"
    entry = "bench.frameworks.aiohttp_proxy"
    modules = ("aiohttp", "uvloop")


class Asgi(PythonPeer):
    """uvicorn (uvloop, httptools), a Starlette application, httpx as its client."""

    name = "uvicorn-httpx"
    title = "uvicorn + Starlette + httpx"
    entry = "bench.frameworks.asgi_proxy"
    modules = ("uvicorn", "starlette", "httpx", "uvloop", "httptools")


@functools.cache
def interpreter(modules: tuple[str, ...]) -> str:
    """A Python that has them all: of bench/.venv, or this one; empty when neither has."""
    code = f"import importlib.util as u, sys; sys.exit(not all(u.find_spec(m) for m in {modules!r}) or print('found'))"
    for candidate in (str(VENV / "bin" / "python"), sys.executable):
        if not modules or (Path(candidate).exists() and first_line(candidate, "-c", code) == "found"):
            return candidate if modules else sys.executable
    return ""
