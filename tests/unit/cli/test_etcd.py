"""Where a fleet is: the arguments that several commands have in common."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

import pytest

from fastgw.cli.etcd import add_etcd, fleet_of, is_of_fleet, node_of
from fastgw.cli.main import build_parser, main
from fastgw.core.sources import ClientTls, RegistryUrl

NEEDED = ["--etcd", "http://10.0.0.2:2379", "--key", "/fastgw/edge"]


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_etcd(parser)
    return parser.parse_args(arguments)


def test_all_that_can_be_said() -> None:
    tls = ["--etcd-ca", "ca.pem", "--etcd-cert", "a.pem", "--etcd-key", "a.key", "--etcd-user", "edge"]
    given = options("--etcd", "https://a:1,https://b", "--key", "/fastgw/edge/", *tls)
    settings, keys = fleet_of(given, {"FASTGW_ETCD_PASSWORD": "secret"})
    assert settings.endpoints == (RegistryUrl(True, "a", 1), RegistryUrl(True, "b", 2379))
    assert (settings.user, settings.password, settings.tls) == (
        "edge",
        "secret",
        ClientTls("ca.pem", "a.pem", "a.key"),
    )
    assert keys.root == "/fastgw/edge"


def test_the_environment_says_what_the_command_line_does_not() -> None:
    environ = {"FASTGW_ETCD": "http://b:1", "FASTGW_KEY": "/b"}
    settings, keys = fleet_of(options(), environ)
    assert (settings.endpoints[0].host, keys.root) == ("b", "/b")
    settings, keys = fleet_of(options(*NEEDED), environ | {"FASTGW_ETCD_PASSWORD": "of another"})
    assert (settings.endpoints[0].host, keys.root, settings.password) == ("10.0.0.2", "/fastgw/edge", "")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "where is etcd"),
        (NEEDED[:2], "which fleet"),
        ([*NEEDED[:2], "--key", "edge"], "no key of a fleet"),
        (["--etcd", "10.0.0.2", *NEEDED[2:]], "no endpoint of etcd"),
        ([*NEEDED, "--etcd-user", "edge"], "no password"),
        ([*NEEDED, "--etcd-cert", "a.pem"], "need each other"),
        ([*NEEDED, "--etcd-ca", "a.pem"], "no https"),
    ],
)
def test_what_cannot_be_used_is_told(arguments: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fleet_of(options(*arguments), {})


def of_run(*arguments: str) -> argparse.Namespace:
    return build_parser("").parse_args(["run", *arguments])


def test_a_gateway_is_of_a_fleet_or_has_a_file() -> None:
    assert not is_of_fleet(of_run("gateway.yaml"), {"FASTGW_ETCD": "http://b:1"})
    assert is_of_fleet(of_run(*NEEDED), {}) and is_of_fleet(of_run(), {"FASTGW_ETCD": "http://b:1"})
    for wrong, reason in (
        (["-c", "a", *NEEDED[:2]], "--etcd is for"),
        (["a", "--node", "b"], "--node is for"),
        ([], "no configuration"),
        (["--check", *NEEDED], "--check is for a file"),
    ):
        with pytest.raises(ValueError, match=reason):
            is_of_fleet(of_run(*wrong), {})


def test_what_a_node_is_told(tmp_path: Path) -> None:
    found = node_of(of_run(*NEEDED), {"STATE_DIRECTORY": f"{tmp_path}:/more"})
    assert (found.node, found.copy) == (socket.gethostname(), str(tmp_path / "edge.etcd.yaml"))
    found = node_of(of_run(*NEEDED, "--node", "edge-1", "--copy", "/a/b.yaml"), {})
    assert (found.node, found.copy, found.keys.root) == ("edge-1", "/a/b.yaml", "/fastgw/edge")
    assert node_of(of_run(*NEEDED), {}).copy == os.path.abspath("edge.etcd.yaml")
    with pytest.raises(ValueError, match="no name of a node"):
        node_of(of_run(*NEEDED, "--node", "a/b"), {})


def test_wrong_arguments_serve_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "--etcd", "nowhere", "--key", "/a"])
    assert caught.value.code == 2
    assert "fastgw run: error: 'nowhere' is no endpoint of etcd" in capsys.readouterr().err
