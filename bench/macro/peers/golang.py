"""Two small Go gateways of ours: one on fasthttp, one on net/http's ReverseProxy; both on one processor."""

from __future__ import annotations

import os

import orjson

from bench.macro.build import GO_ENVIRONMENT, go_program
from bench.macro.peers.base import Launch, Peer, first_line, not_installed
from bench.macro.scenario import Scenario, Wiring


class GoPeer(Peer):
    """What both share: they read one JSON file."""

    program = ""

    def missing(self) -> str:
        """The Go compiler."""
        return not_installed("go")

    def version(self) -> str:
        """Such as ``go1.19.8``."""
        return " ".join(first_line("go", "version").split()[2:3])

    def prepare(self, wiring: Wiring) -> Launch:
        """Build the program if need be and write ``config.json``."""
        config: dict[str, object] = {
            "listen": f"127.0.0.1:{wiring.port}",
            "endpoints": wiring.endpoints,
            "routes": [{"path": route.path, "exact": route.exact} for route in wiring.routes],
        }
        if wiring.scenario.tls:
            config |= {"cert": str(wiring.certificate), "key": str(wiring.key)}
        path = wiring.directory / "config.json"
        path.write_bytes(orjson.dumps(config))
        return Launch((str(go_program(self.program)), str(path)), {"GOMAXPROCS": "1"})


class GoFasthttp(GoPeer):
    """The peer the project measures itself against."""

    name = "go-fasthttp"
    title = "Go fasthttp"
    program = "fasthttp_proxy"
    package = f"{GO_ENVIRONMENT['GOPATH']}/src/github.com/valyala/fasthttp"

    def missing(self) -> str:
        """The compiler and the library as Debian packages them."""
        return super().missing() or (
            "" if os.path.isdir(self.package) else "golang-github-valyala-fasthttp-dev is not installed"
        )

    def refuses(self, scenario: Scenario) -> str:
        """The client of Debian's version has no streamed answers."""
        return "its client gathers the whole answer" if scenario.streaming else ""


class GoNetHttp(GoPeer):
    """What most Go gateways are built on."""

    name = "go-nethttp"
    title = "Go net/http ReverseProxy"
    program = "nethttp_proxy"
