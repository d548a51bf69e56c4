from __future__ import annotations

import datetime
import gc
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fastgw.server.handshakes import count_failures


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with a key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Server:
    """A TLS server without a socket, and the number of failures it counted."""

    def __init__(self, certificate: Path) -> None:
        self.failures = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        count_failures(self.context, self._count)

    def _count(self) -> None:
        self.failures += 1

    def accept(self) -> tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        return self.context.wrap_bio(incoming, outgoing, server_side=True), incoming, outgoing


def test_a_handshake_that_succeeds_is_none(certificate: Path) -> None:
    server = Server(certificate)
    ours, to_us, to_them = server.accept()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    theirs = context.wrap_bio(to_them, to_us)
    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    theirs.write(b"hello")
    assert ours.read(100) == b"hello"
    del ours, theirs
    gc.collect()
    assert server.failures == 0


def test_what_is_no_tls_is_counted_once(certificate: Path) -> None:
    server = Server(certificate)
    ours, to_us, _ = server.accept()
    to_us.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(ssl.SSLError):
        ours.do_handshake()
    assert server.failures == 1
    del ours
    gc.collect()
    assert server.failures == 1


def test_one_that_was_given_up_is_counted_when_it_is_freed(certificate: Path) -> None:
    server = Server(certificate)
    ours, _, _ = server.accept()
    with pytest.raises(ssl.SSLWantReadError):
        ours.do_handshake()
    assert server.failures == 0
    del ours
    gc.collect()
    assert server.failures == 1
