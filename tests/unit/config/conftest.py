"""Certificates, and the registry of a worker, for the tests of this folder."""

from __future__ import annotations

import datetime
import mmap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from fastgw.core.counters import SLAB_BYTES
from fastgw.core.dataplane import DataPlane
from fastgw.core.live.registry import Registry
from fastgw.core.protocols import make_pool
from fastgw.core.slab import Counters
from fastgw.testing.edge import new_loop


def write_pair(folder: Path, stem: str, *names: str, password: bytes = b"", critical: bool = False) -> tuple[str, str]:
    """A self-signed certificate for ``names`` and its key, as files; the certificate is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternatives, critical=critical)
    cert_path, key_path = folder / f"{stem}.pem", folder / f"{stem}.key"
    cert_path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return str(cert_path), str(key_path)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Certificate and key for ``localhost`` and ``*.edge.example``."""
    return write_pair(tmp_path_factory.mktemp("tls"), "edge", "localhost", "*.Edge.Example")


@pytest.fixture
def registry() -> Iterator[Registry]:
    plane = DataPlane(new_loop(), Counters(memoryview(mmap.mmap(-1, SLAB_BYTES))), lambda: 0.25, make_pool=make_pool)
    yield plane.registry
    plane.close()
