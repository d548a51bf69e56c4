"""What is wrong between clients of MQTT, the routes they come by, and the brokers behind: each needs the others."""

from __future__ import annotations

from collections.abc import Iterator

from fastgw.config.by_name import named_services
from fastgw.config.filters import BUILT_IN_FILTERS
from fastgw.config.schema import Configuration, Route, Service
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound
from fastgw.core.settings import MQTT

_TYPE = "mqtt"  #: of the filter


def check_mqtt_route(document: Document, config: Configuration, where: TreePath, route: Route) -> None:
    """Report a route to a broker that reads no MQTT, or one that reads it and leads elsewhere."""
    chains = [config.chain, route.filters, *(one.filters for one in config.listeners if not is_unsound(one))]
    if is_unsound(config.filters, config.services, route.service, route.split, *chains):
        return
    names = [*_services(config, route)]
    brokers = [name for name in names if _is_broker(config.services.get(name))]
    if brokers and not any(_is_reader(config, name) for chain in chains for name in chain):
        said = f"{brokers[0]!r} is a broker of MQTT, which needs a filter of type mqtt in the chain"
        document.report((*where, "filters"), said)
    others = [name for name in names if name in config.services and name not in brokers]
    read = [place for place, name in enumerate(route.filters) if _is_reader(config, name, otherwise=False)]
    if read and (others or not names):
        whither = f"{others[0]!r} is none" if others else "this route leads to none"
        document.report(
            (*where, "filters", read[0]), f"lets clients through to brokers (protocol: mqtt), and {whither}"
        )


def _services(config: Configuration, route: Route) -> Iterator[str]:
    """The services that a route may lead to."""
    if route.service is not None and not route.parameter:
        yield route.service
    yield from (share.service for share in route.split if not is_unsound(share, share.service))
    yield from named_services(route, config)


def _is_broker(service: Service | None) -> bool:
    return service is not None and not is_unsound(service, service.protocol) and service.protocol == MQTT


def _is_reader(config: Configuration, name: str, *, otherwise: bool = True) -> bool:
    """Whether the filter of this name reads MQTT; ``otherwise``: of one that nobody knows."""
    one = config.filters.get(name)
    if one is None:
        return name == _TYPE and name in BUILT_IN_FILTERS
    return otherwise if is_unsound(one) else one.type == _TYPE


def check_broker(document: Document, where: TreePath, service: Service) -> None:
    """Report what is of HTTP alone in a service that is a broker."""
    if service.protocol != MQTT:
        return
    health = service.health
    if health is not None and not is_unsound(health, health.type) and health.type != "tcp":
        said = f"{health.type} probes speak HTTP, and a broker of MQTT does not; give type: tcp"
        document.report((*where, "health", "type"), said)
    for key, value in (("hedge", service.hedge), ("dialect", service.dialect), ("model_lists", service.model_lists)):
        if value is not None and not is_unsound(value):
            document.report((*where, key), "has no effect with protocol: mqtt", at_key=True)


def warn_brokers(document: Document, config: Configuration) -> None:
    """Note brokers that few clients can have a connection to."""
    for name, service in config.services.items():
        if _is_broker(service) and document.at(("services", name, "pool", "max_connections")) is None:
            most = service.pool.max_connections
            said = f"a broker has a connection for each client, and {most} are the most here; say pool.max_connections"
            document.warn(("services", name, "protocol"), said)
