"""What the operator of a machine says of configurations from elsewhere."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from fastgw.config.trust import TrustRules, ip_of, is_of_this_machine, read_trust
from fastgw.core.settings import Address
from fastgw.errors import ConfigError


def rules(folder: Path, text: str) -> TrustRules:
    path = folder / "trust.yaml"
    path.write_text(text)
    return read_trust(str(path), {"HOME": "/home/edge"})


def test_all_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/fastgw")
    found = rules(
        tmp_path,
        "modules: [ours, theirs.*, other:Filter]\n"
        "files: [certs, /srv/a.pem, link]\n"
        "written: [/var/log/fastgw]\n"
        "served: [pages]\n"
        "environment: [ZONE, EDGE_*]\n"
        "networks: [10.0.0.0/8, 'fd00::/8', 127.0.0.1, registry.example, '*.edge.example']\n"
        "admin: true\n",
    )
    assert found.files == (str(tmp_path / "certs"), "/srv/a.pem", "/etc/fastgw")
    assert (found.written, found.served) == (("/var/log/fastgw",), (str(tmp_path / "pages"),))
    assert [str(one) for one in found.networks] == ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]
    assert (found.hosts, found.may_show_admin) == (("registry.example", "*.edge.example"), True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense: 1\n", "unknown key"),
        ("modules: ['a b']\n", "expected a module"),
        ("modules: ['*']\n", "expected a module"),
        ("environment: ['*']\n", "the name of a variable"),
        ("networks: [10.0.0.1/8]\n", "expected a network"),
        ("networks: ['a b']\n", "host name"),
        ("files: x\n", "list"),
        ("", "is empty; {} allows"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_what_it_cannot_say(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        rules(tmp_path, text)


def test_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_trust(str(tmp_path / "none"), {})


def test_without_a_word_nothing_is_allowed_but_private_networks(tmp_path: Path) -> None:
    for one in (TrustRules(), rules(tmp_path, "{}\n")):
        assert not (
            not one.against_file("/etc/hostname") or one.allows_variable("HOME") or one.allows_module("os:system")
        )
        assert one.allows_module("an-entry-point")
        assert [one.against(Address(host, 80)) == "" for host in ("10.1.2.3", "192.168.0.1", "fd12::1")] == [True] * 3
        for host in ("127.0.0.1", "::1", "8.8.8.8", "2001:db8::1", "localhost", "registry.example"):
            assert "networks" in one.against(Address(host, 80))
        assert not one.may_show_admin


def test_modules() -> None:
    one = TrustRules(modules=("ours", "theirs.*", "other:Filter"))
    allowed = ["ours:A", "theirs:A", "theirs.deep.er:A", "other:Filter"]
    refused = ["ours.more:A", "oursmore:A", "theirsmore:A", "other:Else", "os:system"]
    assert [one.allows_module(name) for name in (*allowed, *refused)] == [True] * 4 + [False] * 5


def test_files_whatever_leads_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "out").symlink_to("/etc")
    one = TrustRules(files=(str(folder), "/srv/a.pem"))
    allowed = [str(folder), f"{folder}/a.pem", f"{folder}/b/../a.pem", "/srv/a.pem"]
    refused = [f"{folder}-more/a.pem", f"{folder}/../a.pem", f"{folder}/out/shadow", "/srv/a.pem.old", "/srv", "/"]
    assert [not one.against_file(path) for path in (*allowed, *refused)] == [True] * 4 + [False] * 6
    assert not TrustRules(files=("/",)).against_file("/etc/hostname")
    for use in ("written", "served"):  # what may be read is not for everybody, and not to be overwritten
        assert f"{use} in" in one.against_file("/srv/a.pem", use)
        assert not TrustRules(**{use: ("/srv",)}).against_file("/srv/a.pem", use)


def test_variables() -> None:
    one = TrustRules(environment=("ZONE", "EDGE_*"))
    assert [one.allows_variable(name) for name in ("ZONE", "EDGE_A", "EDGE_", "ZONES", "EDGE", "PATH")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


NEVER = """
169.254.169.254 169.254.0.1 fe80::1 fe80::1%eth0 fd00:ec2::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe
100.100.100.200 0.0.0.0 :: 224.0.0.1 ff02::1
"""


@pytest.mark.parametrize("host", NEVER.split())
def test_some_addresses_are_never_allowed(host: str) -> None:
    everything = TrustRules(networks=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")), hosts=("*.a",))
    assert everything.against(Address(host, 80))
    assert everything.against(Address(path="/run/docker.sock"))
    assert not everything.against(Address("8.8.8.8", 80)) and not everything.against(Address("2001:db8::1", 80))


def test_names_of_hosts() -> None:
    one = TrustRules(hosts=("registry.example", "*.edge.example"))
    for host, is_allowed in (
        ("registry.example", True),
        ("Registry.Example.", True),
        ("a.registry.example", False),
        ("a.edge.example", True),
        ("edge.example", False),
        ("badedge.example", False),
    ):
        assert (one.against(Address(host, 80)) == "") is is_allowed, host


def test_addresses_in_other_forms() -> None:
    assert [str(ip_of(host)) for host in ("localhost", "::ffff:10.0.0.1", "64:ff9b::a00:1", "a.b", "1.2.3")] == [
        "127.0.0.1",
        "10.0.0.1",
        "10.0.0.1",
        "None",
        "None",
    ]


def test_whose_an_address_is() -> None:
    found = [is_of_this_machine(one) for host in ("127.0.0.1", "203.0.113.7") if (one := ip_of(host)) is not None]
    assert found == [True, False]
