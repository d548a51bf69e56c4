"""What the file says of the gateway as a member of services itself, and of members that it registers for others.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import ipaddress
import re
from typing import Annotated, Final

from fastgw.config.balance import Zone
from fastgw.config.credentials import read_secret
from fastgw.config.discovery import ConsulUrl, InEtcd, KeyPrefix, RegistryTls, Secret, Word, check_secret, warn_of
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.subset import Metadata
from fastgw.config.types import Duration, Name, Parsed, PositiveDuration, ReadFile, count
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.settings import Address
from fastgw.core.sources import AgentSettings, RegisteredListener, RegistrationSettings

WEIGHT_MOST: Final = 65_535
CRITICAL_LEAST: Final = 60.0  #: seconds, of Consul itself

_SERVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}").fullmatch


def _service(value: object) -> str:
    found = str(scalar(value, "the name of a service"))
    if not _SERVICE(found):
        raise ValueError(
            f"expected the name of a service: letters, digits, and '.', '-', '_', '@' inside it, got {shown(value)}"
        )
    return found


def _advertised(value: object) -> Address:
    """An IP address, with a port or without (0)."""
    found = str(scalar(value, "an address"))
    host, port = found, 0
    if match := re.fullmatch(r"\[([^\]]*)\](?::([0-9]{1,5}))?|([0-9.]+):([0-9]{1,5})", found):
        host, port = match[1] or match[3] or "", int(match[2] or match[4] or 0)
        if (match[2] or match[4]) and not 0 < port < 65_536:
            raise ValueError(f"expected a port from 1 to 65535, got {shown(value)}")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        what = "an IP address, such as 10.0.0.5, 10.0.0.5:8443 or [2001:db8::5]:8443"
        raise ValueError(f"expected {what}, got {shown(value)}") from None
    if ip.is_unspecified or ip.is_multicast or getattr(ip, "scope_id", None):
        raise ValueError(f"expected an address that others reach, got {shown(value)}")
    return Address(str(ip), port)


RegisteredService = Annotated[str, Parsed(_service, type="string")]
AdvertisedAddress = Annotated[Address, Parsed(_advertised, type="string", examples=["10.0.0.5", "10.0.0.5:8443"])]


class ToEtcd(InEtcd):
    """As keys PREFIX/SERVICE/ADDRESS of etcd (v3)."""

    prefix: KeyPrefix = setting("/services", "Of the keys: PREFIX/SERVICE/ADDRESS.")


class ToConsul(Model):
    """As services of an agent of Consul, each with a TTL check."""

    endpoint: ConsulUrl = setting("http://127.0.0.1:8500", "The agent.")
    tags: list[Word] = setting([], "Tags of all services that are registered.")
    token: Secret | None = setting(None, "An ACL token that may write the services.")
    token_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    tls: RegistryTls = setting({}, "Of an https endpoint.")
    timeout: PositiveDuration = setting("3s", "It must answer within this.")
    deregister_after: PositiveDuration = setting(
        "1m", "How long a service that nobody renews stays there without passing; at least 1m."
    )

    def settings(self) -> AgentSettings:
        """As it is used."""
        token = read_secret(self.token_file) if self.token_file is not None else self.token or ""
        tags = tuple(dict.fromkeys(self.tags))
        return AgentSettings(self.endpoint, token, tags, self.tls.settings(), self.timeout, self.deregister_after)

    def check(self, document: Document, where: TreePath) -> None:
        """It can be asked."""
        if not is_unsound(self.endpoint):
            warn_of(document, (*where, "endpoint"), self.endpoint)
        self.tls.check(document, (*where, "tls"))
        check_secret(document, where, "token", self.token, self.token_file)
        if not is_unsound(self.deregister_after) and self.deregister_after < CRITICAL_LEAST:
            document.report(
                (*where, "deregister_after"), f"expected at least {CRITICAL_LEAST:g}s: Consul knows no less"
            )


class ListenerRegistration(Model):
    """A listener of this gateway, as a member of a service."""

    listener: Name = setting(..., "Its name.")
    service: RegisteredService = setting(..., "The service that it is a member of.")
    address: AdvertisedAddress | None = setting(
        None, "By which others reach it; without a port, that of the listener. Default: where the listener is bound."
    )
    weight: Annotated[int, count(1, WEIGHT_MOST)] = setting(1, "Its share of the requests.")
    zone: Zone | None = setting(None, "Where it is. Default: the zone of this gateway.")
    version: Annotated[str, Parsed(_service, type="string")] | None = setting(None, "Which version it is.")
    metadata: Metadata = setting({}, "What it is, in words of your own.")

    @classmethod
    def as_settings(cls, one: "ListenerRegistration", zone: str) -> RegisteredListener:
        """As it is used; ``zone``: of the gateway."""
        version = {"version": one.version} if one.version else {}
        metadata = tuple(sorted({**one.metadata, **version}.items()))
        host, port = one.address[:2] if one.address is not None else ("", 0)
        where = one.zone if one.zone is not None else zone
        return RegisteredListener(one.listener, one.service, host, port, one.weight, where, metadata)


class GatewayRegistration(Model):
    """Where this gateway registers itself, and members of services that cannot."""

    etcd: ToEtcd | None = setting(None, "In etcd.")
    consul: ToConsul | None = setting(None, "In Consul.")
    listeners: list[ListenerRegistration] = setting([], "Listeners of this gateway that are members of a service.")
    ttl: PositiveDuration = setting("10s", "How long what is registered outlives a kill -9; at least 2s.")
    drain: Duration = setting("1s", "From being out to the end of the listeners, when the gateway stops.")

    def settings(self, zone: str) -> RegistrationSettings:
        """As it is used; ``zone``: of the gateway."""
        listeners = tuple(ListenerRegistration.as_settings(one, zone) for one in self.listeners)
        etcd, consul = (None if one is None else one.settings() for one in (self.etcd, self.consul))
        return RegistrationSettings(etcd, consul, listeners, self.ttl, self.drain)  # type: ignore[arg-type]
