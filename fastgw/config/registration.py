"""What the file says of the gateway as a member of services itself, and of members that it registers for others.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastgw.config.balance import Zone
from fastgw.config.credentials import read_secret
from fastgw.config.discovery import ConsulUrl, InEtcd, KeyPrefix, RegistryTls, Secret, Word, check_secret, warn_of
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.subset import Metadata, check_metadata
from fastgw.config.types import Duration, Name, Parsed, PositiveDuration, ReadFile, count
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.settings import Address
from fastgw.core.sources import AgentSettings, RegisteredListener, RegistrationSettings, is_consul_name

if TYPE_CHECKING:
    from fastgw.config.schema import Configuration, Service, Version

WEIGHT_MOST: Final = 65_535
TTL_LEAST: Final = 2.0  #: seconds
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


def check_registration(document: Document, config: "Configuration") -> None:
    """Report what cannot be registered."""
    found, where = config.registration, ("registration",)
    named = [(name, one) for name, one in config.services.items() if not is_unsound(one) and one.register_as]
    for name, one in named:
        if found is None:
            document.report(("services", name, "register_as"), "needs registration, which says where")
        _check_service(document, ("services", name), one, found)
    if found is None or is_unsound(found):
        return
    for kind in ("etcd", "consul"):
        one = getattr(found, kind)
        if one is not None and not is_unsound(one):
            one.check(document, (*where, kind))
    if found.etcd is None and found.consul is None:
        document.report(where, "names no registry; give etcd or consul")
    if is_missing(found.listeners) and not named:
        document.report(where, "registers nothing; give listeners, or register_as of a service")
    if not is_unsound(found.ttl) and found.ttl < TTL_LEAST:
        document.report((*where, "ttl"), f"expected at least {TTL_LEAST:g}s")
    if not is_unsound(found.listeners):
        _check_listeners(document, config, found, (*where, "listeners"))


def _check_listeners(
    document: Document, config: "Configuration", registration: GatewayRegistration, where: TreePath
) -> None:
    from fastgw.config.listener_rules import listener_name

    known = {listener_name(place, one): one for place, one in enumerate(config.listeners) if not is_unsound(one)}
    taken: dict[tuple[Any, ...], int] = {}
    for place, one in enumerate(registration.listeners):
        here = (*where, place)
        if is_unsound(one, one.listener):
            continue
        check_metadata(document, here, one.metadata)
        if registration.consul is not None and not is_unsound(one.metadata):
            for name in (name for name in one.metadata if not is_consul_name(name)):
                reason = "Consul has no such name: letters, digits, - and _, and its own begin with consul-"
                document.report((*here, "metadata", name), reason)
        listener = known.get(one.listener)
        if listener is None:
            names = ", ".join(map(repr, known))
            document.report((*here, "listener"), f"there is no listener {one.listener!r}; there are {names}")
        elif not is_unsound(listener.address, one.address) and (reason := _unreached(listener.address, one.address)):
            document.report(here, f"the listener {one.listener!r} {reason}")
        key = (one.service, one.listener, one.address)
        if not is_unsound(*key) and (other := taken.setdefault(key, place)) != place:
            document.report(here, f"is the same member as registration.listeners[{other}]")


def _unreached(bound: Address, advertised: Address | None) -> str:
    """Why nobody knows by which address a listener at ``bound`` is reached; empty: it is known."""
    if advertised is not None:
        return "is a unix socket; say the port too" if bound.path and not advertised.port else ""
    if bound.path:
        return "is a unix socket, which others do not reach; say address"
    if bound.is_name:
        return f"is bound to the addresses of a name ({bound.host}); say address, by which others reach it"
    if ipaddress.ip_address(bound.host).is_unspecified:
        return f"takes every address of this host ({bound.host}); say address, by which others reach it, such as ${{POD_IP}}"
    return ""


def _check_service(
    document: Document, where: TreePath, service: "Service", registration: GatewayRegistration | None
) -> None:
    if service.health is None:
        document.report((*where, "register_as"), "needs health: only endpoints that answer are registered")
    for part in _parts(service):
        for one in () if is_unsound(part.endpoints) else part.endpoints:
            if not is_unsound(one) and not is_unsound(one.address) and one.address.path:
                document.report((*where, "register_as"), f"{one.address} is a unix socket, which others do not reach")
        found = part.discovery
        if found is None or is_unsound(found) or registration is None or is_unsound(registration):
            continue
        into, out_of = registration.etcd, found.etcd
        is_same = into is not None and out_of is not None and not is_unsound(into, out_of, into.prefix, out_of.prefix)
        is_circle = is_same and out_of.prefix == f"{into.prefix}/{service.register_as}"  # type: ignore[union-attr]
        if found.consul is not None and registration.consul is not None and not is_unsound(found.consul):
            is_circle = is_circle or found.consul.service == service.register_as
        if is_circle:
            document.report((*where, "register_as"), "is where its members come from: they would keep each other there")


def _parts(service: "Service") -> "Iterator[Service | Version]":
    yield service
    if not is_unsound(service.versions):
        yield from (one for one in service.versions.values() if not is_unsound(one))
