"""pydantic's findings in our words: nothing of pydantic's own wording or paths comes through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.config.filters import FILTERS
from fastgw.config.vocabulary import keys_at
from tests.unit.config.files import MINIMAL, problems, with_listener, with_route, with_service

PYDANTIC = re.compile(r"Input should|valid (list|dictionary|string)|Value error|Extra inputs|function-|\[key\]|tagged")


@pytest.mark.parametrize("value", ["x", "~", "[]", "[x]", "[[x]]", "{}", "{x: 1}", "{cert: {}}", "true", "[~]", "[{}]"])
def test_every_key_of_the_wrong_kind_is_told_in_our_words(tmp_path: Path, value: str) -> None:
    texts = [f"{key}: {value}\n" for key in keys_at(())]
    texts += [with_listener(f"{key}: {value}") for key in keys_at(("listeners", 0)) if key != "address"]
    texts += [with_route(f"{key}: {value}") for key in keys_at(("routes", 0)) if key not in ("path", "service")]
    texts += [with_service(f"{key}: {value}") for key in keys_at(("services", "a")) if key != "endpoints"]
    texts += [
        f"filters: {{a: {{type: {kind}, {key}: {value}}}}}"
        for kind in FILTERS
        for key in keys_at(("filters", "", kind))[1:]
    ]
    for text in texts:
        for problem in problems(tmp_path, text):
            assert not PYDANTIC.search(problem), (text, problem)
            assert re.match(r"\d+:\d+: ", problem), (text, problem)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(key=st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=8))
def test_unknown_keys_are_found_at_any_place(tmp_path: Path, key: str) -> None:
    cases: list[tuple[tuple[str | int, ...], str]] = [
        (("routes", 0), with_route(f'"{key}": 1')),
        (("listeners", 0), with_listener(f'"{key}": 1')),
        (("services", "a"), with_service(f'"{key}": 1')),
    ]
    for where, text in cases:
        if key not in keys_at(where):
            assert any(f".{key}: unknown key; " in problem for problem in problems(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (with_route("methods: GET, POST"), None),
        (with_route("methods: 'GET, POST'"), "4:37: routes[0].methods: expected a list: [GET, POST]"),
        (with_route("methods: '${M}'"), "4:37: routes[0].methods: expected a list: [${M}]"),
        (with_route("methods: {GET: 1}"), "4:28: routes[0].methods: expected a list, got a mapping; each entry begins"),
        (with_service("retry: {on: connect}"), "6:51: services.a.retry.on: expected a list: [connect]"),
        ("listeners: x\nroutes: [{path: /, service: a}]\nservices: {a: {endpoints: 'a:1'}}", "3:27: services.a.endpoi"),
        (
            "listeners: [{address: 'a:1'}]\nroutes: [{path: /, service: a}]\nservices: [{name: a}]",
            "3:1: services: expected a mapping, got a list; the names are its keys, without '- '",
        ),
        (
            with_service("pool: 64"),
            "6:45: services.a.pool: expected a mapping, got '64'; its keys are max_connections,",
        ),
        (
            with_listener("tls: true"),
            "3:10: listeners[0].tls: expected a mapping, got 'true'; its keys are certificates",
        ),
        (with_route("upstream: a"), "4:28: routes[0].upstream: unknown key; did you mean 'service'?"),
        (MINIMAL + "backends: {}", "7:1: backends: unknown key; did you mean 'services'?"),
        (
            with_listener("name: x").replace("address", "listen"),
            "2:5: listeners[0].listen: unknown key; did you mean 'add",
        ),
        (
            with_listener("name: x").replace("127.0.0.1:18080", "8080"),
            "2:14: listeners[0].address: expected an address",
        ),
        (
            with_route("name: x").replace("service: a", "service: 'http://a:1'"),
            "4:25: routes[0].service: expected a name of letters, digits, '_', '.' and '-', got 'http://a:1'; addresses",
        ),
        (with_service("pool: {warm: [1]}"), "6:46: services.a.pool.warm: expected a whole number, got a list"),
    ],
)
def test_the_right_form_is_shown(tmp_path: Path, text: str, expected: str | None) -> None:
    found = problems(tmp_path, text, {"M": "GETTER"})
    if expected is not None:
        assert [problem for problem in found if problem.startswith(expected)], found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (with_route("x: 1").replace("service: a", "servic: a"), ["routes[0].servic", "routes[0].x"]),
        (with_service("balance: x").replace("endpoints", "endpoint"), ["services.a.endpoint", "services.a.balance"]),
        (with_listener("name: x").replace("address", "adress"), ["listeners[0].adress"]),
        (with_listener("name: x").replace("address", "port"), ["listeners[0].port"]),
        (with_listener("tls: {crt: a, key: /}"), ["listeners[0].tls.crt", "listeners[0].tls.key"]),
        (with_listener("name: x").replace("listeners", "listener"), ["listener"]),
        (with_route("name: x") + "filters: {l: {typ: access_log}}", ["filters.l.typ"]),
        ("x: &x {address: 'a:1'}\n" + with_route("name: x").replace("- address: 127.0.0.1:18080", "- <<: *x"), None),
    ],
)
def test_a_misspelled_key_is_not_missing_too(tmp_path: Path, text: str, expected: list[str] | None) -> None:
    found = [problem.split(": ")[1] for problem in problems(tmp_path, text)]
    assert found == (expected or ["x", "listeners[0]"])


@pytest.mark.parametrize(
    "text",
    [
        with_listener("name: x").replace("127.0.0.1:18080", "'${NO}:18080'"),
        with_listener("filters: '${NO}'"),
        with_listener("filters: ['${NO}']"),
        with_listener("tls: {cert: '${NO}', key: '${NO}'}"),
        with_listener("limits: {head_size: 1KiB, uri_length: '${NO}'}"),
        with_listener("tls: '${NO}'"),
        with_listener("proxy_protocol: '${NO}'\nproxy_protocol_from: [10.0.0.0/8]"),
        with_route("methods: '${NO}'"),
        with_route("headers: '${NO}'"),
        with_route("headers: {a: '${NO}'}"),
        with_route("name: x").replace("service: a", "service: '${NO}'"),
        with_route("name: x").replace("service: a", "split: '${NO}', sticky: 'header:a'"),
        with_route("name: x").replace("/*", "'${NO}'"),
        with_service("pool: {warm: 7, max_connections: '${NO}'}"),
        with_service("tls: {cert: '${NO}'}"),
        with_service("tls: '${NO}'"),
        with_service("name: x").replace('["127.0.0.1:19000"], name: x', '["${NO}:1", "${NO}:1"]'),
        with_service("name: x").replace('["127.0.0.1:19000"], name: x', "'${NO}'"),
        with_service("name: x").replace('{endpoints: ["127.0.0.1:19000"], name: x}', "'${NO}'"),
        with_route("filters: [l]") + "filters: {l: {type: '${NO}'}}",
        with_route("filters: [l]") + "filters: {l: '${NO}'}",
        with_route("filters: [l]") + "filters: '${NO}'",
        with_route("name: x") + "admin: '${NO}'",
    ],
)
def test_of_an_unset_variable_only_that_is_told(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, text)
    assert found
    assert all("the environment variable NO is not set" in problem for problem in found), found
