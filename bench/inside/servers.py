"""What is measured: a server with an application in its own process, each with one worker and without an access log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.macro.client import connect, exchange
from bench.macro.errors import BenchError
from bench.macro.paths import BENCH, ROOT, VENV
from bench.macro.peers.base import first_line
from bench.macro.peers.python import interpreter
from bench.macro.process import GATEWAY_CORE, Program, free_port
from bench.macro.subject import fresh_directory

APPS = BENCH / "inside" / "apps"
GREETING = b'{"message":"Hello, World!"}'
REQUEST = b"GET / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"

_CONFIGURATION = """\
workers: 1
admin: false
listeners:
  - {{address: "127.0.0.1:{port}", filters: []}}
routes:
{routes}
services:
{services}
"""


def configuration(port: int, services: dict[str, str]) -> str:
    """A file of fastgw: each service, by the path after its name, as its text says it."""
    routes = "\n".join(f"  - {{path: /{name if len(services) > 1 else '*'}, service: {name}}}" for name in services)
    texts = "\n".join(f"  {name}: {{{text}}}" for name, text in services.items())
    return _CONFIGURATION.format(port=port, routes=routes, services=texts)


@dataclass(frozen=True, slots=True)
class Server:
    """One of them; ``command``: of its port and a directory of its own."""

    name: str
    title: str
    command: Callable[[int, Path], Sequence[str]]
    packages: tuple[str, ...] = ()  #: of PyPI, in bench/.venv
    borrows: bool = False  #: it runs in this environment, and finds packages in that one

    @property
    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        return "" if interpreter(self.packages) else f"{', '.join(self.packages)}: not in bench/.venv"

    @property
    def version(self) -> str:
        """Of its packages."""
        names = "".join(f"{name} {{m.version('{name}')}} " for name in self.packages)
        code = f'import importlib.metadata as m; print(f"{names}")'
        return first_line(interpreter(self.packages), "-c", code) if self.packages else ""

    def start(self) -> Running:
        """Start it.

        Raises:
            BenchError: it does not answer, or not with the greeting.
        """
        port, directory = free_port(), fresh_directory(self.name)
        places = [str(ROOT), str(APPS), *(map(str, VENV.glob("lib/python*/site-packages")) if self.borrows else ())]
        environment = {"PYTHONPATH": ":".join(places), "PYTHONDONTWRITEBYTECODE": "1"}
        program = Program(self.command(port, directory), core=GATEWAY_CORE, directory=directory, env=environment)
        try:
            program.wait_port(port)
            program.check_core()
            with connect(port) as connection:
                for _ in range(300):  # what is made late is made, and code is specialised
                    answer = exchange(connection, REQUEST)
            said = answer.headers.get("content-type", "")
            if answer.status != 200 or said != "application/json" or answer.body.replace(b'": ', b'":') != GREETING:
                raise BenchError(f"{self.name} answers {answer.status}, {said}: {answer.body!r}")
        except BaseException:
            program.stop()
            raise
        return Running(self, port, program)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    server: Server
    port: int
    program: Program


def _fastgw(service: str) -> Callable[[int, Path], Sequence[str]]:
    def command(port: int, directory: Path) -> Sequence[str]:
        return fastgw_command(directory, configuration(port, {"app": service}))

    return command


def fastgw_command(directory: Path, text: str, python: str = sys.executable) -> Sequence[str]:
    """What runs fastgw by the configuration ``text``."""
    path = directory / "fastgw.yaml"
    path.write_text(text)
    return (python, "-m", "fastgw", "run", "-c", str(path))


def _uvicorn(application: str) -> Callable[[int, Path], Sequence[str]]:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error")
    return lambda port, _: (
        interpreter(_UVICORN), "-m", "uvicorn", application, "--port", str(port), *options, "--backlog", "4096"
    )  # fmt: skip


def _granian(port: int, _: Path) -> Sequence[str]:
    options = (
        "--workers",
        "1",
        "--runtime-threads",
        "1",
        "--loop",
        "uvloop",
        "--no-access-log",
        "--log-level",
        "error",
    )
    return (interpreter(_GRANIAN), "-m", "granian", "--interface", "rsgi", "--port", str(port), *options, "rsgi:app")


_UVICORN = ("uvicorn", "starlette", "uvloop", "httptools", "orjson")
_GRANIAN = ("granian", "uvloop", "orjson")

HANDLER = Server("handler", "fastgw.App", lambda port, _: (sys.executable, str(APPS / "hello.py"), str(port)))
REPLY = Server(
    "reply",
    "fastgw, a route with reply",
    lambda port, directory: fastgw_command(directory, REPLY_CONFIGURATION.format(port=port)),
)
BARE = Server("bare", "fastgw, a bare ASGI callable", _fastgw('asgi: "bare:app"'))
STAR = Server("starlette", "fastgw, Starlette", _fastgw('asgi: "star:app"'), ("starlette",), borrows=True)
STDLIB = Server(
    "http.server", "http.server, threads", lambda port, _: (sys.executable, str(APPS / "stdlib.py"), str(port))
)
UVICORN_BARE = Server("uvicorn-bare", "uvicorn, a bare ASGI callable", _uvicorn("bare:app"), _UVICORN)
UVICORN = Server("uvicorn-starlette", "uvicorn, Starlette", _uvicorn("star:app"), _UVICORN)
GRANIAN = Server("granian", "granian, RSGI", _granian, _GRANIAN)

REPLY_CONFIGURATION = """\
workers: 1
admin: false
listeners:
  - {{address: "127.0.0.1:{port}", filters: []}}
routes:
  - path: /*
    reply: {{status: 200, content_type: application/json, body: '{{"message":"Hello, World!"}}'}}
"""

SERVERS = (HANDLER, GRANIAN, STDLIB, UVICORN, REPLY, BARE, UVICORN_BARE, STAR)
#: What is held against what: the first is to do at least so many times the requests per second of the second.
GOALS = (
    (HANDLER, STDLIB, 10.0),
    (HANDLER, UVICORN, 1.5),
    (HANDLER, GRANIAN, 1.0),
    (BARE, UVICORN_BARE, 1.5),
    (STAR, UVICORN, 1.0),
)
