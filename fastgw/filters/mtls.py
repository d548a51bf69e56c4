"""``mtls``: whose certificate says the right thing may pass.

That the certificate is one of an authority we trust, and that the client has its key, is the business of the listener's TLS
(``tls.client_auth``).  What it says is read once for each certificate, not for each request.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.errors import DownstreamError
from fastgw.filters.credentials import NOTHING, edit
from fastgw.wire.fields import LINE_BYTES
from fastgw.wire.subject import distinguished_name

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE: Final = "mtls"  #: the note that says who it is
MOST_KNOWN: Final = 1024  #: certificates that a worker remembers

_DENIED = counters.ROUTE_DENIED + DENIERS.index("mtls")


class ClientCertificate(NamedTuple):
    """What a certificate says; each of it may be there more than once, but the fingerprint."""

    cn: tuple[str, ...]
    ou: tuple[str, ...]
    dns: tuple[str, ...]  #: in lower case
    uri: tuple[str, ...]
    fingerprint: tuple[str, ...]  #: SHA-256 of all of it, in hexadecimal digits
    subject: tuple[str, ...]  #: as a name of RFC 4514
    until: float  #: seconds since 1970


def read(data: bytes, said: Mapping[str, Any]) -> ClientCertificate:
    """What there is in a certificate; ``data``: all of it, in DER; ``said``: the same as the standard library tells it."""
    subject = said.get("subject", ())
    names = said.get("subjectAltName", ())

    def of_subject(kind: str) -> tuple[str, ...]:
        return tuple(value for one in reversed(subject) for found, value in one if found == kind)

    def of_names(kind: str) -> tuple[str, ...]:
        return tuple(value for found, value in names if found == kind)

    return ClientCertificate(
        of_subject("commonName"),
        of_subject("organizationalUnitName"),
        tuple(one.lower() for one in of_names("DNS")),
        of_names("URI"),
        (sha256(data).hexdigest(),),
        (distinguished_name(subject).decode(),) if subject else (),
        ssl.cert_time_to_seconds(said["notAfter"]),
    )


class _Rule:
    """What a certificate must say: one of the values of each kind."""

    __slots__ = ("_wanted",)

    def __init__(self, options: Mapping[str, Sequence[str]]) -> None:
        self._wanted = [(kind, tuple(values)) for kind, values in options.items() if values]

    def fits(self, certificate: ClientCertificate) -> bool:
        """Whether it does."""
        return all(
            any(_is_like(value, pattern) for value in getattr(certificate, kind) for pattern in patterns)
            for kind, patterns in self._wanted
        )


def _is_like(value: str, pattern: str) -> bool:
    """``*.example`` is any name below it, ``spiffe://a/*`` whatever begins so, all else itself."""
    if pattern.startswith("*."):
        return value.endswith(pattern[1:]) and len(value) > len(pattern) - 1
    if pattern.endswith("/*"):
        return value.startswith(pattern[:-1])
    return value == pattern


class _Verdict(NamedTuple):
    """What became of a certificate."""

    until: float
    identity: str
    lines: tuple[tuple[bytes, bytes], ...]
    problem: str  #: empty: it is right


class Mtls:
    """The filter."""

    __slots__ = ("_fields", "_header", "_identity", "_known", "_rules", "_wall", "name")

    logged = (NOTE,)

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``rules``, each the pairs of what is wanted, none: every certificate; ``identity``: what of it says who it is;
        ``header``, a field or empty.  ``wall``: seconds since 1970.
        """
        self.name = name
        self._rules = [_Rule(dict(one)) for one in options["rules"]]
        self._identity: str = options["identity"]
        self._header: bytes = options["header"].encode()
        self._fields = frozenset((self._header,)) if self._header else frozenset()
        self._known: dict[bytes, _Verdict] = {}  #: by the certificate
        self._wall = wall

    def request(self, exchange: Exchange) -> None:
        """Let it through, or refuse it."""
        tls = exchange.client.transport.get_extra_info("ssl_object")
        data = tls.getpeercert(True) if tls is not None else None
        if not data:
            self._count_refused(exchange)
            raise DownstreamError(403, "no_certificate", "a client certificate is needed here")
        verdict = self._known.get(data)
        if verdict is None:
            verdict = self._judged(data, tls.getpeercert())
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[data] = verdict
        if verdict.identity:
            exchange.note(NOTE, verdict.identity)
        problem = verdict.problem
        if not problem and self._wall() >= verdict.until:
            problem = "it has expired since the connection began"
        if problem:
            self._count_refused(exchange)
            detail = "this client certificate may not come here"
            reason = f"{detail}: {problem}, says the filter {self.name!r}"
            raise DownstreamError(403, "certificate_denied", detail, reason=reason)
        edit(exchange.request, NOTHING, self._fields, verdict.lines)

    def _judged(self, data: bytes, said: Mapping[str, Any] | None) -> _Verdict:
        if not said:  # the listener has asked nobody whether it may be believed
            return _Verdict(0.0, "", (), "it has not been verified")
        certificate = read(data, said)
        identity = next(iter(getattr(certificate, self._identity)), "")
        problem = ""
        if self._rules and not any(one.fits(certificate) for one in self._rules):
            problem = "no rule has it"
        value = identity.encode("utf-8", "replace")
        if self._header and (value.translate(None, LINE_BYTES) or value != value.strip(b" \t")):
            problem = f"its {self._identity} cannot be told in a header field"
        lines = ((self._header, value),) if self._header and value else ()
        return _Verdict(certificate.until, identity, lines, problem)

    def _count_refused(self, exchange: Exchange) -> None:
        exchange.plane.values[exchange.route.base + _DENIED] += 1
