"""Contexts, and what is wrong with the files they are made from."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from fastgw.config.bind_spec import CertificateSpec, TlsSpec
from fastgw.config.tls import authorities_problem, certificate_names, client_context, pair_problems, server_context
from fastgw.core.settings import UpstreamTls
from tests.unit.config.conftest import write_pair

Pair = tuple[str, str]


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after a handshake in memory; raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (near, far):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    with contextlib.suppress(ssl.SSLWantReadError):
        near.read(1)  # in TLS 1.3 a client learns only now what became of its certificate
    return near, far


def spec(*pairs: Pair, client_auth: str = "none", client_ca: str = "", min_version: str = "1.2") -> TlsSpec:
    certificates = tuple(CertificateSpec(cert, key, certificate_names(cert)) for cert, key in pairs)
    return TlsSpec(certificates, client_auth, client_ca, min_version)


def listening(spec: TlsSpec, *protocols: str) -> ssl.SSLContext:
    return server_context(spec, protocols or ("http/1.1", "http/1.0"))


def trusting(ca: str, *, cert: str = "", key: str = "", verify: bool = True) -> ssl.SSLContext:
    return client_context(UpstreamTls(verify=verify, server_name="", ca=ca, cert=cert, key=key))


def names(connection: ssl.SSLObject) -> set[str]:
    certificate = connection.getpeercert()
    assert certificate
    alternatives: Any = certificate["subjectAltName"]
    return {value for _, value in alternatives}


def test_a_handshake_with_one_certificate(pair: Pair) -> None:
    near, _ = handshake(listening(spec(pair)), trusting(pair[0]), "localhost")
    assert near.version() == "TLSv1.3"
    assert near.selected_alpn_protocol() == "http/1.1"


def test_clients_choose_of_the_protocols_that_are_spoken(pair: Pair) -> None:
    client = trusting(pair[0])
    client.set_alpn_protocols(["http/1.0"])
    near, _ = handshake(listening(spec(pair)), client, "localhost")
    assert near.selected_alpn_protocol() == "http/1.0"
    client.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        handshake(listening(spec(pair)), client, "localhost")
    near, _ = handshake(listening(spec(pair), "h3", "h2", "http/1.1"), client, "localhost")
    assert near.selected_alpn_protocol() == "h2"


def test_the_name_asked_for_chooses_the_certificate(tmp_path: Path, pair: Pair) -> None:
    other = write_pair(tmp_path, "other", "api.example", "*.other.example")
    both = tmp_path / "both.pem"
    both.write_text(Path(pair[0]).read_text() + Path(other[0]).read_text())
    server = listening(spec(pair, other))
    for name, expected in [
        ("api.example", "api.example"),
        ("API.example", "api.example"),
        ("x.other.example", "api.example"),
        ("x.edge.example", "localhost"),
        ("localhost", "localhost"),
    ]:
        near, _ = handshake(server, trusting(str(both)), name)
        assert expected in names(near), name
    with pytest.raises(ssl.SSLCertVerificationError):  # the first one, which is not its own
        handshake(server, trusting(str(both)), "unknown.example")


def test_clients_are_checked(tmp_path: Path, pair: Pair) -> None:
    own = write_pair(tmp_path, "client")
    server = listening(spec(pair, client_auth="required", client_ca=own[0], min_version="1.3"))
    _, far = handshake(server, trusting(pair[0], cert=own[0], key=own[1]), "localhost")
    assert far.getpeercert()
    with pytest.raises(ssl.SSLError):
        handshake(server, trusting(pair[0]), "localhost")
    optional = listening(spec(pair, client_auth="optional", client_ca=own[0]))
    _, far = handshake(optional, trusting(pair[0]), "localhost")
    assert not far.getpeercert()


def test_old_versions_are_refused(pair: Pair) -> None:
    client = trusting(pair[0])
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(listening(spec(pair, min_version="1.3")), client, "localhost")


def test_services_are_verified_unless_told_otherwise(tmp_path: Path, pair: Pair) -> None:
    other = write_pair(tmp_path, "other", "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(listening(spec(pair)), trusting(other[0]), "localhost")
    handshake(listening(spec(pair)), trusting(other[0], verify=False), "localhost")


def test_names_of_certificates(tmp_path: Path, pair: Pair) -> None:
    assert certificate_names(pair[0]) == ("localhost", "*.edge.example")
    long = [f"{'x' * 50}{n}.example" for n in range(9)]
    assert certificate_names(write_pair(tmp_path, "long", *long, critical=True)[0]) == tuple(long)
    assert certificate_names(write_pair(tmp_path, "none")[0]) == ()
    assert certificate_names(pair[1]) == ()
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert certificate_names(str(broken)) == ()


def test_what_is_wrong_with_a_pair(tmp_path: Path, pair: Pair) -> None:
    other = write_pair(tmp_path, "other")
    locked = write_pair(tmp_path, "locked", password=b"secret")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    none = str(tmp_path / "none.pem")
    assert list(pair_problems(*pair)) == []
    assert list(pair_problems(none, none)) == [
        ("cert", f"{none} cannot be read: No such file or directory"),
        ("key", f"{none} cannot be read: No such file or directory"),
    ]
    assert list(pair_problems(str(text), pair[1])) == [("cert", f"no PEM certificate in {text}")]
    assert list(pair_problems(pair[0], str(text))) == [("key", f"no PEM private key in {text}")]
    assert list(pair_problems(pair[0], other[1])) == [
        ("key", f"the key in {other[1]} does not belong to the certificate")
    ]
    [(where, reason)] = pair_problems(*locked)
    assert where == "key" and "is encrypted" in reason
    assert list(pair_problems("", pair[1])) != []


def test_what_is_wrong_with_authorities(tmp_path: Path, pair: Pair) -> None:
    assert authorities_problem(pair[0]) == ""
    assert authorities_problem(pair[1]) == f"no PEM certificates in {pair[1]}"
    assert authorities_problem(str(tmp_path)) == f"{tmp_path} cannot be read: Is a directory"


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"])
def test_ciphers_without_forward_secrecy_or_authenticated_encryption_are_not_spoken(pair: Pair, ciphers: str) -> None:
    client = trusting(pair[0])
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    with pytest.raises(ssl.SSLError):
        handshake(listening(spec(pair)), client, "localhost")
