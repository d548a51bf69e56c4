"""A configuration from elsewhere names nothing that the operator of the machine does not allow: every rule, and that none is forgotten."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.filters import FILTERS
from fastgw.config.load import inspect, load
from fastgw.config.schema import Configuration
from fastgw.config.transformers import TRANSFORMERS
from fastgw.config.trust import TrustRules
from fastgw.config.trusted import EXEMPT, FLAGS, RULES, annotations_of, parser_of
from fastgw.config.types import Parsed
from fastgw.errors import ConfigError
from tests.unit.config.test_loaded_files import _models

BASE = """\
listeners: [{name: edge, address: "10.0.0.9:8080"}]
routes: [{path: /*, service: a}]
services: {a: {endpoints: ["10.0.0.1:80"]}}
"""

SHARED = BASE + "filters: {x: {type: rate_limit, limits: [{rate: 1/s}], cluster: {%s}}}\n"

#: Parsers of values that name nothing of this machine and nobody to be spoken to.
HARMLESS = {
    "abort", "advertised", "algorithms", "amount", "asked_domain", "boolean", "cause", "claim", "content", "cookie", "delay",
    "domain", "droppable_field", "duration.<locals>.parse", "factor", "failed", "field", "field.<locals>.parse", "field_name",
    "field_value", "file_name", "host", "json_text", "key", "line", "list_of.<locals>.parse", "log_field", "media_type", "method",
    "model", "model_name", "price",
    "metric", "mode", "name", "network", "networks", "one_of.<locals>.parse", "owner", "path", "pattern", "per", "per_of_models",
    "subprotocol", "percentage", "given_to_guest",
    "place", "places", "pointer", "prefix", "processors", "rate", "ratio", "realm", "fallback_reason", "replacement", "root_path",
    "route_host", "route_path", "scheme", "scopes", "secret", "secret_text", "secrets", "service", "service_host", "service_name",
    "settings", "share", "size.<locals>.parse", "status", "statuses", "sticky", "target", "template.<locals>.parse",
    "templates.<locals>.parse", "topic_parts.<locals>.parse", "text.<locals>.parse", "texts.<locals>.parse", "token", "upgrade", "value",
    "time_zone", "levels", "varying",
    "whole.<locals>.parse", "count_or.<locals>.parse", "word", "workers", "call_method", "call_service", "passing_code", "topic_filter",
}  # fmt: skip


def problems(text: str, rules: TrustRules | None = None, folder: str = "/etc/edge") -> list[str]:
    found = inspect(
        f"{folder}/edge.yaml", {"SECRET": "of the machine"}, content=text.encode(), trust=rules or TrustRules()
    )
    return [f"{one.path}: {one.message}" for one in found.problems]


def service(text: str) -> str:
    return BASE.replace('{endpoints: ["10.0.0.1:80"]}', text)


def test_one_that_names_nothing_is_fine() -> None:
    assert problems(BASE) == []


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        # code
        (BASE + "filters: {x: {type: 'os:system'}}\n", "filters.x.type", "os:system is not allowed here: modules"),
        (service("{python: 'os:system'}"), "services.a.python", "modules"),
        (service("{app: 'evil:app'}"), "services.a.app", "modules"),
        (service("{asgi: 'evil:app'}"), "services.a.asgi", "modules"),
        (service("{versions: {v1: {asgi: 'evil:app'}, v2: {asgi: 'evil:app'}}}"), "services.a.versions.v1.asgi", "modules"),
        (BASE.replace("service: a", "service: a, transformers: {input: 'evil:T'}"), "routes[0].transformers.input", "modules"),
        # files
        (BASE.replace(':8080"', ':8080", tls: {cert: /etc/shadow, key: k.pem}'), "listeners[0].tls", "/etc/shadow is not"),
        (BASE + "filters: {x: {type: basic, file: users}}\n", "filters.x.file", "/etc/edge/users is not allowed"),
        (BASE + "filters: {x: {type: access_log, path: /etc/cron.d/x}}\n", "filters.x.path", "/etc/cron.d/x is not"),
        (BASE + "filters: {x: {type: log_body, path: /etc/cron.d/x}}\n", "filters.x.path", "written"),
        (BASE + "filters: {x: {type: jwt, keys: [{file: /root/key}]}}\n", "filters.x.keys[0].file", "files"),
        (BASE.replace("service: a", "files: {root: /etc}"), "routes[0].files.root", "/etc is not allowed here: served"),
        (BASE + "admin_socket: /etc/x.sock\n", "admin_socket", "written"),
        (BASE + "state_file: ../x\n", "state_file", "written"),
        (BASE.replace('"10.0.0.9:8080"', "unix:/run/other.sock"), "listeners[0].address", "/run/other.sock is not allowed here: written"),
        (service("{discovery: {file: {path: /etc/passwd}}}"), "services.a.discovery.file.path", "files"),
        # variables
        (BASE + "zone: ${SECRET}\n", "zone", "the variable SECRET is not allowed here: environment"),
        (BASE + "zone: ${NONE:-x}\n", "zone", "the variable NONE is not allowed"),
        # whom it speaks to
        (service("{endpoints: ['8.8.8.8:80']}"), "services.a.endpoints[0]", "8.8.8.8 is not allowed here: networks"),
        (service("{endpoints: [{address: 'inside.example:80'}]}"), "services.a.endpoints[0]", "the host inside.example"),
        (service("{endpoints: ['127.0.0.1:80']}"), "services.a.endpoints[0]", "networks"),
        (service("{endpoints: ['unix:/run/docker.sock']}"), "services.a.endpoints[0]", "never allowed"),
        (service("{endpoints: ['169.254.169.254:80']}"), "services.a.endpoints[0]", "never allowed"),
        (service("{endpoints: ['10.0.0.9:8080']}"), "services.a.endpoints[0]", "is this gateway itself"),
        (service("{discovery: {etcd: {endpoints: ['http://8.8.8.8'], prefix: /a}}}"), "services.a.discovery.etcd", "networks"),
        (service("{discovery: {consul: {endpoint: 'http://127.0.0.1', service: a}}}"), "services.a.discovery.consul.endpoint", "networks"),
        (service("{discovery: {kubernetes: {endpoint: 'https://8.8.8.8', service: a}}}"), "services.a.discovery.kubernetes", "networks"),
        (service("{discovery: {dns: {name: a.b, port: 80, servers: ['8.8.8.8']}}}"), "services.a.discovery.dns.servers[0]", "networks"),
        (BASE + "resolver: {servers: ['[2001:db8::1]:53']}\n", "resolver.servers[0]", "networks"),
        (BASE + "telemetry: {otlp: 'http://8.8.8.8:4318', logs: {}}\n", "telemetry.otlp", "networks"),
        (BASE + "filters: {x: {type: ext_authz, url: 'https://evil.example/'}}\n", "filters.x.url", "the host evil.example"),
        (BASE + "filters: {x: {type: jwt, keys: [{url: 'https://evil.example/'}]}}\n", "filters.x.keys[0].url", "networks"),
        (BASE + "forecast: {store: /etc/cron.d/x}\n", "forecast.store", "written"),
        # the process, and TLS
        (BASE + "user: nobody\n", "user", "does not say"),
        (BASE + "admin: {address: '0.0.0.0:9901'}\n", "admin.address", "admin in"),
        (BASE + "admin: {address: '10.0.0.9:9901'}\n", "admin.address", "admin in"),
        (service("{endpoints: ['10.0.0.1:80'], tls: {verify: false}}"), "services.a.tls.verify", "unverified"),
        (SHARED % "redis: 'redis://10.0.0.3', without_tls: true", "filters.x.cluster.without_tls", "without TLS"),
        (SHARED % "redis: 'unix:///run/redis.sock'", "filters.x.cluster.redis", "unix socket"),
    ],
)  # fmt: skip
def test_what_it_may_not_say(text: str, path: str, reason: str) -> None:
    found = problems(text)
    assert any(one.startswith(path) and reason in one for one in found), found


def test_what_is_allowed_is_taken(tmp_path: Path) -> None:
    import ipaddress

    text = (
        service("{endpoints: ['127.0.0.1:81', 'inside.example:80']}")
        + "zone: ${SECRET}\nadmin: {address: '0.0.0.0:9901'}\nstate_file: state\n"
        + "filters: {x: {type: access_log, path: stdout}, y: {type: log_body, path: ./y.log}}\n"
    )
    rules = TrustRules(
        written=(str(tmp_path),),
        environment=("SECRET",),
        networks=(ipaddress.ip_network("127.0.0.0/8"),),
        hosts=("inside.example",),
        may_show_admin=True,
    )
    assert problems(text, rules, str(tmp_path)) == []
    # the admin address of everybody is that of 127.0.0.1 too
    (found,) = problems(text.replace("127.0.0.1:81", "127.0.0.1:9901"), rules, str(tmp_path))
    assert "127.0.0.1:9901 is this gateway itself" in found


def test_nothing_that_is_not_allowed_is_opened_and_nobody_becomes_another(tmp_path: Path) -> None:
    import os

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # who opens it waits for ever
    path = tmp_path / "edge.yaml"
    path.write_text(BASE.replace(':8080"', f':8080", tls: {{cert: {pipe}, key: {pipe}}}') + "user: nobody\n")
    become = list[Any]()
    with pytest.raises(ConfigError, match="not allowed here"):
        load(path, {}, become=become.append, trust=TrustRules())
    assert become == []


def test_all_of_it_is_told_with_other_mistakes() -> None:
    found = problems(BASE + "zone: ${SECRET}\nworkers: many\nstate_file: /etc/x\n")
    assert [one.partition(":")[0] for one in found] == ["zone", "workers", "state_file"]


def test_a_broker_is_somebody_who_is_spoken_to() -> None:
    bridge = "adapter: {mqtt: {broker: ['mqtt://127.0.0.1:1883'], publish: up}}"
    assert any(
        one.startswith("routes[0].adapter.mqtt.broker") for one in problems(BASE.replace("service: a}", bridge + "}"))
    )


def test_no_kind_of_value_is_forgotten() -> None:
    """A key that is new is of a kind that is known here, and so is asked for; who adds a kind says which it is."""
    kinds = set(_models(Configuration)) | {*FILTERS.values(), *TRANSFORMERS.values()}
    kinds |= {inner for one in tuple(kinds) for inner in _models(one)}
    unknown, flags, asked = set[str](), set[str](), set[Any]()
    for kind in kinds:
        for name, field in kind.model_fields.items():
            for one in annotations_of(field):
                if isinstance(one, Parsed):
                    parser = parser_of(one)
                    asked.add(parser)
                    word = getattr(parser, "__qualname__", repr(parser)).lstrip("_")
                    if parser not in RULES and word not in HARMLESS:
                        unknown.add(f"{kind.__name__}.{name}: {word}")
                    if word == "boolean" and re.search("tls|verif|secure|trust", name):
                        flags.add(f"{kind.__name__}.{name}")
    assert unknown == set()
    assert flags == {name for name in FLAGS if name in flags} == {"ServiceTls.verify", "Cluster.without_tls"}
    assert set(RULES) <= asked
    assert {"FilterPlugin.folder", "TransformerPlugin.folder"} == EXEMPT
