"""From models to the specification: every key arrives, in its final form."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.config import build, schema, spec
from fastgw.config.bind_spec import AS_CREATED, AccessSpec, BindSpec
from fastgw.config.model import Model
from fastgw.config.spec import (
    AdminSpec,
    ByNameSpec,
    EndpointSpec,
    FilterSpec,
    HashSpec,
    MirrorSpec,
    ShadowSpec,
    SplitSpec,
    VersionSpec,
    VersionsSpec,
)
from fastgw.core import settings
from fastgw.core.settings import (
    Address,
    BackoffSettings,
    BudgetSettings,
    EjectionSettings,
    FilterSettings,
    InsideSettings,
    Limits,
    MirrorSettings,
    PoolSettings,
    RetrySettings,
    ServiceSettings,
    Timeouts,
    UpstreamTls,
    VersionBySettings,
)
from fastgw.policy.rollout import RolloutTerms
from tests.unit.config.files import MINIMAL, read

ADMIN = Address("::1", 9902)
FULL = """\
workers: 3
admin: {address: "[::1]:9902"}
admin_socket: run/admin.sock
state_file: kept.json
shutdown: {grace: 1m}
listeners:
  - name: edge
    address: unix:run/edge.sock
    mode: 0660
    owner: root:1234
    filters: [log, request_id]
    timeouts: {head: 1s, idle: 2s, body: 3s, write: 0, linger: 5s}
    limits: {head_size: 16KiB, head_count: 50, uri_length: 4KiB, connections: 7, connections_per_address: 5, body_memory: 1MiB, streams: 30}
    trusted_proxies: [10.0.0.0/8, "::1"]
    drop_headers: [X-B, x-a, x-b]
    proxy_protocol: true
    proxy_protocol_from: [10.0.0.0/24]
    protocols: [http/1.1, h2]
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
  - {path: /x, service: a, mirror: {service: b, share: 5%, max_body: 1KB, max_in_flight: 3, credentials: keep}}
  - {path: "/named/{name}", service: "{name}", among: [b, c]}
services:
  a:
    endpoints: ["10.0.0.1:9000", {address: "unix:/run/x.sock", weight: 2}]
    balance: round_robin
    pool: {max_connections: 1, max_pending: 2, idle_timeout: 3s, connect_timeout: 4s, pending_timeout: 5s, warm: 1, max_uploads: 1,
      max_streams: 6, ping_interval: 7s, ping_timeout: 8s}
    protocol: h2
    tls: {server_name: Name.example, verify: false}
    host: endpoint
    retry: {attempts: 3, on: [reset, reset]}
    ejection: {after: 5, base: 2s, max: 8s}
  b: {endpoints: ["b.example:1"], ejection: off, balance: consistent_hash, hash: {key: "${header.x-user}", max_load: 2}}
  c:
    python: "some_module:Class"
    settings: {deep: [1, true]}
    run: thread
    workers: 3
    queue: 4
    max_input: 5KiB
    batch: {max: 6, wait: 7ms}
  d: {app: "some_module:app"}
  e: {asgi: "some_module:asgi", root_path: /api}
  f:
    versions:
      v1: {endpoints: ["10.0.0.4:9000"], weight: 3}
      v2: {python: "some_module:Class", run: loop, weight: 1}
    host: endpoint
    version_by: {header: X-Version, sticky: cookie:sid}
    rollout: {steps: [5, 100], every: 2m, max_error_rate: 2%, max_p99: 800ms, min_requests: 9}
    shadow: {version: v2, share: 50%, max_body: 2KB, max_in_flight: 7, credentials: keep}
filters:
  log: {type: access_log, path: log.jsonl, batch: 1KiB, flush: 500ms, on_failure: open, timeout: 2s}
  unused: {type: request_id}
