"""TLS contexts of listeners and services, and what is wrong with the files they are made from.

One place for the policy: TLS 1.2 or newer, ciphers with forward secrecy and authenticated encryption only, no compression, no
renegotiation; to services ALPN ``http/1.1``, to clients what is spoken with them (RFC 9325, RFC 7301).
"""

from __future__ import annotations

import calendar
import ssl
import time
from collections.abc import Collection, Iterator
from typing import Final

from fastgw.config.bind_spec import CertificateSpec, TlsSpec
from fastgw.core.net.handshake import ListenerContext
from fastgw.core.net.remainder import knows_its_source
from fastgw.core.settings import UpstreamTls

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_CIPHERS: Final = (
    "ECDHE+AESGCM:ECDHE+CHACHA20"  #: of TLS 1.2; all those of TLS 1.3 are of this kind (RFC 9325 section 4.2)
)
_LARGEST_FILE: Final = 4 * 1024 * 1024
_SUBJECT_ALT_NAME: Final = b"\x06\x03\x55\x1d\x11"  # OID 2.5.29.17 in DER (RFC 5280 section 4.2.1.6)


def server_context(spec: TlsSpec, protocols: Collection[str]) -> ssl.SSLContext:
    """The context of a listener; with several certificates the name the client asks for chooses (RFC 6066 section 3).

    Args:
        protocols: of ALPN, what clients may choose from, the most wanted first.

    Raises:
        OSError, ssl.SSLError: a file is gone or changed since the configuration was checked.
    """
    contexts = [_server_context(spec, certificate, protocols) for certificate in spec.certificates]
    first = contexts[0]
    by_name: dict[str, ssl.SSLContext] = {}
    for certificate, context in zip(spec.certificates, contexts, strict=True):
        for name in certificate.names:
            by_name.setdefault(name, context)
    for context in contexts:
        context.by_name = by_name
    if len(contexts) > 1:

        def choose(connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
            if name is not None:
                connection.context = first.shown_for(name.lower()) or first

        first.sni_callback = choose
    return first


def _server_context(spec: TlsSpec, certificate: CertificateSpec, protocols: Collection[str]) -> ListenerContext:
    context = ListenerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[spec.min_version]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(protocols)
    context.load_cert_chain(certificate.cert, certificate.key, _refuse_password)
    if spec.client_auth != "none":
        context.load_verify_locations(spec.client_ca)
        context.verify_mode = _CLIENT_AUTH[spec.client_auth]
    return context


def client_context(spec: UpstreamTls, protocols: Collection[str] = ("http/1.1",)) -> ssl.SSLContext:
    """The context of the connections to a service that is offered ``protocols`` by ALPN; raises as ``server_context`` does."""
    context = knows_its_source(ssl.create_default_context(cafile=spec.ca or None))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    if not spec.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if spec.cert:
        context.load_cert_chain(spec.cert, spec.key or None, _refuse_password)
    return context


class _EncryptedKeyError(ValueError):
    pass


def _refuse_password() -> str:
    """Instead of OpenSSL's question on the terminal."""
    raise _EncryptedKeyError


def pair_problems(cert: str | None, key: str | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a certificate and its key: ``("cert" or "key", reason)`` for every fault.

    One that is not known is None.  Whether they belong together is asked when each of them is sound by itself.
    """
    faults = [("cert", _certificate_problem(cert))] if cert is not None else []
    faults += [("key", _key_problem(key))] if key is not None else []
    faults = [(name, reason) for name, reason in faults if reason]
    yield from faults
    if faults or cert is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, _refuse_password)
    except _EncryptedKeyError:
        yield "key", f"the key in {key} is encrypted; fastgw has no way to ask for its password"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            yield "key", f"the key in {key} does not belong to the certificate"
        elif error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
            yield "cert", f"the certificate in {cert} is too weak ({error.reason.lower().replace('_', ' ')})"
        else:
            yield "key", f"no PEM private key in {key}"
    except OSError as error:
        yield "cert", f"{cert} cannot be read: {error.strerror or error}"


def _certificate_problem(path: str) -> str:
    return _unreadable(path) or ("" if _is_certificate(path) else f"no PEM certificate in {path}")


def _key_problem(path: str) -> str:
    return _unreadable(path) or ("" if "PRIVATE KEY-----" in _read(path) else f"no PEM private key in {path}")


def authorities_problem(path: str) -> str:
    """What is wrong with a file of authorities, or ""."""
    reason = _unreadable(path)
    if reason:
        return reason
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        return f"no PEM certificates in {path}"
    return ""


def _unreadable(path: str) -> str:
    try:
        _read(path)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    except ValueError:
        return "is not the name of a file"
    return ""


def _is_certificate(path: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (ssl.SSLError, OSError):
        return False
    return True


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(_LARGEST_FILE).decode("latin-1")


def certificate_names(path: str) -> tuple[str, ...]:
    """The DNS names of the first certificate in a PEM file, lower case (RFC 5280 section 4.2.1.6)."""
    der = _first_certificate(path)
    place = der.find(_SUBJECT_ALT_NAME)
    if place < 0:
        return ()
    return tuple(_dns_names(der[place + len(_SUBJECT_ALT_NAME) :]))


def _first_certificate(path: str) -> bytes:
    """The first certificate of a PEM file in DER; empty when there is none.  Raises OSError."""
    text = _read(path)
    begin = text.find("-----BEGIN CERTIFICATE-----")
    end = text.find("-----END CERTIFICATE-----", begin)
    if begin < 0 or end < 0:
        return b""
    try:
        return ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----\n")
    except ValueError:
        return b""


def _dns_names(der: bytes) -> Iterator[str]:
    """The dNSName entries of a GeneralNames sequence, behind the OID of its extension.

    The standard library has no public reader for a certificate's names.  OpenSSL has accepted this one already, so what
    is left is to step over ``[critical BOOLEAN] OCTET STRING { SEQUENCE {`` to the list.
    """
    if der[:2] == b"\x01\x01":
        der = der[3:]
    for tag in (0x04, 0x30):
        if not der or der[0] != tag:
            return
        length, start = _length(der)
        der = der[start : start + length]
    while len(der) > 1:
        length, start = _length(der)
        if der[0] == 0x82:
            yield der[start : start + length].decode("latin-1").lower()
        der = der[start + length :]


def _length(der: bytes) -> tuple[int, int]:
    """Length of the DER value at hand, and where its content starts."""
    first = der[1] if len(der) > 1 else 0
    if first < 0x80:
        return first, 2
    count = first & 0x7F
    return int.from_bytes(der[2 : 2 + count], "big"), 2 + count


def expiry(path: str) -> float | None:
    """When the first certificate of a PEM file ends to be valid, in seconds since 1970; None when the file has none."""
    try:
        return ends(_first_certificate(path))
    except OSError:
        return None


def ends(der: bytes) -> float | None:
    """When a certificate in DER ends to be valid, in seconds since 1970; None when it is none."""
    try:
        return _not_after(der)
    except (ValueError, IndexError):
        return None


def _not_after(der: bytes) -> float:
    """``Certificate.tbsCertificate.validity.notAfter`` (RFC 5280 section 4.1); raises ValueError or IndexError."""
    fields = _content(_content(der))
    if fields[0] == 0xA0:
        fields = _behind(fields)  # version
    for _ in range(3):
        fields = _behind(fields)  # serialNumber, signature, issuer
    moment = _behind(_content(fields))
    text = _content(moment).decode("ascii")
    if moment[0] == 0x17:  # UTCTime: two digits of the year (section 4.1.2.5.1)
        text = ("19" if text >= "50" else "20") + text
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))


def _content(der: bytes) -> bytes:
    length, start = _length(der)
    return der[start : start + length]


def _behind(der: bytes) -> bytes:
    length, start = _length(der)
    return der[start + length :]
