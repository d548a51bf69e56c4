"""Where a fleet is: the arguments that several commands have in common."""

from __future__ import annotations

import argparse

import pytest

from fastgw.cli.etcd import add_etcd, fleet_of
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
