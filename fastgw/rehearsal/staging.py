"""A configuration as it can be tried on recorded requests: with filters whose decisions follow from the request, and services that only
say that they were asked.

Left out is whatever would decide by what no record has (credentials, the address of the client), by what others ask for, or by asking
somebody; code of others, which might do anything; and what writes or sends.  That such a thing is met, or is another, is told all the same
(``rehearsal.treatment``).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastgw.config.chains import links
from fastgw.config.spec import EndpointSpec, FilterSpec, GatewaySpec, ListenerSpec, RouteSpec, ServiceSpec
from fastgw.core.settings import HTTP1, Address, BackoffSettings, FilterSettings, ReplySettings, RetrySettings
from fastgw.rehearsal.captures import RecordedRequest

WITNESS: Final = "rehearsal"  #: name of the filter that sees how an exchange ends
_ORIGIN: Final = frozenset({"origin", "access-control-request-method", "access-control-request-headers"})
#: Filters that are tried, by what makes them; and the fields that each decides by.
TRIED: Final = {
    "fastgw.filters.cors:Cors": _ORIGIN,
    "fastgw.filters.guardrails:Guardrails": frozenset({"content-encoding", "content-type"}),
    "fastgw.filters.headers:Headers": frozenset[str](),
    "fastgw.filters.redirect:SchemeRedirect": frozenset[str](),
    "fastgw.filters.rewrite:Rewrite": frozenset[str](),
}
_READS: Final = frozenset({"fastgw.filters.guardrails:Guardrails"})  #: of those, who reads bodies
_BY_SCHEME: Final = "fastgw.filters.redirect:SchemeRedirect"
#: Transformers that are tried; where a route has others none of its is.
TRANSFORMING: Final = frozenset(
    {
        "fastgw.transformers.grpc_json_transcoder:GrpcJsonTranscoder",
        "fastgw.transformers.json_bbox_formatter:JsonBboxFormatter",
        "fastgw.transformers.json_select:JsonSelect",
        "fastgw.transformers.json_template:JsonTemplate",
    }
)
_ONCE: Final = RetrySettings(1, (), (), 0, 0.0, BackoffSettings(0.0, 0.0), 0.0, None, ())
_ANSWERED: Final = ReplySettings(200, b"", "", ())
_PLAIN_FILTER: Final = FilterSettings("closed", 10.0)


def staged(spec: GatewaySpec, witness: object) -> GatewaySpec:
    """``spec`` as it is tried; ``witness``: a filter that is the outermost of each chain."""
    known = {one.name for one in spec.filters if one.made_by in TRIED}

    def tried(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in known)

    seeing = FilterSpec(WITNESS, "fastgw.rehearsal.stage:given", (("filter", witness),), _PLAIN_FILTER, "")
    listeners = [
        one._replace(before_routing=tried(one.before_routing), filters=tried(one.filters)) for one in spec.listeners
    ]
    routes = [_route(one)._replace(filters=tried(one.filters)) for one in spec.routes]
    return spec._replace(
        telemetry=None,
        registration=None,
        chain=(WITNESS, *tried(spec.chain)),
        listeners=tuple(listeners),
        routes=tuple(routes),
        services=tuple(_service(place, one) for place, one in enumerate(spec.services)),
        versioned=tuple(one._replace(shadow=None, rollout=None) for one in spec.versioned),
        filters=(seeing, *(one for one in spec.filters if one.name in known)),
        key_sets=(),
        redis=(),
        mqtt=(),
    )


def _route(spec: RouteSpec) -> RouteSpec:
    is_local = spec.files is not None or spec.adapter is not None
    return spec._replace(
        reply=_ANSWERED if is_local else spec.reply,
        files=None,
        adapter=None,
        mirror=None,
        cache=None,
        websocket=None,
        transformers=transforming(spec),
    )


def transforming(route: RouteSpec) -> tuple[FilterSpec, ...]:
    """The transformers of ``route`` that are tried."""
    return route.transformers if all(one.made_by in TRANSFORMING for one in route.transformers) else ()


def _service(place: int, spec: ServiceSpec) -> ServiceSpec:
    """One member, which is there, and nobody to choose, probe, or spare it."""
    address = Address("127.0.0.1", place % 60_000 + 1)
    return spec._replace(
        endpoints=(EndpointSpec(address, 1),),
        balance="round_robin",
        hash=None,
        prefix=None,
        affinity=None,
        engine=None,
        model_lists=None,
        check_answers=False,
        endpoint_picker=False,
        subset=None,
        admission=None,
        tls=None,
        protocol=HTTP1,
        fallback=(),
        inside=None,
        health=None,
        settings=spec.settings._replace(
            retry=_ONCE, ejection=None, breaker=None, hedge=None, streams=None, credentials=None, websocket=None
        ),
        dialect=None,
        discovery=None,
        listed=None,
    )


class Need(NamedTuple):
    """What one thing that is tried has to know of a request."""

    who: str
    fields: frozenset[str]
    body: bool
    scheme: bool


def needs(spec: GatewaySpec, listener: ListenerSpec, route: RouteSpec | None) -> tuple[Need, ...]:
    """Of everything that is tried on a request which comes this way."""
    filters = {one.name: one for one in spec.filters}
    found = []
    for link in links(spec, listener, route):
        made_by = filters[link.name].made_by
        if made_by in TRIED:
            found.append(Need(f"filter {link.name}", TRIED[made_by], made_by in _READS, scheme=made_by == _BY_SCHEME))
    if route is not None and (transforming(route) or route.models):
        who = "transformers" if route.transformers else "models"
        found.append(Need(f"{who} of route {route.name}", frozenset({"content-type"}), body=True, scheme=False))
    return tuple(found)


def unknown(found: tuple[Need, ...], request: RecordedRequest, listener: ListenerSpec) -> str:
    """Why nobody can say how ``request`` fares, in words; empty: it can be tried."""
    if request.hashed & {"upgrade", "expect"} or "upgrade" in request.fields or request.method == "CONNECT":
        return "it asked for another protocol"
    if request.fields.get("content-type", "").startswith("application/grpc"):
        return "it was a call of gRPC"
    body: Any = request.body or {}
    for one in found:
        if missing := sorted(one.fields & request.hashed):
            return f"{one.who}: {missing[0]} was recorded as a hash"
        if one.body and body.get("size", 0) and "data" not in body:
            return f"{one.who}: bodies were not recorded whole"
        if one.scheme and request.scheme != ("http" if listener.tls is None else "https"):
            return f"{one.who}: somebody in front has spoken TLS"
    return ""
