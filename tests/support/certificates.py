"""An authority that signs certificates for tests, as files."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = BEGIN + datetime.timedelta(days=36500)


class Authority:
    """A certificate authority; ``ca`` is the file with its certificate."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._sign(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=None))
        self.ca = str(folder / "ca.pem")
        Path(self.ca).write_bytes(signed.public_bytes(Encoding.PEM))

    def pair(
        self, stem: str, *names: str, organisation: str = "", folder: Path | None = None, days: int = 0
    ) -> tuple[str, str]:
        """A certificate for ``names`` (DNS names and IP addresses) with the subject ``CN=stem``, and its key: two files.

        ``days``: how long it is good from now on; 0: for ever.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
        subject = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, stem)])
        extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=False, path_length=None)]
        if names:
            extensions.append(x509.SubjectAlternativeName([general_name(one) for one in names]))
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(days=days) if days else END
        signed = self._sign(subject, key.public_key(), *extensions, end=end)
        cert_path, key_path = (folder or self._folder) / f"{stem}.pem", (folder or self._folder) / f"{stem}.key"
        cert_path.write_bytes(signed.public_bytes(Encoding.PEM))
        key_path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(cert_path), str(key_path)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *extensions: x509.ExtensionType,
        end: datetime.datetime = END,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(end)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def client(self, *pair: str) -> ssl.SSLContext:
        """A context that trusts this authority, and shows the certificate ``pair`` if there is one."""
        context = ssl.create_default_context(cafile=self.ca)
        context.set_alpn_protocols(["http/1.1"])
        if pair:
            context.load_cert_chain(*pair)
        return context

    def server(self, *pair: str, requires: str = "") -> ssl.SSLContext:
        """A context of a server with the certificate ``pair``; ``requires``: authority its clients must be known to."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        if requires:
            context.load_verify_locations(requires)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def general_name(text: str) -> x509.GeneralName:
    """``text`` as a subject alternative name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
