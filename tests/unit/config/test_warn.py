"""Warnings: what can be used, but is hardly meant."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fastgw.config.load import inspect, load
from fastgw.config.warn import is_local
from fastgw.core.settings import Address
from tests.unit.config.conftest import write_pair
from tests.unit.config.files import MINIMAL, with_listener, with_route, with_service
from tests.unit.config.test_models import file

END = datetime.datetime(2119, 12, 8, tzinfo=datetime.UTC).timestamp()  #: of the certificates that ``write_pair`` makes
DAY = 86400


def warnings(folder: Path, text: str, now: float = 0.0, missing: Mapping[str, str] | None = None) -> list[str]:
    path = folder / "gw.yaml"
    path.write_text(text)
    asked: list[str] = []

    def resolve(names: Sequence[str], servers: Sequence[str]) -> Mapping[str, str]:
        assert list(servers) == (["127.0.0.1:5353"] if "resolver" in text else [])
        asked.extend(names)
        return {name: missing[name] for name in names if missing and name in missing}

    found = inspect(path, {}, now, resolve)
    assert len(set(asked)) == len(asked)
    return [str(warning).removeprefix(f"{path}:") for warning in found.warnings]


@pytest.mark.parametrize(("methods", "is_told"), [("[POST]", True), ("[POST, OPTIONS]", False), ("[]", False)])
def test_a_route_that_gets_no_preflights(tmp_path: Path, methods: str, is_told: bool) -> None:
    text = with_route(f"filters: [pages], methods: {methods}") + "filters: {pages: {type: cors, origins: '*'}}"
    said = (
        "4:38: routes[0].filters[0]: preflights are OPTIONS, which is not among the methods of this route; "
        "name the filter in a listener"
    )
    assert warnings(tmp_path, text) == ([said] if is_told else [])


def test_a_listener_that_asks_for_no_certificates(tmp_path: Path) -> None:
    text = with_listener("filters: [staff]") + "filters: {staff: {type: mtls}}"
    assert warnings(tmp_path, text) == [
        "3:15: listeners[0].filters[0]: this listener asks for no client certificates (tls.client_auth), so nobody may pass"
    ]


def test_a_protocol_that_nobody_can_agree_on(tmp_path: Path) -> None:
    [told] = warnings(tmp_path, with_service("protocol: auto"))
    assert told.endswith("services.a.protocol: auto is what ALPN chooses, and without tls HTTP/1.1; h2 is HTTP/2")
    assert not warnings(tmp_path, with_service("protocol: auto, tls: {verify: false}"))
    assert not warnings(tmp_path, with_service("protocol: h2"))


def test_a_sound_file_has_none(tmp_path: Path) -> None:
    assert warnings(tmp_path, MINIMAL) == []


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (31 * DAY, None),
        (29.5 * DAY, "expires on 2119-12-08, in 29 days"),
        (1.5 * DAY, "expires on 2119-12-08, in 1 day"),
        (100, "expires on 2119-12-08, in 0 days"),
        (0, "expired on 2119-12-08"),
        (-DAY, "expired on 2119-12-08"),
    ],
)
def test_certificates_that_end(tmp_path: Path, left: float, words: str | None) -> None:
    cert, key = write_pair(tmp_path, "edge", "a.example")
    pair = f"{{cert: '{cert}', key: '{key}'}}"
    for text, path in (
        (with_listener(f"tls: {pair}"), "listeners[0].tls.cert"),
        (with_listener(f"tls: {{certificates: [{pair}]}}"), "listeners[0].tls.certificates[0].cert"),
        (with_service(f"tls: {pair}"), "services.a.tls.cert"),
    ):
        found = warnings(tmp_path, text, END - left)
        assert [line.split(": ", 1)[1] for line in found] == (
            [f"{path}: the certificate in {cert} {words}"] if words else []
        )


def test_what_nothing_uses(tmp_path: Path) -> None:
    spare = "  spare: {endpoints: ['127.0.0.1:1']}\nfilters: {log: {type: access_log}, used: {type: request_id}}\n"
    text = with_listener("filters: [used]") + spare
    assert warnings(tmp_path, text) == [
        "8:3: services.spare: no route leads to this service",
        "9:11: filters.log: this filter is in no chain",
    ]
    in_split = text.replace(
        "service: a", "split: [{service: a, weight: 1}, {service: spare, weight: 0}], filters: [log]"
    )
    assert warnings(tmp_path, in_split) == []
    # what a mistake may have kept from being used is not told
    assert warnings(tmp_path, text.replace("service: a", "service: spar")) == []
    assert warnings(tmp_path, text.replace("[used]", "[uses]")) == [
        "8:3: services.spare: no route leads to this service"
    ]


@pytest.mark.parametrize(
    ("address", "is_told"),
    [
        ("127.0.0.1:9901", False),
        ("127.8.0.1:9901", False),
        ("'[::1]:9901'", False),
        ("localhost:9901", False),
        ("unix:/run/x.sock", False),
        ("0.0.0.0:9901", True),
        ("'[::]:9901'", True),
        ("10.0.0.7:9901", True),
        ("admin.example:9901", True),
        ("nonsense", False),
    ],
)
def test_an_admin_address_that_others_reach(tmp_path: Path, address: str, is_told: bool) -> None:
    found = warnings(tmp_path, MINIMAL + f"admin: {{address: {address}}}\n")
    assert [line.split(": ")[1] for line in found] == (["admin.address"] if is_told else [])


def test_no_admin_address_is_none_that_others_reach(tmp_path: Path) -> None:
    assert warnings(tmp_path, MINIMAL + "admin: false\n") == []
    assert is_local(Address(path="/x"))


@pytest.mark.parametrize(
    ("value", "is_told"),
    [
        ("3600", False),
        ("3601", True),
        ("7200.5", True),
        ("2h", False),
        ("7200s", False),
    ],
)
def test_a_long_duration_without_a_unit(tmp_path: Path, value: str, is_told: bool) -> None:
    found = warnings(tmp_path, with_route(f"timeout: {value}"))
    said = f"are seconds; write the unit: {value}s, or {value}ms if that is meant"
    assert len(found) == is_told
    assert all("routes[0].timeout: " in line and line.endswith(said) for line in found)


def test_a_duration_from_the_environment_is_not_shown(tmp_path: Path) -> None:
    [line] = warnings(tmp_path, with_route("timeout: '${T:-98765}'"))
    assert line == "4:37: routes[0].timeout: '${T:-98765}' has no unit and would be seconds, more than an hour"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/users/:id/x", "':id' is taken literally; any segment is {id}"),
        ("/v1/(ab)+", "is taken literally, and not as a regular expression"),
        ("/v1/x$", "is taken literally, and not as a regular expression"),
        ("/v1/models:predict", None),
        ("/v1/a.b-c/*", None),
        ("/v1/{id}", None),
    ],
)
def test_paths_in_the_language_of_other_programs(tmp_path: Path, path: str, said: str | None) -> None:
    text = MINIMAL.replace("/*", f'"{path}"')
    assert [line.split(": ", 2)[1:] for line in warnings(tmp_path, text)] == (
        [["routes[0].path", said]] if said else []
    )


def test_names_that_nobody_knows(tmp_path: Path) -> None:
    text = (
        "listeners: [{address: 'edge.example:80'}, {address: '127.0.0.1:1'}, {address: 'unix:/x'}]\n"
        "admin: {address: 'localhost:9901'}\nresolver: {servers: ['127.0.0.1:5353']}\nroutes: [{path: /, service: a}]\n"
        "services: {a: {endpoints: ['no.example:1', 'no.example:2', '[::1]:1', 'x y']}}\n"
    )
    missing = {"no.example": "has no address", "edge.example": "did not resolve within 3 s"}
    assert warnings(tmp_path, text, missing=missing) == [
        "1:23: listeners[0].address: the name 'edge.example' did not resolve within 3 s",
        "5:28: services.a.endpoints[0]: the name 'no.example' has no address",
        "5:44: services.a.endpoints[1]: the name 'no.example' has no address",
    ]


def test_loading_tells_them_and_asks_no_name_server(tmp_path: Path) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(
        with_service("tls: false").replace("127.0.0.1:19000", "no.invalid:1") + "admin: {address: '0.0.0.0:1'}"
    )
    told: list[list[str]] = []
    load(path, {}, 0.0, told.append)
    [[line]] = told
    assert "admin.address: 0.0.0.0:1 can be reached from elsewhere" in line
    path.write_text(MINIMAL)
    load(path, {}, 0.0, told.append)
    assert len(told) == 1


def test_models_that_nobody_can_ask_for(tmp_path: Path) -> None:
    text = file("models: [other]").replace("fallback: [small, alias]", "fallback: [small]")
    found = [one for one in warnings(tmp_path, text) if "leads to" in one]
    names = ("canary", "canary-2", "open/*", "default")
    assert [one.partition(" ")[2] for one in found] == [
        f"models.{name}: no route leads to this model" for name in names
    ]


def test_placement_that_has_no_effect(tmp_path: Path) -> None:
    assert [one.partition(" ")[2] for one in warnings(tmp_path, with_service("balance: prefix_hash"))] == [
        "services.a.balance: prefix_hash is as least_request: no model leads to this service"
    ]
    text = file("models: true").replace("v1, ", "v1, weight: 1, ").replace("a: {", "a: {balance: prefix_hash, ")
    assert not [one for one in warnings(tmp_path, text) if "prefix_hash" in one]
    text = with_service("endpoint_picker: true")
    assert "has no effect: no listener has trusted_proxies" in warnings(tmp_path, text)[0]
    assert not warnings(tmp_path, text.replace("18080\n", "18080\n    trusted_proxies: [10.0.0.1]\n"))
    assert not warnings(
        tmp_path, text.replace("service: a}", "service: a, filters: [x]}") + "filters: {x: {type: headers}}\n"
    )
