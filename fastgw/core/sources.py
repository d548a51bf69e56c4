"""What the sources of members are told (``fastgw.discovery``); seconds.

Beside ``core.settings`` because no worker needs it, and there because configuration and discovery do not know each other.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_CONSUL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}").fullmatch


class ClientTls(NamedTuple):
    """How a registry is asked with TLS: files in PEM."""

    ca: str = ""  #: of the authorities that are trusted; empty: the system's
    cert: str = ""  #: shown to it; empty: none
    key: str = ""
    server_name: str = ""  #: that it must have a certificate for; empty: its host


class RegistryUrl(NamedTuple):
    """Where a registry is asked, by HTTP."""

    is_tls: bool
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.is_tls else ''}://{host}:{self.port}"


class EtcdSettings(NamedTuple):
    """Members as keys of etcd: ``PREFIX/ADDRESS``."""

    endpoints: tuple[RegistryUrl, ...]  #: the first that answers is asked
    prefix: str  #: of the keys, without the slash before the address
    user: str = ""
    password: str = ""
    tls: ClientTls = ClientTls()
    timeout: float = 5.0  #: of one question; of a watch: between two signs of life


class ConsulSettings(NamedTuple):
    """The passing instances of a service of Consul."""

    endpoint: RegistryUrl  #: an agent
    service: str
    tags: tuple[str, ...] = ()  #: that an instance must have, all of them
    datacenter: str = ""
    namespace: str = ""  #: of Consul Enterprise
    filter: str = ""  #: an expression that instances must meet, as Consul has them
    token: str = ""
    tls: ClientTls = ClientTls()
    wait: float = 300.0  #: of a blocking query
    timeout: float = 10.0  #: beyond it


class DnsSettings(NamedTuple):
    """The addresses of a name."""

    name: str
    port: int = 0  #: 0: the name has SRV records, which say it
    family: str = ""  #: "ipv4", "ipv6"; empty: both
    servers: tuple[str, ...] = ()  #: ``address:port``; empty: those of ``/etc/resolv.conf``
    timeout: float = 5.0
    min_interval: float = 1.0  #: between two look-ups, whatever the time to live says
    max_interval: float = 300.0


class FileSettings(NamedTuple):
    """Members as a list in a file, YAML or JSON."""

    path: str
    interval: float = 1.0  #: between two looks at it


class KubernetesSettings(NamedTuple):
    """The EndpointSlices of a Service of Kubernetes."""

    service: str
    namespace: str  #: empty: that of the service account
    port: str = ""  #: name or number; empty: the only one
    endpoint: RegistryUrl = RegistryUrl(True, "", 0)  #: the API server; no host: as a pod finds it
    token_file: str = ""  #: empty: that of the service account, which is read again as it rotates
    ca: str = ""  #: likewise
    timeout: float = 10.0


def is_consul_name(name: str) -> bool:
    """Can metadata in Consul have that name?  Letters, digits, ``-`` and ``_``; its own begin with ``consul-``."""
    return _CONSUL_NAME(name) is not None and not name.startswith("consul-")


class AgentSettings(NamedTuple):
    """How an agent of Consul is told of services; seconds."""

    endpoint: RegistryUrl
    token: str = ""
    tags: tuple[str, ...] = ()  #: of all services that are registered
    tls: ClientTls = ClientTls()
    timeout: float = 3.0  #: for one question
    deregister_after: float = 60.0  #: that a service may be critical


class RegisteredListener(NamedTuple):
    """A listener that is a member of a service."""

    listener: str  #: its name
    service: str
    host: str  #: IP address by which it is reached; empty: where it is bound
    port: int  #: 0: where it is bound
    weight: int = 1
    zone: str = ""
    metadata: tuple[tuple[str, str], ...] = ()  #: sorted; ``version`` is one of the names


class RegistrationSettings(NamedTuple):
    """Where the gateway registers, and what, beside members of services (``ServiceSpec.register_as``); seconds."""

    etcd: EtcdSettings | None
    consul: AgentSettings | None
    listeners: tuple[RegisteredListener, ...]
    ttl: float = 10.0
    drain: float = 1.0  #: from being out to the end of the listeners


SourceSettings = EtcdSettings | ConsulSettings | DnsSettings | FileSettings | KubernetesSettings


class BeliefSettings(NamedTuple):
    """When a listing is believed (``discovery.keeping``)."""

    empty: str = "keep"  #: "keep": an empty listing after a full one changes nothing; "believe": then nobody is left
    min_share: float = 0.0  #: of the members before, that a listing must leave to be believed at once, 0 to 1
    patience: float = 30.0  #: after which it is believed anyway, if it still says so; not an empty one with "keep"
    gather: float = 0.1  #: changes that come within it are one


class DiscoverySettings(NamedTuple):
    """Where the members of one service are listed."""

    sources: tuple[SourceSettings, ...]  #: of two that list one address the first says what it is
    where: tuple[tuple[str, str], ...] = ()  #: metadata that a member must have
    belief: BeliefSettings = BeliefSettings()
