"""Definitions of fastgw and of the peers that install here, in the form of the other harness: what each needs to serve.

LiteLLM's is their own, out of the checkout.  Two settings are beyond that: limits of connections that would end a run before
the gateway does are lifted, and nginx and HAProxy pass events of streams on as they come, not gathered.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.macro.errors import BenchError
from bench.macro.paths import ROOT
from bench.macro.peers import PEERS
from bench.macro.peers.ai import LITELLM
from bench.macro.peers.routers import ROUTERS
from bench.macro.process import free_port
from bench.macro.scenario import CHAT_KEY
from bench.outside.definitions import Definition, load, save

MODEL, KEY = "gpt-4o-mini", "dummy"
PATH = "/v1/chat/completions"

FASTGW = """\
workers: {NCORE}
admin: false
admin_socket: false
listeners:
  - {{address: "127.0.0.1:{GW_PORT}", {HTTP2}limits: {{connections: 4096}}}}
routes:
  - {{path: /v1/*, models: true}}
  - {{path: /*, service: any}}                # APIs that name no model in the body pass as they are
services:
  openai: {{endpoints: ["127.0.0.1:{MOCK_PORT}"], dialect: openai, pool: &lifted {{max_connections: 2048, max_pending: 4096}}}}
  anthropic: {{endpoints: ["127.0.0.1:{MOCK_PORT}"], dialect: anthropic, pool: *lifted}}
  any: {{endpoints: ["127.0.0.1:{MOCK_PORT}"], pool: *lifted}}
models:
  {GW_MODEL}: {{service: openai}}
  {GW_MODEL}-anthropic: {{service: anthropic}}
"""
NGINX = """\
daemon off; worker_processes {NCORE}; pid {GW_DIR}/nginx.pid; error_log {GW_DIR}/error.log error; user root;
worker_rlimit_nofile 20000;
events {{ worker_connections 9000; }}
http {{
  access_log off;
  client_body_temp_path {GW_DIR}/body; proxy_temp_path {GW_DIR}/proxy; fastcgi_temp_path {GW_DIR}/f;
  uwsgi_temp_path {GW_DIR}/u; scgi_temp_path {GW_DIR}/s;
  keepalive_requests 1000000000;
  upstream mock {{ server 127.0.0.1:{MOCK_PORT}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{GW_PORT}{HTTP2} backlog=4096;
    location / {{ proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
"""
#: What makes the listener of each speak HTTP/2 with prior knowledge; nginx and HAProxy speak nothing else there then.
HTTP2 = {"fastgw": "protocols: [http/1.1, h2], ", "nginx": " http2", "haproxy": " proto h2"}
HAPROXY = """\
global
  nbthread {NCORE}
  maxconn 9000
  no strict-limits
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 120s
  http-reuse always
  option http-no-delay
frontend edge
  bind 127.0.0.1:{GW_PORT}{HTTP2} backlog 4096
  default_backend mock
backend mock
  server mock 127.0.0.1:{MOCK_PORT}
"""


def _document(name: str, display: str, lang: str, repo: str, **launch: Any) -> dict[str, Any]:
    """A native gateway; ``match`` is what its command line is known by."""
    match = launch.pop("match")
    return {
        "name": name,
        "display": display,
        "lang": lang,
        "class": "proxy",
        "repo": repo,
        "port": 8090,
        "path": PATH,
        "model": MODEL,
        "auth": KEY,
        "config": [],
        "constants": {"HTTP2": ""},
        "egress": ["openai"],
        "runtime": {"kind": "native", "proc_match": match},
        "launch": {"kind": "native", **launch},
    }


def fastgw(directory: Path) -> Definition:
    """fastgw from this checkout, by this Python."""
    document = _document(
        "fastgw",
        "fastgw",
        "Python",
        "https://example.invalid/fastgw",
        match="-m fastgw run",
        binary=[sys.executable],
        args=["-m", "fastgw", "run", "-c", "{GW_DIR}/fastgw.gen.yaml"],
        env=[["PYTHONPATH", str(ROOT)]],
    )
    document |= {
        "egress": ["openai", "openai-responses", "anthropic"],
        "egress_models": {"anthropic": "{GW_MODEL}-anthropic"},
        "config_files": [{"template": "fastgw.gen.yaml.tmpl", "output": "fastgw.gen.yaml"}],
    }
    return save(document, {"fastgw.gen.yaml.tmpl": FASTGW}, directory)


def nginx(directory: Path) -> Definition:
    """One location for all."""
    args = ["-p", "{GW_DIR}", "-e", "{GW_DIR}/error.log", "-c", "{GW_DIR}/nginx.gen.conf"]
    document = _document(
        "nginx",
        "nginx",
        "C",
        "https://github.com/nginx/nginx",
        match="nginx: master process",
        binary=[_found("nginx")],
        args=args,
    )
    document["config_files"] = [{"template": "nginx.gen.conf.tmpl", "output": "nginx.gen.conf"}]
    return save(document, {"nginx.gen.conf.tmpl": NGINX}, directory)


def haproxy(directory: Path) -> Definition:
    """One backend for all."""
    args = ["-db", "-f", "{GW_DIR}/haproxy.gen.cfg"]
    document = _document(
        "haproxy",
        "HAProxy",
        "C",
        "https://github.com/haproxy/haproxy",
        match="haproxy -db",
        binary=[_found("haproxy")],
        args=args,
    )
    document["config_files"] = [{"template": "haproxy.gen.cfg.tmpl", "output": "haproxy.gen.cfg"}]
    return save(document, {"haproxy.gen.cfg.tmpl": HAPROXY}, directory)


def router(name: str, display: str, repo: str, words: tuple[str, ...], directory: Path) -> Definition:
    """A router of model servers: no configuration but arguments."""
    where = ["--host", "127.0.0.1", "--port", "{GW_PORT}", "--prometheus-port", str(free_port())]
    args = [
        *words,
        "--worker-urls",
        "http://127.0.0.1:{MOCK_PORT}",
        "--policy",
        "round_robin",
        "--log-level",
        "error",
        *where,
    ]
    binary = [str(ROUTERS / "bin" / name)]
    return save(_document(name, display, "Rust", repo, match=f"bin/{name} ", binary=binary, args=args), {}, directory)


def litellm(directory: Path, checkout: Path) -> Definition:
    """Theirs.  Their template has a model for each dialect of a service; its name ends in that of the dialect."""
    theirs = checkout / "gateways" / "litellm-python"
    if not theirs.is_dir():
        raise BenchError(f"{theirs} is not there")
    shutil.copytree(theirs, directory, dirs_exist_ok=True)
    found = load(directory)
    models = {
        name: f"{{GW_MODEL}}-{name.removeprefix('openai-')}"
        for name in ("openai-responses", "anthropic", "gemini", "cohere", "bedrock")
    }
    # Their images are of a version that starts without a key, and may reach the network.
    own = (("LITELLM_MASTER_KEY", CHAT_KEY), ("LITELLM_LOG", "ERROR"), ("LITELLM_LOCAL_MODEL_COST_MAP", "True"))
    return replace(found, auth=CHAT_KEY, models={**models, **found.models}, env=(*found.env, *own))


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that can take part."""

    name: str
    define: Callable[[Path, Path], Definition]  #: directory of the definition, checkout
    peer: str  #: of ``bench.macro.peers``, who knows its version and whether it is here
    program: str = ""  #: in the place of an image


GATEWAYS: Mapping[str, Gateway] = {
    one.name: one
    for one in (
        Gateway("fastgw", lambda directory, _: fastgw(directory), "fastgw"),
        Gateway("nginx", lambda directory, _: nginx(directory), "nginx"),
        Gateway("haproxy", lambda directory, _: haproxy(directory), "haproxy"),
        Gateway(
            "vllm-router",
            lambda directory, _: router(
                "vllm-router", "vLLM router", "https://github.com/vllm-project/router", (), directory
            ),
            "vllm-router",
        ),
        Gateway(
            "smg",
            lambda directory, _: router("smg", "SMG", "https://github.com/lightseekorg/smg", ("launch",), directory),
            "smg",
        ),
        Gateway("litellm", litellm, "litellm", str(LITELLM / "bin" / "litellm")),
    )
}


def missing(gateway: Gateway) -> str:
    """Why it cannot run on this machine; empty when it can."""
    return PEERS[gateway.peer].missing()


def _found(program: str) -> str:
    return shutil.which(program) or f"/usr/sbin/{program}"
