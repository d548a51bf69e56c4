"""What a configuration does with a request: the route that takes it, and all that it meets there, so that two can be compared.

No request is made: what a filter would decide, or which part of a split chance would choose, is not told; that a filter is another, or a
weight, is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fastgw.config.chains import links
from fastgw.config.changes import differences, flat
from fastgw.config.rules import routing_table
from fastgw.config.spec import GatewaySpec, ListenerSpec, ModelSpec, RouteSpec
from fastgw.rehearsal.captures import RecordedRequest
from fastgw.rehearsal.paths import rewritten
from fastgw.routing.by_model import ByModel
from fastgw.wire.errors import WireError
from fastgw.wire.messages import KIND, kind_of
from fastgw.wire.target import parse_authority

NO_ROUTE: Final = "no route"

Flat = Mapping[str, Any]


class Way(NamedTuple):
    """How one configuration takes a request."""

    listener: ListenerSpec | None  #: None: it has no such listener
    route: RouteSpec | None
    model: str  #: key of ``models`` by which the one that was asked for is found; empty: none was
    doubtful: frozenset[str]  #: fields that the choice of the route asked for and the capture has as hashes alone

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for requests that meet the same things."""
        return (self.listener.name if self.listener else "", self.route.name if self.route else "", self.model)


class Treatments:
    """Those of one configuration."""

    def __init__(self, spec: GatewaySpec, former: GatewaySpec | None = None) -> None:
        """``former``: the configuration that requests were recorded under, if that is another one."""
        self.spec = spec
        self._table = routing_table(spec)
        self._listeners = {one.name: one for one in spec.listeners}
        if former is not None:  # one that is named in another way, and is where it was
            places = {one.bind.places: one for one in spec.listeners}
            moved = {one.name: places[one.bind.places] for one in former.listeners if one.bind.places in places}
            self._listeners = {**moved, **self._listeners}
        self._models: dict[str, ByModel[ModelSpec]] = {}
        self._folder = os.path.dirname(spec.source) + "/"
        self._made: dict[tuple[str, str, str], dict[str, Flat]] = {}

    def find(self, request: RecordedRequest) -> Way:
        """Which route takes ``request``."""
        listener = self._listeners.get(request.listener)
        if listener is None and len(self.spec.listeners) == 1:
            [listener] = self.spec.listeners  # a file that names its only listener in another way
        if listener is None:
            return Way(None, None, "", frozenset())
        doubtful = set[str]()

        def header(name: bytes) -> bytes | None:
            if name == KIND:
                return kind_of(header(b"content-type"))
            word = name.decode("latin-1")
            if word in request.hashes:
                doubtful.add(word)
            value = request.fields.get(word)
            return None if value is None else value.encode("utf-8", "replace")

        try:
            host = parse_authority(request.host.encode("utf-8", "replace")) if request.host else b""
            path = rewritten(self.spec, listener, request.path.encode("utf-8", "replace"))
        except WireError:
            return Way(listener, None, "", frozenset())
        route = self._table.match(host, request.method.encode("latin-1", "replace"), path, header)
        return Way(listener, route, self._model_of(route, request.model), frozenset(doubtful))

    def refusal(self, found: Way, request: RecordedRequest) -> str:
        """Why ``request`` does not get what it asks for, in words; empty: by all that is known without the filters it does."""
        route = found.route
        if found.listener is None:
            return "no listener"
        if route is None:
            return NO_ROUTE
        if route.models and request.model and not found.model and route.service is None:
            return "no such model"
        if route.reply is not None and route.reply.status >= 400:
            return f"answered {route.reply.status} by the route"
        return ""

    def things(self, found: Way) -> dict[str, Flat]:
        """Everything that a request meets which is ``found`` so, by what it is: values by the paths of their keys."""
        made = self._made.get(found.key)
        if made is None:
            made = self._made[found.key] = dict(self._things(found))
        return made

    def _model_of(self, route: RouteSpec | None, model: str) -> str:
        if route is None or not route.models or not model:
            return ""
        names = self._models.get(route.name)
        if names is None:
            known = {one.name: one for one in self.spec.models if one.name in route.models}
            names = self._models[route.name] = ByModel(known)
        choice = names.find(model)
        one = choice[0] if choice is not None else names.default
        return one.name if one is not None else ""

    def _things(self, found: Way) -> Iterator[tuple[str, Flat]]:
        listener, route = found.listener, found.route
        if listener is None:
            return
        yield f"listener {listener.name}", self._flat(listener._replace(filters=(), before_routing=()))
        filters = {one.name: one for one in self.spec.filters}
        chain = [one.name for one in links(self.spec, listener, route)]
        yield "the chain", {"filters": tuple(chain)}
        for name in chain:
            yield f"filter {name}", self._flat(filters[name])
        if route is None:
            return
        # Who else it leads to, and by which names models are told, is not this request's.
        yield f"route {route.name}", self._flat(route._replace(name="", filters=(), models=()))
        yield from self._behind(route, found.model)

    def _behind(self, route: RouteSpec, model: str) -> Iterator[tuple[str, Flat]]:
        names = list(route.by_name.services if route.by_name is not None else (one.service for one in route.split))
        names += [route.service] if route.service is not None else []
        names += [route.mirror.service] if route.mirror is not None else []
        for one in self.spec.models:
            if one.name == model or (not model and one.name in route.models):
                yield f"model {one.name}", self._flat(one)
                names += one.services
        yield from self._services(names)

    def _services(self, names: list[str]) -> Iterator[tuple[str, Flat]]:
        services = {one.name: one for one in self.spec.services}
        versioned = {one.name: one for one in self.spec.versioned}
        seen = set[str]()
        while names:
            name = names.pop(0)
            if name in seen:
                continue
            seen.add(name)
            if name in versioned:
                yield f"versions of {name}", self._flat(versioned[name])
                names += [one.service for one in versioned[name].versions]
            if name in services:
                yield f"service {name}", self._flat(services[name])
                names += [one.service for one in services[name].fallback if one.service is not None]

    def _flat(self, thing: Any) -> Flat:
        return flat(thing, self._folder)


def compared(old: Mapping[str, Flat], new: Mapping[str, Flat]) -> tuple[str, ...]:
    """What is different for a request that meets ``old`` in one configuration and ``new`` in the other: lines, none for nothing."""
    found = [
        f"{name}: is met no more" for name in old if name not in new and not name.startswith(("route ", "listener "))
    ]
    for name, values in new.items():
        if name in old:
            found += differences(name, old[name], values)
        elif not name.startswith(("route ", "listener ")):
            found.append(f"{name}: is met")
    return tuple(found)
