"""What is wrong between ``grpc`` of a route and its other keys, and what is hardly meant between that and others."""

from __future__ import annotations

from fastgw.config.by_name import named_services
from fastgw.config.listener_rules import spoken
from fastgw.config.schema import Configuration, Listener, Route
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_unsound


def check_grpc(document: Document, where: TreePath, route: Route) -> None:
    """Report what cannot work together."""
    grpc = route.grpc
    if grpc is None or is_unsound(grpc, grpc.service, grpc.method):
        return
    if grpc.service and document.at((*where, "path")) is not None:
        document.report(
            (*where, "path"), "stands beside grpc.service, which says the path; give one of them", at_key=True
        )
    if grpc.method and not grpc.service:
        document.report((*where, "grpc", "method"), "has no effect without service", at_key=True)
    if grpc.service and not is_unsound(route.methods) and "POST" not in route.methods:
        document.report((*where, "methods"), "calls of gRPC are POST, which is not among them")
    for key in ("reply", "redirect", "files", "adapter"):
        if getattr(route, key) and not is_unsound(getattr(route, key)):
            document.report((*where, key), "is no answer to a call of gRPC", at_key=True)


def check_calls_made(document: Document, where: TreePath, route: Route, *, is_copied: bool) -> None:
    """Report what cannot work with a transformer that makes calls of gRPC of other requests.

    ``is_copied``: there is a mirror or a shadow."""
    if not _makes_calls(route):
        return
    if is_copied:
        said = "makes calls of what clients send, and a mirror or a shadow has that as it came: it would get no calls"
        document.report((*where, "transformers"), said, at_key=True)
    if route.cache is not None:
        said = "has no effect: requests become calls of gRPC here, which are POST"
        document.report((*where, "cache"), said, at_key=True)


def warn_grpc(document: Document, config: Configuration) -> None:
    """Note where no call can get through, as somebody on the way speaks HTTP/1.1."""
    for place, route in enumerate(config.routes):
        if is_unsound(route.grpc, route.service, route.split, route.among):
            continue
        key = "grpc" if route.grpc is not None else "transformers" if _makes_calls(route) else ""
        if not key:
            continue
        names = {route.service, *named_services(route, config), *(share.service for share in route.split)}
        for name in sorted(one for one in names if isinstance(one, str)):
            service = config.services.get(name)
            if service is None or is_unsound(service, service.protocol) or service.protocol != "http/1.1":
                continue
            if service.endpoints or service.discovery is not None or service.versions:
                said = (
                    f"calls of gRPC need HTTP/2, and the service {name!r} is asked over HTTP/1.1; give it protocol: h2"
                )
                document.warn(("routes", place, key), said)
        if route.grpc is not None and not _makes_calls(route) and not _is_reached(config):
            said = "calls of gRPC need HTTP/2, which no listener speaks; give one protocols: [http/1.1, h2]"
            document.warn(("routes", place, "grpc"), said)


def _makes_calls(route: Route) -> bool:
    """Whether a transformer makes calls of gRPC of what comes."""
    found = getattr(route.transformers, "input", ())
    return not is_unsound(found) and any(
        not is_unsound(one) and "application/grpc" in getattr(one, "makes", ()) for one in found
    )


def _is_reached(config: Configuration) -> bool:
    """Whether some listener speaks HTTP/2, or is not known not to, or a filter makes calls of what comes over HTTP/1.1."""
    makes_calls = any(not is_unsound(one) and one.type == "grpc_web" for one in config.filters.values())
    chains = [*(one.filters for one in config.listeners), *(one.filters for one in config.routes), config.chain]
    is_named = any(is_unsound(one) or "grpc_web" in one for one in chains)
    return makes_calls or is_named or any(_speaks_http2(one) for one in config.listeners)


def _speaks_http2(listener: Listener) -> bool:
    return is_unsound(listener, listener.protocols, listener.tls) or "h2" in spoken(listener)["protocols"]
