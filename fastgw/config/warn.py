"""What a configuration can be used with, but is hardly meant: warnings, beside the problems of ``check``."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from fastgw.config.admin import AdminAddress
from fastgw.config.balance import PREFIX
from fastgw.config.bound import ListenerTls
from fastgw.config.by_name import found_services
from fastgw.config.chains import named
from fastgw.config.grpc_rules import warn_grpc
from fastgw.config.models import ModelEntry
from fastgw.config.mqtt_rules import warn_brokers
from fastgw.config.schema import Configuration
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded, shown
from fastgw.config.version_rules import parts
from fastgw.config.vocabulary import durations
from fastgw.core.settings import AUTO, Address

SOON: Final = 30 * 86400  #: seconds before a certificate expires
LONGEST_BARE: Final = 3600  #: seconds that a duration without a unit may have and be believed

_COLON_NAME: Final = re.compile(r"(?<=/):([A-Za-z_]\w*)(?=/|$)")
_REGULAR_EXPRESSION: Final = re.compile(r"\.[*+]|\(.*\)|\[.*\]|\$$|\\\\")

#: host names, name servers to ask -> the reasons why some of the names have no address
Resolve = Callable[[Sequence[str], Sequence[str]], Mapping[str, str]]


def warn(document: Document, config: Configuration, now: float, resolve: Resolve | None) -> None:
    """Note in ``document.warnings`` what an operator should look at.

    ``now``: seconds since 1970.  ``resolve``: asked for all host names at once; None: nobody asks.
    """
    _certificates(document, config, now)
    _unused(document, config)
    _admin(document, config.admin)
    _paths(document, config)
    _preflights(document, config)
    _certificates_asked(document, config)
    _faults(document, config)
    warn_grpc(document, config)
    _protocols(document, config)
    warn_brokers(document, config)
    _pickers(document, config)
    _credentials(document, config)
    for path, value in durations(document.tree):
        if re.fullmatch(r"[0-9.]+", value) and float(value) > LONGEST_BARE:
            if isinstance(value, Expanded):
                meant = "has no unit and would be seconds, more than an hour"
            else:
                meant = f"are seconds; write the unit: {value}s, or {value}ms if that is meant"
            document.warn(path, f"{shown(value)} {meant}")
    if resolve is not None:
        _names(document, config, resolve)


def _admin(document: Document, admin: AdminAddress | None) -> None:
    """An admin address that others reach, and that asks nobody who he is, or says so in clear."""
    if admin is None or is_unsound(admin.address, admin.token, admin.token_file, admin.tls) or is_local(admin.address):
        return
    has_token = admin.token is not None or admin.token_file is not None
    if not has_token and (admin.tls is None or admin.tls.client_auth != "required"):
        said = "can be reached from elsewhere, and whoever reaches it may read without a password: give it a token_file"
    elif has_token and admin.tls is None:
        said = "can be reached from elsewhere, and its token passes in clear: give it tls"
    else:
        return
    document.warn(("admin", "address"), f"{admin.address} {said}")


def _paths(document: Document, config: Configuration) -> None:
    """Paths in the language of other programs, which are literal text here."""
    for place, route in enumerate(config.routes):
        if is_unsound(route.path):
            continue
        name = _COLON_NAME.search(route.path)
        if name is not None:
            document.warn(("routes", place, "path"), f"{name[0]!r} is taken literally; any segment is {{{name[1]}}}")
        if _REGULAR_EXPRESSION.search(route.path):
            document.warn(("routes", place, "path"), "is taken literally, and not as a regular expression")


def _preflights(document: Document, config: Configuration) -> None:
    """Routes that would answer preflights, and do not get any."""
    for place, route in enumerate(config.routes):
        if is_unsound(route.methods, route.filters) or not route.methods or "OPTIONS" in route.methods:
            continue
        for number, name in enumerate(route.filters):
            if not is_unsound(name) and name in config.filters and config.filters[name].type == "cors":
                said = "preflights are OPTIONS, which is not among the methods of this route; name the filter in a listener"
                document.warn(("routes", place, "filters", number), said)


def _faults(document: Document, config: Configuration) -> None:
    """Faults that are injected, which nobody should forget."""
    chained = frozenset(named(config))
    for name, one in config.filters.items():
        if not is_unsound(one) and one.type == "fault" and name in chained:
            document.warn(("filters", name), "injects faults into requests, which is meant for tests")


def _certificates_asked(document: Document, config: Configuration) -> None:
    """Listeners that ask for no client certificates, and refuse everybody without one."""
    for place, listener in enumerate(config.listeners):
        if is_unsound(listener.tls, listener.filters) or (
            listener.tls is not None and listener.tls.client_auth != "none"
        ):
            continue
        for number, name in enumerate(listener.filters):
            if not is_unsound(name) and name in config.filters and config.filters[name].type == "mtls":
                said = "this listener asks for no client certificates (tls.client_auth), so nobody may pass"
                document.warn(("listeners", place, "filters", number), said)


def _protocols(document: Document, config: Configuration) -> None:
    """A service whose protocol is to be agreed on, where nobody can be asked."""
    for name, service in config.services.items():
        if is_unsound(service, service.protocol, service.tls) or service.protocol != AUTO or service.tls is not None:
            continue
        document.warn(
            ("services", name, "protocol"), "auto is what ALPN chooses, and without tls HTTP/1.1; h2 is HTTP/2"
        )


def _credentials(document: Document, config: Configuration) -> None:
    """Credentials that pass in clear to a service which is elsewhere."""
    for name, service in config.services.items():
        if (
            is_unsound(service, service.credentials, service.tls)
            or service.credentials is None
            or service.tls is not None
        ):
            continue
        for _, part in parts(name, service):
            far = [one for one in part.endpoints if not is_unsound(one, one.address) and not is_local(one.address)]
            if far:
                said = f"pass in clear to {far[0].address}: give the service tls"
                document.warn(("services", name, "credentials"), said)
                break


def is_local(address: Address) -> bool:
    """Can only this machine connect to it?"""
    if address.path or address.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.host).is_loopback
    except ValueError:
        return False


def _certificates(document: Document, config: Configuration, now: float) -> None:
    for path, file in _certificate_files(document, config):
        from fastgw.config.tls import expiry

        end = expiry(file)
        if end is None or end - now > SOON:
            continue
        when = time.strftime("%Y-%m-%d", time.gmtime(end))
        if end <= now:
            document.warn(path, f"the certificate in {file} expired on {when}")
        else:
            days = int(end - now) // 86400
            document.warn(path, f"the certificate in {file} expires on {when}, in {days} day{'' if days == 1 else 's'}")


def _certificate_files(document: Document, config: Configuration) -> Iterator[tuple[TreePath, str]]:
    speaking: list[tuple[TreePath, ListenerTls | None]] = [
        (("listeners", place, "tls"), one.tls) for place, one in enumerate(config.listeners)
    ]
    if config.admin is not None:
        speaking.append((("admin", "tls"), config.admin.tls))
    for where, tls in speaking:
        if tls is None:
            continue
        is_short = document.at((*where, "certificates")) is None
        for number, one in enumerate(tls.certificates):
            if one.cert:
                yield (*where, "cert") if is_short else (*where, "certificates", number, "cert"), one.cert
    for name, service in config.services.items():
        if service.tls is not None and service.tls.cert:
            yield ("services", name, "tls", "cert"), service.tls.cert


def _unused(document: Document, config: Configuration) -> None:
    """Services and filters that nothing names; not told while one of those who could name them has a mistake."""
    wrong = {problem.path.partition("[")[0] for problem in document.problems}
    if "routes" in wrong or any(one.startswith("models") for one in wrong):
        return
    models = _led_to(config)
    for name in config.models:
        if name not in models:
            document.warn(("models", name), "no route leads to this model")
    served = {route.service for route in config.routes} | {
        one.service for route in config.routes for one in route.split
    }
    served |= {name for route in config.routes for name in found_services(route, config)}
    served |= {route.mirror.service for route in config.routes if route.mirror is not None}
    served |= {step.service for one in config.services.values() for step in one.fallback}
    led = {config.models[name].service for name in models}
    served |= led | {one.service for name in models for one in config.models[name].split}
    for name, service in config.services.items():
        if name not in served and not service.register_as:
            document.warn(("services", name), "no route leads to this service")
        elif service.balance == PREFIX and not any(_has(config.models[one], name) for one in models):
            document.warn(
                ("services", name, "balance"), f"{PREFIX} is as least_request: no model leads to this service"
            )
    if wrong & {"listeners", "chain"}:
        return
    chained = frozenset(named(config))
    for name in config.filters:
        if name not in chained:
            document.warn(("filters", name), "this filter is in no chain")


def _pickers(document: Document, config: Configuration) -> None:
    """Endpoint pickers that nobody can be: no peer is trusted, and no filter could say it."""
    if any(is_unsound(one) or is_unsound(one.trusted_proxies) or one.trusted_proxies for one in config.listeners):
        return
    if any(name in config.filters for name in named(config)):
        return
    for name, service in config.services.items():
        if not is_unsound(service) and service.endpoint_picker is True:
            reason = "has no effect: no listener has trusted_proxies, and there is no filter that could pick"
            document.warn(("services", name, "endpoint_picker"), reason)


def _has(model: ModelEntry, service: str) -> bool:
    return service == model.service or any(one.service == service for one in model.split)


def _led_to(config: Configuration) -> set[str]:
    """The models that requests may come to: those of routes, what these are other names of, and what stands in for them."""
    routes = [route.models for route in config.routes if route.models is not None]
    waiting = [name for one in routes for name in one.only or config.models]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            entry = config.models[name]
            waiting += [*entry.fallback, *([entry.alias_of] if entry.alias_of is not None else [])]
    return found


def _names(document: Document, config: Configuration, resolve: Resolve) -> None:
    places: dict[str, list[TreePath]] = {}
    for path, address in _addresses(config):
        if address.host and not _is_number(address.host):
            places.setdefault(address.host, []).append(path)
    for name, reason in resolve(list(places), list(config.resolver.servers)).items() if places else ():
        for path in places[name]:
            document.warn(path, f"the name {name!r} {reason}")


def _addresses(config: Configuration) -> Iterator[tuple[TreePath, Address]]:
    if config.admin is not None:
        yield ("admin", "address"), config.admin.address
    for place, listener in enumerate(config.listeners):
        yield ("listeners", place, "address"), listener.address
    for name, service in config.services.items():
        for where, part in parts(name, service):
            for place, endpoint in enumerate(part.endpoints):
                yield (*where, "endpoints", place), endpoint.address


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