"""


def test_every_key_arrives(tmp_path: Path) -> None:
    spec = read(tmp_path, FULL)
    assert spec.source == str(tmp_path / "gw.yaml")
    assert (spec.workers, spec.admin, spec.shutdown.grace) == (
        3,
        AdminSpec(ADMIN, (ADMIN,), AS_CREATED, "", (), None, 1.0),
        60.0,
    )

    edge, second = spec.listeners
    assert (edge.name, edge.bind.address) == ("edge", Address(path=str(tmp_path / "run/edge.sock")))
    assert edge.bind.access == AccessSpec(0o660, 0, 1234)
    assert edge.bind.places == (edge.bind.address,)
    assert edge.filters == ("log", "request_id")
    assert edge.settings.timeouts == Timeouts(head=1.0, idle=2.0, body=3.0, write=0.0, linger=5.0)
    assert edge.settings.limits == Limits(16384, 50, 4096, 7, 5, 256, 1 << 20, 30)
    assert edge.settings.trusted_proxies == ("10.0.0.0/8", "::1/128")
    assert (edge.settings.drop_headers, edge.proxy_protocol, edge.tls) == (("x-b", "x-a"), True, None)
    assert edge.proxy_protocol_from == ("10.0.0.0/24",)
    assert (second.name, second.filters) == ("listener-2", ())
    assert (edge.settings.half_close, second.settings.half_close) == ("answer", "abort")
    assert (edge.settings.protocols, second.settings.protocols) == (("http/1.1", "h2"), ("http/1.1",))

    canary, plain, named = spec.routes
    assert (named.service, named.by_name) == (None, ByNameSpec("name", ("b", "c")))
    how = canary.settings
    assert (canary.name, canary.path, canary.host) == ("canary", "/v1/{model}", "*.edge.example")
    assert (canary.methods, canary.headers) == (("POST", "GET"), (("x-canary", "1"), ("x-user", "*")))
    assert (canary.service, canary.split) == (None, (SplitSpec("a", 95), SplitSpec("b", 5)))
    assert (how.timeout, how.answer_timeout, how.stream_idle_timeout) == (1.0, 2.0, 3.0)
    assert (how.tunnel_idle_timeout, how.upgrades, how.max_body) == (4.0, (), 1000)
    assert (how.body_buffer, how.body_wait) == (2000, 5.0)
    assert (how.sticky, canary.filters, how.errors) == ("cookie:sid", ("access_log",), "openai")
    assert (plain.name, plain.service, plain.split) == ("/x", "a", ())
    assert (how.half_close, plain.settings.half_close) == ("abort", None)

    a, b, c, d, e, v1, v2 = spec.services
    assert a.endpoints == (
        EndpointSpec(Address("10.0.0.1", 9000), 1),
        EndpointSpec(Address(path="/run/x.sock"), 2),
    )
    assert a.balance == "round_robin"
    retry = RetrySettings(3, ("reset",), (), 65536, 0.0, BackoffSettings(0.025, 0.25), 1.0, BudgetSettings(0.2, 10), ())
    ejection = EjectionSettings(5, 2.0, 8.0, failures=0.0, slow=0.0, minimum=0, window=10.0, max_share=0.5)
    assert a.settings == ServiceSettings(
        "endpoint",
        retry,
        ejection,
        None,
        False,
        panic_below=0.0,
        hedge=None,
        streams=None,
        credentials=None,
        websocket=None,
    )
    assert a.pool == PoolSettings(1, 2, 3.0, 4.0, 5.0, 1, 1, 6, 7.0, 8.0)
    assert a.tls == UpstreamTls(verify=False, server_name="name.example", ca="", cert="", key="")
    assert (b.name, b.tls, b.balance, b.settings.ejection) == ("b", None, "consistent_hash", None)
    assert b.hash == HashSpec(("header.x-user",), 2.0)

    assert (a.inside, c.endpoints) == (None, (EndpointSpec(Address(inside="python:some_module:Class"), 1),))
    given = b'{"deep":[1,true]}'
    assert c.inside == InsideSettings(
        "python", "some_module:Class", str(tmp_path), given, "thread", 3, 4, 5120, "", (6, 0.007)
    )
    assert d.inside is not None and (d.inside.kind, d.inside.reference) == ("app", "some_module:app")
    assert e.inside is not None and (e.inside.kind, e.inside.root_path) == ("asgi", "/api")

    assert (v1.name, v1.endpoints, v1.inside) == ("f@v1", (EndpointSpec(Address("10.0.0.4", 9000), 1),), None)
    assert (v2.name, v2.inside is not None and v2.inside.run) == ("f@v2", "loop")
    assert v1.settings == v2.settings and v1.settings.host == "endpoint"
    assert spec.versioned == (
        VersionsSpec(
            "f",
            (VersionSpec("v1", "f@v1", 750_000), VersionSpec("v2", "f@v2", 250_000)),
            (750_000, 250_000),
            VersionBySettings("x-version", "cookie:sid"),
            ShadowSpec("v2", MirrorSettings(0.5, 2000, 7, "keep")),
            RolloutTerms((50_000, 1_000_000), 120.0, 0.02, 0.8, 9),
        ),
    )

    log = "fastgw.filters.access_log:access_log"
    shape = (("format", "json"), ("template", None), ("fields", ()), ("sample", 1.0))
    always = ("always", (("slow", 1.0), ("failed", ("5xx",))))
    made = "gives every request an id, or keeps the one it came with"
    open_, closed = FilterSettings("open", 2.0), FilterSettings("closed", 10.0)
    assert spec.filters == (
        FilterSpec(
            "log",
            log,
            (
                ("path", str(tmp_path / "log.jsonl")),
                ("rotate", None),
                ("batch", 1024),
                ("flush", 0.5),
                *shape,
                always,
            ),
            open_,
            f"writes a line for every exchange to {tmp_path / 'log.jsonl'}",
        ),
        FilterSpec("unused", "fastgw.filters.request_id:RequestId", (), closed, made),
        FilterSpec("request_id", "fastgw.filters.request_id:RequestId", (), closed, made),
        FilterSpec(
            "access_log",
            log,
            (("path", "stdout"), ("rotate", None), ("batch", 65536), ("flush", 1.0), *shape, always),
            closed,
            "writes a line for every exchange to stdout",
        ),
    )

    assert spec.routes[1].mirror == MirrorSpec("b", MirrorSettings(0.05, 1000, 3, "keep"))


def test_defaults_that_depend_on_the_place(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL)
    assert (spec.admin_socket, spec.state_file) == (str(tmp_path / "gw.sock"), str(tmp_path / "gw.state.json"))
    assert read(tmp_path, MINIMAL + "admin_socket: false").admin_socket == ""
    assert (spec.listeners[0].name, spec.routes[0].name) == ("listener-1", "/*")
    address = Address("127.0.0.1", 9901)
    assert spec.workers == 0 and spec.admin is not None and spec.admin.bind == BindSpec(address, (address,))
    assert read(tmp_path, MINIMAL + "admin: false").admin is None


def test_unmatched_requests_are_treated_as_by_a_route_that_says_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, MINIMAL)
    assert found.unmatched == found.routes[0].settings


def test_a_list_names_nothing_twice(tmp_path: Path) -> None:
    text = (
        MINIMAL.replace("service: a}", "service: a, upgrades: [x, y, X]}") + "resolver: {servers: [10.0.0.1, 10.0.0.1]}"
    )
    found = read(tmp_path, text)
    assert (found.routes[0].settings.upgrades, found.resolver.servers) == (("x", "y"), ("10.0.0.1:53",))


def test_certificates_know_their_names(tmp_path: Path, pair: tuple[str, str]) -> None:
    text = MINIMAL.replace("18080", f"18080\n    tls: {{cert: '{pair[0]}', key: '{pair[1]}', min_version: 1.3}}")
    tls = read(tmp_path, text).listeners[0].tls
    assert tls is not None and tls.min_version == "1.3"
    assert [(one.cert, one.names) for one in tls.certificates] == [(pair[0], ("localhost", "*.edge.example"))]


# --- a key is written once: schema, the tuple that takes it, and its use


def models() -> list[type[Model]]:
    """Every mapping of the vocabulary but filters, which have a registry of their own."""
    kinds = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, Model)]
    return [one for one in kinds if one.__module__ == schema.__name__ and one is not schema.Bound]


def test_no_key_is_lost_on_the_way(tmp_path: Path, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the schema has and nobody takes would be accepted and without effect."""
    text = FULL.replace("127.0.0.1:0\n", f"127.0.0.1:0\n    tls: {{cert: '{pair[0]}', key: '{pair[1]}'}}\n")
    taken: set[tuple[type, str]] = set()

    def building(make: Callable[..., Any]) -> Callable[..., Any]:
        def watched(config: Model, *rest: Any) -> Any:
            with monkeypatch.context() as patch:
                plain = Model.__getattribute__

                def take(self: Model, name: str) -> Any:
                    taken.add((type(self), name))
                    return plain(self, name)

                patch.setattr(Model, "__getattribute__", take)
                return make(config, *rest)

        return watched

    monkeypatch.setattr("fastgw.config.load.build", building(build.build))
    read(tmp_path, text)
    known = {(model, name) for model in models() for name in model.model_fields}
    assert known - taken == set()


