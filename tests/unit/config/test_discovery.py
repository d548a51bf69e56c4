"""Where members are listed, as the file says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.load import load
from fastgw.core.sources import (
    BeliefSettings,
    ClientTls,
    ConsulSettings,
    DiscoverySettings,
    DnsSettings,
    EtcdSettings,
    FileSettings,
    KubernetesSettings,
    RegistryUrl,
)
from tests.unit.config.files import problems, read, with_service


def settings(tmp_path: Path, text: str) -> DiscoverySettings:
    found = read(tmp_path, with_service(f"discovery: {{{text}}}")).services[0].discovery
    assert isinstance(found, DiscoverySettings)
    return found


def test_each_kind_with_what_must_be_said(tmp_path: Path) -> None:
    text = """
      etcd: {endpoints: ["http://127.0.0.1", "https://[::1]:4001"], prefix: /services/vision/},
      consul: {service: vision}, dns: {name: vision.internal.}, file: {path: members.yaml}, kubernetes: {service: vision}
    """
    assert settings(tmp_path, text).sources == (
        EtcdSettings((RegistryUrl(False, "127.0.0.1", 2379), RegistryUrl(True, "::1", 4001)), "/services/vision"),
        ConsulSettings(RegistryUrl(False, "127.0.0.1", 8500), "vision"),
        DnsSettings("vision.internal."),
        FileSettings(str(tmp_path / "members.yaml")),
        KubernetesSettings("vision", ""),
    )
    assert settings(tmp_path, text).belief == BeliefSettings()


def test_and_all_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word\n")
    text = """
      etcd: {endpoints: ["http://127.0.0.1:1"], prefix: /, user: me, password_file: secret, timeout: 2s,
             tls: {server_name: etcd.test}},
      consul: {endpoint: "http://127.0.0.1:2", service: a, tags: [x, y, x], datacenter: dc, namespace: ns, filter: a == b,
               token: t, wait: 9s, timeout: 3s},
      dns: {name: a.test, port: 80, family: ipv6, servers: ["10.0.0.1"], timeout: 1s, min_interval: 2s, max_interval: 3s},
      file: {path: /x, interval: 3s},
      kubernetes: {service: a, namespace: b, port: 80, endpoint: "https://10.0.0.1", token_file: /t, timeout: 1s},
      where: {version: "2", area: eu}, empty: believe, min_share: 25%, patience: 10s
    """
    found = settings(tmp_path, text)
    assert found.where == (("area", "eu"), ("version", "2"))
    assert found.belief == BeliefSettings("believe", 0.25, 10.0)
    assert found.sources == (
        EtcdSettings(
            (RegistryUrl(False, "127.0.0.1", 1),), "", "me", "word", ClientTls(server_name="etcd.test"), timeout=2.0
        ),
        ConsulSettings(
            RegistryUrl(False, "127.0.0.1", 2),
            "a",
            ("x", "y"),
            "dc",
            "ns",
            "a == b",
            "t",
            ClientTls(),
            wait=9.0,
            timeout=3.0,
        ),
        DnsSettings("a.test", 80, "ipv6", ("10.0.0.1:53",), 1.0, 2.0, 3.0),
        FileSettings("/x", 3.0),
        KubernetesSettings("a", "b", "80", RegistryUrl(True, "10.0.0.1", 443), "/t", "", 1.0),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "services.a.discovery: names no source; give etcd, consul, dns, file or kubernetes"),
        ("empty: believe", "names no source"),
        ("zookeeper: {}", "zookeeper"),
        ("etcd: {endpoints: [], prefix: /a}", "discovery.etcd.endpoints: is empty"),
        ("etcd: {prefix: /a}", "discovery.etcd.endpoints: is required"),
        ("etcd: {endpoints: ['http://a'], prefix: a}", "expected a prefix of keys that begins with a slash"),
        ("etcd: {endpoints: ['http://a'], prefix: /a//b}", "expected a prefix of keys"),
        ("etcd: {endpoints: ['http://me:word@a'], prefix: /a}", "without user, password, path and query"),
        ("etcd: {endpoints: ['ftp://a'], prefix: /a}", "expected the URL of a registry"),
        ("etcd: {endpoints: ['http://a:0'], prefix: /a}", "a port is a number from 1 to 65535"),
        (
            "etcd: {endpoints: ['http://a'], prefix: /a, user: me}",
            "discovery.etcd.user: needs password or password_file",
        ),
        ("etcd: {endpoints: ['http://a'], prefix: /a, password: x}", "needs user beside the password"),
        (
            "etcd: {endpoints: ['http://a'], prefix: /a, user: b, password: x, password_file: y}",
            "needs one of password",
        ),
        ("etcd: {endpoints: ['http://a'], prefix: /a, user: b, password_file: gone}", "etcd.password_file: "),
        ("etcd: {endpoints: ['http://a'], prefix: /a, tls: {ca: gone.pem}}", "discovery.etcd.tls.ca"),
        ("etcd: {endpoints: ['http://a'], prefix: /a, tls: {cert: gone.pem}}", "tls.cert: needs key beside it"),
        (
            "etcd: {endpoints: ['http://a'], prefix: /a, tls: {cert: gone.pem, key: gone.pem}}",
            "discovery.etcd.tls.cert",
        ),
        ("consul: {service: 'a/b'}", "expected a name of letters"),
        ("consul: {service: a, token: x, token_file: y}", "needs one of token and token_file"),
        ("dns: {name: 'a b'}", "discovery.dns.name"),
        ("dns: {name: a.test, port: 0}", "discovery.dns.port"),
        ("dns: {name: a.test, min_interval: 10ms}", "is less than 200 ms"),
        ("dns: {name: a.test, min_interval: 10s, max_interval: 5s}", "is less than min_interval (10s)"),
        ("file: {path: x, interval: 1ms}", "is less than 200 ms"),
        ("kubernetes: {service: a, ca: gone.pem}", "discovery.kubernetes.ca"),
        ("file: {path: x}, empty: no", "expected keep or believe"),
    ],
)
def test_what_cannot_work(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, with_service(f"discovery: {{{text}}}"))
    assert any(expected in one for one in found), found


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    text = "discovery: {etcd: {endpoints: ['http://me:hidden@a/x?y'], prefix: /a}, consul: {service: a, token: ''}}"
    found = problems(tmp_path, with_service(text))
    assert found and "hidden" not in str(found)


def test_a_service_needs_no_endpoints_beside_it(tmp_path: Path) -> None:
    text = with_service("balance: random").replace('endpoints: ["127.0.0.1:19000"]', "discovery: {file: {path: x}}")
    (service,) = read(tmp_path, text).services
    assert service.endpoints == () and service.discovery is not None


@pytest.mark.parametrize(
    ("text", "is_warned"),
    [
        ("kubernetes: {service: a, endpoint: 'http://10.0.0.1'}", True),
        ("kubernetes: {service: a, endpoint: 'https://10.0.0.1'}", False),
        ("etcd: {endpoints: ['http://10.0.0.1'], prefix: /a}", True),
        ("etcd: {endpoints: ['http://127.0.0.1'], prefix: /a}", False),
        ("consul: {service: a, endpoint: 'http://consul.test'}", True),
    ],
)
def test_what_everybody_in_between_can_read_is_warned_of(tmp_path: Path, text: str, is_warned: bool) -> None:
    path = tmp_path / "gw.yaml"
    path.write_text(with_service(f"discovery: {{{text}}}"))
    warnings: list[str] = []
    load(path, {}, tell=warnings.extend)
    assert any("without TLS" in one for one in warnings) == is_warned
