"""Caddy: its JSON configuration, one route for each path, no administration, no automatic HTTPS."""

from __future__ import annotations

import orjson

from bench.macro.peers.base import FEW, Launch, Peer, first_line, not_installed
from bench.macro.scenario import Scenario, Wiring


class Caddy(Peer):
    """A Go gateway that people run."""

    name = "caddy"
    title = "Caddy"

    def missing(self) -> str:
        """Debian's package is enough."""
        return not_installed("caddy")

    def refuses(self, scenario: Scenario) -> str:
        """Its routes are tried one after the other."""
        return "routes are a list" if scenario.routes > FEW else ""

    def version(self) -> str:
        """Such as ``2.6.2``."""
        return first_line("caddy", "version")

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``caddy.json``."""
        identity = {"X-Request-Id": ["{http.request.uuid}"]}
        handler: dict[str, object] = {
            "handler": "reverse_proxy",
            "upstreams": [{"dial": address} for address in wiring.endpoints],
            "load_balancing": {"selection_policy": {"policy": "round_robin"}},
            "headers": {"request": {"set": {**identity, "Via": ["1.1 caddy"]}}, "response": {"set": identity}},
            "transport": {"protocol": "http", "keep_alive": {"max_idle_conns": 0, "max_idle_conns_per_host": 4096}},
        }
        if wiring.scenario.streaming:
            handler["flush_interval"] = -1
        nothing = {"handle": [{"handler": "static_response", "status_code": 404}]}
        server: dict[str, object] = {
            "listen": [f"127.0.0.1:{wiring.port}"],
            "protocols": ["h1"],
            "automatic_https": {"disable": True},
            "routes": [
                {"match": [{"path": [r.path if r.exact else r.path + "*"]}], "handle": [handler], "terminal": True}
                for r in wiring.routes
            ]
            + [nothing],
        }
        apps: dict[str, object] = {"http": {"servers": {"edge": server}}}
        if wiring.scenario.tls:
            server["tls_connection_policies"] = [{}]
            files = [{"certificate": str(wiring.certificate), "key": str(wiring.key)}]
            apps["tls"] = {"certificates": {"load_files": files}}
        config = {"admin": {"disabled": True}, "logging": {"logs": {"default": {"level": "ERROR"}}}, "apps": apps}
        path = wiring.directory / "caddy.json"
        path.write_bytes(orjson.dumps(config))
        environment = {
            "GOMAXPROCS": "1",
            "XDG_DATA_HOME": str(wiring.directory),
            "XDG_CONFIG_HOME": str(wiring.directory),
        }
        return Launch(("caddy", "run", "--config", str(path)), environment)