def test_a_key_goes_to_one_place() -> None:
    for one, other in (
        (spec.RouteSpec, settings.RouteSettings),
        (spec.ServiceSpec, settings.ServiceSettings),
        (spec.ListenerSpec, settings.ListenerSettings),
    ):
        assert not set(one._fields) & set(other._fields)


#: What is called so elsewhere too: by a listener's certificate, whatever has a name, slots, and a route whose frames are read.
_COMMON = {"cert", "key", "name", "limits", "websocket"}


@pytest.mark.parametrize("between", ["build", "compile"])
def test_nothing_in_between_names_a_setting(between: str) -> None:
    """What the data plane is told is filled by name, and handed on whole."""
    kinds = [one for one in vars(settings).values() if hasattr(one, "_fields") and one is not settings.Address]
    keys = {name for kind in kinds for name in kind._fields} - _COMMON
    assert "tunnel_idle_timeout" in keys
    tree = ast.parse(Path(spec.__file__).with_name(f"{between}.py").read_text())
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    assert named & keys == set()


def test_a_key_stands_in_the_schema_in_the_settings_and_where_it_is_used() -> None:
    root = Path(spec.__file__).parents[1]
    files = {str(path.relative_to(root)) for path in root.rglob("*.p*") if path.suffix in (".py", ".pxd", ".pyx")}
    found = {file for file in files if "tunnel_idle_timeout" in (root / file).read_text()}
    used = {
        "core/exchange/relay.py",
        "core/exchange/tunnel.py",
        "core/mqtt/tunnel.py",
        "transformers/grpc_json_socket.py",
    }
    assert found == {"config/schema.py", "core/settings.py"} | used
