"""Where a listener, or the admin address, is bound, who may connect there, and how it speaks TLS: that part of a ``GatewaySpec``.

Tuples with names for the reason that ``spec`` gives.
"""

from typing import NamedTuple

from fastgw.core.settings import Address


class AccessSpec(NamedTuple):
    """Who may connect to a unix socket."""

    mode: int = -1  #: permissions; -1: what the umask leaves
    user: int = -1  #: ids of the owner; -1: those of the process
    group: int = -1


AS_CREATED = AccessSpec()


class BindSpec(NamedTuple):
    """Where a listener, or the admin address, is bound."""

    address: Address  #: as it is written
    places: tuple[Address, ...]  #: what that is on this host: no name is left; empty: the name has no address
    access: AccessSpec = AS_CREATED

    def key(self, place: Address) -> str:
        """Name of the sockets at ``place``: equal keys are the same sockets, kept over a reload."""
        return str(place) if self.access == AS_CREATED else f"{place} {self.access}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The key of each place."""
        return tuple(self.key(place) for place in self.places)


class CertificateSpec(NamedTuple):
    """A certificate chain and its key, as files in PEM."""

    cert: str
    key: str
    names: tuple[str, ...] = ()  #: DNS names it is good for; filled when a listener has several, for the choice by SNI
    ends: float = (
        0.0  #: when it stops being valid, seconds since 1970, as the file was when it was read; 0: it does not say
    )


class TlsSpec(NamedTuple):
    """How a listener speaks TLS.  The first certificate is the one for clients that name no known server."""

    certificates: tuple[CertificateSpec, ...]
    client_auth: str  #: "none", "optional" or "required"
    client_ca: str  #: file of the authorities client certificates are checked against, or ""
    min_version: str  #: "1.2" or "1.3"
