"""What no single entry shows: each rule with the place and the words of its message."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.conftest import write_pair
from tests.unit.config.files import MINIMAL, problems, with_listener, with_route, with_service

Pair = tuple[str, str]
ROUTES = """\
listeners: [{address: 127.0.0.1:18080}]
services:
  llm: {endpoints: ["127.0.0.1:19000"]}
  llm2: {endpoints: ["127.0.0.1:19001"]}
routes:
"""
SECOND_LISTENER = MINIMAL.replace("routes:", "  - {name: NAME, address: ADDRESS}\nroutes:")

CASES = [
    # names that refer to nothing
    (ROUTES + "  - {path: /*, service: lmm}", "6:25: routes[0].service: no service named 'lmm'; did you mean 'llm'?"),
    (ROUTES + "  - {path: /*, service: zzzz}", "6:25: routes[0].service: no service named 'zzzz'"),
    (ROUTES + "  - {path: /*, service: '${S:-nix}'}", "6:25: routes[0].service: no service named '${S:-nix}'"),
    (
        ROUTES + "  - path: /*\n    split: [{service: llm22, weight: 1}]",
        "7:23: routes[0].split[0].service: no service named 'llm22'; did you mean 'llm2'?",
    ),
    (
        with_listener("filters: [request_ids]"),
        "3:15: listeners[0].filters[0]: no filter named 'request_ids'; did you mean",
    ),
    (
        with_route("filters: [acces_log]"),
        "4:38: routes[0].filters[0]: no filter named 'acces_log'; did you mean 'access_",
    ),
    (
        with_route("filters: [access_log, access_log]"),
        "4:50: routes[0].filters[1]: the filter 'access_log' is in this chain",
    ),
    # where listeners are
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "'localhost:18080'"),
        "3:24: listeners[1].address: localhost:18080 takes 127.0.0.1:18080, which is that of listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "'localhost:9901'"),
        "3:24: listeners[1].address: localhost:9901 takes 127.0.0.1:9901, which is that of admin already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b")
        .replace("ADDRESS", "'[::]:80', ipv6_only: false")
        .replace("127.0.0.1:18080", "0.0.0.0:80"),
        "3:24: listeners[1].address: [::]:80 takes 0.0.0.0:80, which is that of listeners[0] already",
    ),
    (
        with_listener("ipv6_only: false"),
        "3:16: listeners[0].ipv6_only: has no effect with 127.0.0.1:18080: only [::] can take IPv4 too",
    ),
    (with_listener("mode: 0660"), "3:11: listeners[0].mode: has no effect with 127.0.0.1:18080: it is of unix sockets"),
    (
        with_listener("owner: root"),
        "3:12: listeners[0].owner: has no effect with 127.0.0.1:18080: it is of unix sockets",
    ),
    (MINIMAL + "admin: {address: 127.0.0.1:0, mode: 0660}", "7:37: admin.mode: has no effect with 127.0.0.1:0"),
    # routes
    (
        ROUTES + "  - {path: /*}",
        "6:5: routes[0]: answers nothing: give it one of service, split, reply, redirect, files",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, split: [{service: llm2, weight: 1}]}",
        "6:30: routes[0].split: stands beside service; give one of them",
    ),
    (
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 1}, {service: llm, weight: 1}]}",
        "6:61: routes[0].split[1].service: the service 'llm' is in this split already",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, mirror: {service: llm}}",
        "6:48: routes[0].mirror.service: the route leads to 'llm' itself; its mirror must be another service",
    ),
    (
        ROUTES + "  - path: /*\n    split: [{service: llm, weight: 1}]\n    mirror: {service: llm}",
        "8:23: routes[0].mirror.service: the route leads to 'llm' itself; its mirror must be another service",
    ),
    (
        ROUTES
        + "  - {path: /a, service: llm, name: a, mirror: {service: llm2}}\n  - {path: /b, service: llm, name: 'a:mirror'}",
        "7:36: routes[1].name: the name 'a:mirror' is what copies of routes[0] are counted by",
    ),
    (
        ROUTES + "  - path: /*\n    service: llm\n    mirror: {service: llm22}",
        "8:23: routes[0].mirror.service: no service named 'llm22'; did you mean 'llm2'?",
    ),
    (
        ROUTES + "  - {path: /*, service: llm, mirror: {service: llm2, share: 0.1}}",
        "6:61: routes[0].mirror.share: expected a percentage from 0% to 100%, such as 10% or 0.5%, got '0.1'",
    ),
    (
        with_route("sticky: 'cookie:sid'"),
        "4:36: routes[0].sticky: has no effect without split, mirror or a service with a shadow",
    ),
    (
        ROUTES + "  - {path: /a, service: llm, name: x}\n  - {path: /b, service: llm, name: x}",
        "7:36: routes[1].name: the name 'x' belongs to routes[0] on line 6 already",
    ),
    (
        ROUTES + "  - {path: /a, service: llm}\n  - {path: /b, service: llm, name: /a}",
        "7:36: routes[1].name: the name '/a' belongs to routes[0] on line 6 already",
    ),
    (
        ROUTES + "  - {path: /a, service: llm, name: 'listener-1:unmatched'}",
        "6:36: routes[0].name: the name 'listener-1:unmatched' is what listeners[0] counts unmatched requests by",
    ),
    (
        ROUTES + "  - path: /v1/*\n    service: llm\n  - path: /v1/*\n    service: llm2\n    name: second",
        "8:5: routes[1]: route 'second' (/v1/*) repeats route '/v1/*' (/v1/*): one of them can never match (line 6)",
    ),
    (
        ROUTES + "  - {path: /v1, service: llm, headers: {a: 1}}\n  - {path: /v1, service: llm, headers: {b: 1}}",
        "7:5: routes[1]: routes '/v1 a=1' (/v1, a: 1) and '/v1 b=1' (/v1, b: 1) are ambiguous: a request with a: 1, b: 1",
    ),
    # listeners
    (
        SECOND_LISTENER.replace("NAME", "listener-1").replace("ADDRESS", "127.0.0.1:18081"),
        "3:12: listeners[1].name: the name 'listener-1' belongs to listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:18080"),
        "3:24: listeners[1].address: the address 127.0.0.1:18080 is that of listeners[0] already",
    ),
    (
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:9901"),
        "3:24: listeners[1].address: the address 127.0.0.1:9901 is that of admin already",
    ),
    (
        with_listener("limits: {head_size: 4KiB}"),
        "3:5: listeners[0].limits: uri_length (8192) is more than head_size (4096)",
    ),
    (
        with_listener("proxy_protocol_from: [10.0.0.0/8]"),
        "3:5: listeners[0].proxy_protocol_from: has no effect without proxy_protocol: true",
    ),
    # the rest
    (
        MINIMAL + "resolver: {min_interval: 9s, max_interval: 8s}",
        "7:44: resolver.max_interval: is less than min_interval (9 s)",
    ),
    (MINIMAL + "resolver: {min_interval: 99s}", "7:1: resolver.max_interval: is less than min_interval (99 s)"),
    # services
    (
        MINIMAL.replace("19000", '19000", "127.0.0.1:19000'),
        "6:38: services.a.endpoints[1]: the endpoint 127.0.0.1:19000 is in this service already",
    ),
    (
        with_service("pool: {max_connections: 2, warm: 3}"),
        "6:72: services.a.pool.warm: is more than max_connections (2)",
    ),
    (
        with_service("pool: {max_connections: 2, max_uploads: 3}"),
        "6:79: services.a.pool.max_uploads: is more than max_connections (2)",
    ),
    (
        with_service("ejection: {base: 10s, max: 5s}"),
        "6:56: services.a.ejection.base: is longer than max (5 s)",
    ),
    (
        with_service("ejection: {failures: 50%}"),
        (
            "6:60: services.a.ejection.failures: needs minimum: the calls that an endpoint must have had before they say"
            " anything, such as 20; without one the first of them would leave it out"
        ),
    ),
    (
        with_service("ejection: {minimum: 20}"),
        (
            "6:59: services.a.ejection.minimum: has no effect without failures, such as 50%, or slow, such as 5: what is to be"
            " counted"
        ),
    ),
    (with_service("tls: {cert: CERT}"), "6:51: services.a.tls.cert: needs key beside it"),
    (with_service("tls: {key: KEY}"), "6:50: services.a.tls.key: needs cert beside it"),
    (
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 0}, {service: llm2, weight: 0}]}",
        "6:16: routes[0].split: no part has a weight above 0",
    ),
    # files
    (
        MINIMAL + "filters:\n  log: {type: access_log, path: no/such/log}",
        "8:33: filters.log.path: the directory of the file does not exist",
    ),
    (
        MINIMAL + "filters:\n  log: {type: access_log, path: .}",
        "8:33: filters.log.path: is a directory, expected a file",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_each_rule_has_its_message(tmp_path: Path, pair: Pair, text: str, expected: str) -> None:
    found = problems(tmp_path, text.replace("CERT", pair[0]).replace("KEY", pair[1]))
    assert len(found) == 1
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:0").replace("18080", "0"),
        "admin: false\n" + SECOND_LISTENER.replace("NAME", "b").replace("ADDRESS", "127.0.0.1:9901"),
        with_route("filters: [request_id]"),  # the listener has it too
        ROUTES + "  - {path: /*, split: [{service: llm, weight: 1}, {service: llm2, weight: 0}]}",
        MINIMAL + "filters: {request_id: {type: access_log, path: stderr}}",
        ROUTES + "  - {path: /*, service: llm}\n  - {path: /*, service: llm2, methods: [POST]}",
        MINIMAL.replace("routes:", "routes:\n  - {path: '*', methods: [OPTIONS], service: a}"),
    ],
)
def test_what_is_allowed(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


def test_certificates_are_loaded(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair
    other = write_pair(tmp_path, "other")
    long = f"certificates: [{{cert: '{cert}', key: '{key}'}}]"
    assert problems(tmp_path, with_listener(f"tls: {{cert: '{cert}', key: '{key}'}}")) == []
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_auth: optional, client_ca: other.pem}}")) == []
    assert problems(tmp_path, with_listener(f"half_close: answer\ntls: {{cert: '{cert}', key: '{key}'}}")) == [
        "3:17: listeners[0].half_close: answer has no effect with tls: its end is the end of both sides"
    ]
    assert problems(tmp_path, with_listener("tls:\n  cert: no.pem\n  key: other.key")) == [
        f"4:13: listeners[0].tls.cert: {tmp_path / 'no.pem'} cannot be read: No such file or directory"
    ]
    assert problems(tmp_path, with_listener(f"tls:\n  certificates:\n    - {{cert: '{cert}', key: other.key}}")) == [
        f"5:{len(cert) + 27}: listeners[0].tls.certificates[0].key: the key in {other[1]} does not belong to the certificate"
    ]
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_auth: required}}"))[0].endswith(
        "listeners[0].tls.client_auth: required needs client_ca"
    )
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_ca: other.pem}}"))[0].endswith(
        "listeners[0].tls.client_ca: has no effect without client_auth: optional or required"
    )
    assert problems(tmp_path, with_listener(f"tls: {{{long}, client_ca: other.key, client_auth: required}}"))[
        0
    ].endswith(f"listeners[0].tls.client_ca: no PEM certificates in {other[1]}")


def test_certificates_of_services_are_loaded(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair
    assert problems(tmp_path, with_service("tls: true")) == []
    assert problems(tmp_path, with_service("tls: false")) == []
    assert problems(tmp_path, with_service(f"tls: {{ca: '{cert}', cert: '{cert}', key: '{key}'}}")) == []
    assert problems(tmp_path, with_service("tls: {ca: no.pem}")) == [
        f"6:49: services.a.tls.ca: {tmp_path / 'no.pem'} cannot be read: No such file or directory"
    ]
    assert (
        "services.a.tls.key: no PEM private key"
        in problems(tmp_path, with_service(f"tls: {{cert: '{cert}', key: '{cert}'}}"))[0]
    )


def test_unsound_entries_do_not_hide_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    text = """\
worker: 1
listeners:
  - {address: 127.0.0.1:18080, filters: [nope]}
  - {address: x}
