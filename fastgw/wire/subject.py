"""The name in a client certificate as a header field (RFC 4514), safe to stand in a head whatever the certificate says."""

from __future__ import annotations

from collections.abc import Sequence

#: Subject of a certificate as ``ssl.SSLSocket.getpeercert`` tells it: relative names, each of one or more (type, value).
Subject = Sequence[Sequence[tuple[str, str]]]

SUBJECT_FIELD = b"x-client-cert-subject"
SUBJECT_MAX = 4096  #: bytes of the name as text

_SHORT = {  # RFC 4514 section 3; other types stay as OpenSSL calls them
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_SPECIAL = frozenset(b'"+,;<>\\=')


def subject_fields(certificate: dict[str, object] | None) -> bytes:
    """The field line for a verified certificate, with its CRLF; empty when there is none or its name is not to be passed on.

    A name of more than ``SUBJECT_MAX`` bytes is left out rather than cut: half a name is another name.
    """
    subject = certificate.get("subject") if certificate else None
    if not isinstance(subject, tuple):
        return b""
    text = distinguished_name(subject)
    return SUBJECT_FIELD + b": " + text + b"\r\n" if 0 < len(text) <= SUBJECT_MAX else b""


def distinguished_name(subject: Subject) -> bytes:
    """``CN=Ada,O=Example``: most specific part first (RFC 4514 section 2.1), in printable ASCII only."""
    parts = (
        b"+".join(_SHORT.get(kind, kind).encode("ascii", "replace") + b"=" + _escaped(value) for kind, value in one)
        for one in reversed(subject)
    )
    return b",".join(parts)


def _escaped(value: str) -> bytes:
    """RFC 4514 section 2.4; what is not printable ASCII becomes a pair of hexadecimal digits for each byte of its UTF-8."""
    data = value.encode("utf-8", "surrogatepass")
    out = []
    for place, byte in enumerate(data):
        edge = (byte == 0x20 and place in (0, len(data) - 1)) or (byte == 0x23 and place == 0)
        if byte < 0x20 or byte > 0x7E:
            out.append(b"\\%02X" % byte)
        elif edge or byte in _SPECIAL:
            out.append(b"\\" + bytes((byte,)))
        else:
            out.append(bytes((byte,)))
    return b"".join(out)
