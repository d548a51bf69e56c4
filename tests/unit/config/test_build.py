"""From models to the specification: every key arrives, in its final form."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.spec import AccessSpec, BindSpec, EndpointSpec, FilterSpec, RetrySpec, SplitSpec
from fastgw.core.settings import Address, Limits, PoolSettings, Timeouts, UpstreamTls
from tests.unit.config.files import MINIMAL, read

ADMIN = Address("::1", 9902)
FULL = """\
workers: 3
admin: {address: "[::1]:9902"}
shutdown: {grace: 1m}
listeners:
  - name: edge
    address: unix:run/edge.sock
    mode: 0660
    owner: root:1234
    filters: [log, request_id]
    timeouts: {head: 1s, idle: 2s, body: 3s, write: 0, linger: 5s}
    limits: {head_size: 16KiB, head_count: 50, uri_length: 4KiB, connections: 7, connections_per_address: 5, body_memory: 1MiB}
    trusted_proxies: [10.0.0.0/8, "::1"]
    drop_headers: [X-B, x-a, x-b]
    proxy_protocol: true
    proxy_protocol_from: [10.0.0.0/24]
    half_close: answer
  - address: 127.0.0.1:0
    filters: []
routes:
  - name: canary
    path: /v1/{model}
    host: "*.Edge.example"
    methods: [POST, GET]
    headers: {X-Canary: 1, x-user: "*"}
    split: [{service: a, weight: 95}, {service: b, weight: 5}]
    sticky: cookie:sid
    timeout: 1s
    answer_timeout: 2s
    stream_idle_timeout: 3s
    tunnel_idle_timeout: 4s
    upgrades: []
    max_body: 1KB
    body_buffer: 2KB
    body_wait: 5s
    filters: [access_log]
    errors: openai
    half_close: abort
  - {path: /x, service: a}
services:
  a:
    endpoints: ["10.0.0.1:9000", {address: "unix:/run/x.sock", weight: 2}]
    balance: round_robin
    pool: {max_connections: 1, max_pending: 2, idle_timeout: 3s, connect_timeout: 4s, pending_timeout: 5s, warm: 1, max_uploads: 1}
    tls: {server_name: Name.example, verify: false}
    host: endpoint
    retry: {attempts: 3, on: [reset, reset]}
  b: {endpoints: ["b.example:1"]}
filters:
  log: {type: access_log, path: log.jsonl, batch: 1KiB, flush: 500ms}
  unused: {type: request_id}
"""


def test_every_key_arrives(tmp_path: Path) -> None:
    spec = read(tmp_path, FULL)
    assert spec.source == str(tmp_path / "gw.yaml")
    assert (spec.workers, spec.admin, spec.grace) == (3, BindSpec(ADMIN, (ADMIN,)), 60.0)

    edge, second = spec.listeners
    assert (edge.name, edge.bind.address) == ("edge", Address(path=str(tmp_path / "run/edge.sock")))
    assert edge.bind.access == AccessSpec(0o660, 0, 1234)
    assert edge.bind.places == (edge.bind.address,)
    assert edge.filters == ("log", "request_id")
    assert edge.timeouts == Timeouts(head=1.0, idle=2.0, body=3.0, write=0.0, linger=5.0)
    assert edge.limits == Limits(16384, 50, 4096, 7, 5, 256, 1 << 20)
    assert edge.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert (edge.drop_headers, edge.proxy_protocol, edge.tls) == (("x-a", "x-b"), True, None)
    assert edge.proxy_protocol_from == ("10.0.0.0/24",)
    assert (second.name, second.filters) == ("listener-2", ())
    assert (edge.half_close, second.half_close) == ("answer", "abort")

    canary, plain = spec.routes
    assert (canary.name, canary.path, canary.host) == ("canary", "/v1/{model}", "*.edge.example")
    assert (canary.methods, canary.headers) == (("POST", "GET"), (("x-canary", "1"), ("x-user", "*")))
    assert (canary.service, canary.split) == ("", (SplitSpec("a", 95), SplitSpec("b", 5)))
    assert (canary.timeout, canary.answer_timeout, canary.stream_idle_timeout) == (1.0, 2.0, 3.0)
    assert (canary.tunnel_idle_timeout, canary.upgrades, canary.max_body) == (4.0, (), 1000)
    assert (canary.body_buffer, canary.body_wait) == (2000, 5.0)
    assert (canary.sticky, canary.filters, canary.errors) == ("cookie:sid", ("access_log",), "openai")
    assert (plain.name, plain.service, plain.split) == ("/x", "a", ())
    assert (canary.half_close, plain.half_close) == ("abort", "")

    a, b = spec.services
    assert a.endpoints == (
        EndpointSpec(Address("10.0.0.1", 9000), 1),
        EndpointSpec(Address(path="/run/x.sock"), 2),
    )
    assert (a.balance, a.host, a.retry) == ("round_robin", "endpoint", RetrySpec(3, ("reset",)))
    assert a.pool == PoolSettings(1, 2, 3.0, 4.0, 5.0, 1, 1)
    assert a.tls == UpstreamTls(verify=False, server_name="name.example", ca="", cert="", key="")
    assert (b.name, b.tls, b.balance) == ("b", None, "least_request")

    log = "fastgw.filters.access_log:AccessLog"
    assert spec.filters == (
        FilterSpec("log", log, (("path", str(tmp_path / "log.jsonl")), ("batch", 1024), ("flush", 0.5))),
        FilterSpec("unused", "fastgw.filters.request_id:RequestId"),
        FilterSpec("request_id", "fastgw.filters.request_id:RequestId"),
        FilterSpec("access_log", log, (("path", "stdout"), ("batch", 65536), ("flush", 1.0))),
    )


def test_defaults_that_depend_on_the_place(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL)
    assert (spec.listeners[0].name, spec.routes[0].name) == ("listener-1", "/*")
    address = Address("127.0.0.1", 9901)
    assert (spec.workers, spec.admin) == (0, BindSpec(address, (address,)))
    assert read(tmp_path, MINIMAL + "admin: false").admin is None


def test_certificates_know_their_names(tmp_path: Path, pair: tuple[str, str]) -> None:
    text = MINIMAL.replace("18080", f"18080\n    tls: {{cert: '{pair[0]}', key: '{pair[1]}', min_version: 1.3}}")
    tls = read(tmp_path, text).listeners[0].tls
    assert tls is not None and tls.min_version == "1.3"
    assert [(one.cert, one.names) for one in tls.certificates] == [(pair[0], ("localhost", "*.edge.example"))]