routes:
  - {path: /a, service: broken}
  - {path: /b, service: nope}
  - {path: c, service: nope}
services:
  broken: {endpoints: 7}
  twice: {endpoints: ["127.0.0.1:1", "127.0.0.1:1"]}
filters:
  bad: {type: access_log, flush: x}
  log: {type: access_log, path: /no/such/log}
"""
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "worker",
        "listeners[0].filters[0]",
        "listeners[1].address",
        "routes[1].service",
        "routes[2].path",
        "routes[2].service",
        "services.broken.endpoints",
        "services.twice.endpoints[1]",
        "filters.bad.flush",
        "filters.log.path",
    ]


@pytest.mark.parametrize("section", ["services", "filters"])
def test_nothing_is_said_of_names_when_their_section_is_no_mapping(tmp_path: Path, section: str) -> None:
    text = f"listeners: [{{address: 127.0.0.1:1, filters: [x]}}]\nroutes: [{{path: /, service: a}}]\n{section}: [1]\n"
    other = "services: {a: {endpoints: ['a:1']}}" if section == "filters" else "filters: {x: {type: request_id}}"
    [problem] = problems(tmp_path, text + other)
    assert problem.startswith(f"3:1: {section}: expected a mapping, got a list")


def test_parts_of_a_split_that_are_unsound_are_not_the_same_service(tmp_path: Path) -> None:
    text = ROUTES + "  - {path: /*, split: [{llm: 95}, {llm2: 5}]}"
    assert sorted(problem.split(": ", 1)[1] for problem in problems(tmp_path, text)) == [
        message
        for place, key in enumerate(("llm", "llm2"))
        for message in (
            f"routes[0].split[{place}].{key}: unknown key; known are service, weight",
            f"routes[0].split[{place}].service: is required",
            f"routes[0].split[{place}].weight: is required",
        )
    ]
