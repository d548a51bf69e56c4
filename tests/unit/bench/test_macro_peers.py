"""Every gateway's configuration names what the scenario asks for; none is started."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bench.macro.peers import ALL, CORE, PEERS, REFERENCE
from bench.macro.peers import envoy as envoy_module
from bench.macro.peers.base import FEW, first_line, not_installed
from bench.macro.scenario import CHAT_KEY, Scenario, Wiring, endpoint_addresses, route_table, routes_of
from fastgw.filters.key_file import digest_of, parse_keys

SPECIAL = ("portkey", "litellm", "vllm-router", "smg", "fastgw-inference")  # for chats only
WRITES = [name for name in ALL if not name.startswith("go-")]  # the Go ones are compiled first


def wire(directory: Path, **settings: object) -> Wiring:
    scenario = Scenario(**settings)  # type: ignore[arg-type]
    addresses = endpoint_addresses(23000, scenario.endpoints)
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    certificate.write_text("CERTIFICATE\n")
    key.write_text("KEY\n")
    return Wiring(scenario, 21999, addresses, directory, certificate, key, route_table(scenario.routes))


def written(directory: Path) -> str:
    return "".join(path.read_text() for path in sorted(directory.iterdir()) if path.suffix != ".pem")


@pytest.fixture(autouse=True)
def envoy_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envoy_module, "program", lambda: "/opt/envoy")


@pytest.mark.parametrize("name", WRITES)
def test_ports_endpoints_and_routes_are_in_the_configuration(name: str, tmp_path: Path) -> None:
    launch = PEERS[name].prepare(wire(tmp_path, routes=4, endpoints=3))
    text = written(tmp_path)
    assert "21999" in text
    for needle in ("127.1.0.1", "127.1.0.3", "/v1/models/m00000/predict", "/api/teams/t00003/"):
        assert needle in text
    assert str(tmp_path) in " ".join(launch.argv)


@pytest.mark.parametrize("name", WRITES)
def test_tls_has_its_certificate(name: str, tmp_path: Path) -> None:
    PEERS[name].prepare(wire(tmp_path, tls=True))
    assert str(tmp_path / "certificate.pem") in written(tmp_path) or (tmp_path / "both.pem").exists()


def test_nginx_passes_streams_and_large_bodies_on(tmp_path: Path) -> None:
    wiring = wire(tmp_path)
    nginx = PEERS["nginx"]
    nginx.prepare(wiring)
    assert "proxy_buffering off" not in written(tmp_path)
    nginx.prepare(replace(wiring, scenario=Scenario(streaming=True)))
    assert "proxy_buffering off" in written(tmp_path)
    nginx.prepare(replace(wiring, scenario=Scenario(big_bodies=True)))
    assert "proxy_request_buffering off" in written(tmp_path)


def test_fastgw_gets_its_own_vocabulary(tmp_path: Path) -> None:
    launch = PEERS["fastgw-pure"].prepare(wire(tmp_path, ablate="no_reuse"))
    config = yaml.safe_load((tmp_path / "fastgw.yaml").read_text())
    assert config["routes"][1] == {"path": "/api/teams/t00001/*", "service": "app"}
    assert config["services"]["app"]["endpoints"] == ["127.0.0.1:23000"]
    assert launch.env["FASTGW_PURE"] == "1" and launch.env["FASTGW_ABLATE"] == "no_reuse"
    assert launch.argv[-2:] == ("--workers", "1")


def test_litellm_is_told_model_key_and_service(tmp_path: Path) -> None:
    PEERS["litellm"].prepare(wire(tmp_path, chat=True))
    config = yaml.safe_load((tmp_path / "litellm.yaml").read_text())
    assert config["model_list"][0]["litellm_params"]["api_base"] == "http://127.0.0.1:23000/v1"
    assert "--port=21999" in PEERS["portkey"].prepare(wire(tmp_path, chat=True)).argv


def test_fastgw_for_models_knows_the_key_and_its_limit_and_renames_the_model(tmp_path: Path) -> None:
    PEERS["fastgw-inference"].prepare(wire(tmp_path, chat=True))
    config = yaml.safe_load((tmp_path / "fastgw.yaml").read_text())
    assert config["models"] == {"m00002": {"service": "app", "as": "bench/m00002"}}
    assert config["routes"][-1] == {"path": "/v1/*", "models": True, "filters": ["keys", "limits", "usage"]}
    assert [one["type"] for one in config["filters"].values()] == ["api_key", "token_limit", "usage"]
    assert all(route["path"] != "/v1/chat/completions" for route in config["routes"])
    [key] = parse_keys((tmp_path / "keys.json").read_bytes())
    assert key.digest == digest_of(CHAT_KEY.encode())


@pytest.mark.parametrize("name", ["vllm-router", "smg"])
def test_routers_are_told_everything_by_arguments(name: str, tmp_path: Path) -> None:
    argv = PEERS[name].prepare(wire(tmp_path, chat=True)).argv
    assert argv[argv.index("--worker-urls") + 1] == "http://127.0.0.1:23000"
    assert argv[argv.index("--port") + 1] == "21999"
    assert PEERS[name].version().startswith(name)


def test_the_chat_endpoint_is_one_more_route() -> None:
    assert routes_of(Scenario(routes=3)) == route_table(3)
    assert routes_of(Scenario(routes=3, chat=True))[-1].path == "/v1/chat/completions"


def test_envoy_and_caddy_are_valid_json(tmp_path: Path) -> None:
    for name in ("envoy", "caddy"):
        PEERS[name].prepare(wire(tmp_path, streaming=True))
        assert json.loads((tmp_path / f"{name}.json").read_text())


def test_haproxy_tells_exact_paths_from_prefixes(tmp_path: Path) -> None:
    PEERS["haproxy"].prepare(wire(tmp_path, routes=2))
    assert (tmp_path / "exact.map").read_text() == "/v1/models/m00000/predict app\n"
    assert (tmp_path / "prefix.map").read_text() == "/api/teams/t00001/ app\n"


def test_some_cases_are_not_for_every_gateway() -> None:
    many = Scenario(routes=FEW + 1)
    assert PEERS["caddy"].refuses(many) and PEERS["envoy"].refuses(many) and PEERS["aiohttp"].refuses(many)
    assert PEERS["go-fasthttp"].refuses(Scenario(streaming=True))
    assert PEERS["fastgw"].refuses(Scenario(ablate="no_such_switch"))
    assert not any(PEERS[name].refuses(Scenario()) for name in ALL)
    for name in SPECIAL:
        assert PEERS[name].refuses(Scenario()) and not PEERS[name].refuses(Scenario(chat=True))


def test_a_program_that_is_not_there_is_named() -> None:
    assert not_installed("no-such-program") == "no-such-program is not installed"
    assert first_line("no-such-program") == ""
    assert not_installed("sh") == ""


def test_the_reference_is_measured_first() -> None:
    assert ALL[0] == CORE[0] == REFERENCE


def test_a_thousand_endpoints_have_a_thousand_addresses() -> None:
    addresses = endpoint_addresses(80, 1000)
    assert len(set(addresses)) == 1000
    assert addresses[0] == "127.1.0.1:80" and addresses[-1] == "127.1.3.250:80"
    assert endpoint_addresses(80, 1) == ("127.0.0.1:80",)
