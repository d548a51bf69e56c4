"""What a configuration does with a request: the route that takes it, and all that it meets there, so that two can be compared.

No request is made: what a filter would decide, or which part of a split chance would choose, is not told; that a filter is another, or a
weight, is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
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
_ROUTE: Final = "route "  #: how the name of one begins among things that are met
_LISTENER: Final = "listener "

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
        self._filters = {one.name: one for one in spec.filters}
        self._services = {one.name: one for one in spec.services}
        self._versioned = {one.name: one for one in spec.versioned}
        self._made: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._differences: dict[str, tuple[str, ...]] = {}

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

    def things(self, found: Way) -> dict[str, Any]:
        """Everything that a request meets which is ``found`` so, by what it is."""
        made = self._made.get(found.key)
        if made is None:
            made = self._made[found.key] = dict(self._things(found))
        return made

    def differing(self, former: Treatments, name: str, old: Any, new: Any) -> tuple[str, ...]:
        """In what ``new``, which is ``name`` here, differs from ``old`` of ``former``, the same at each call: lines."""
        if old == new:
            return ()
        if name.startswith(_ROUTE) or isinstance(new, dict):  # of which each way has another
            return tuple(differences(name, former.flat(old), self.flat(new)))
        found = self._differences.get(name)
        if found is None:  # what many ways have in common is compared once
            found = self._differences[name] = tuple(differences(name, former.flat(old), self.flat(new)))
        return found

    def flat(self, thing: Any) -> Flat:
        """The values of a thing by the paths of their keys."""
        return thing if isinstance(thing, dict) else flat(thing, self._folder)

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

    def _things(self, found: Way) -> Iterator[tuple[str, Any]]:
        listener, route = found.listener, found.route
        if listener is None:
            return
        yield f"listener {listener.name}", listener._replace(filters=(), before_routing=())
        chain = [one.name for one in links(self.spec, listener, route)]
        yield "the chain", {"filters": tuple(chain)}
        for name in chain:
            yield f"filter {name}", self._filters[name]
        if route is None:
            return
        # Who else it leads to, and by which names models are told, is not this request's.
        yield f"route {route.name}", route._replace(name="", filters=(), models=())
        yield from self._behind(route, found.model)

    def _behind(self, route: RouteSpec, model: str) -> Iterator[tuple[str, Any]]:
        names = list(route.by_name.services if route.by_name is not None else (one.service for one in route.split))
        names += [route.service] if route.service is not None else []
        names += [route.mirror.service] if route.mirror is not None else []
        for one in self.spec.models:
            if one.name == model or (not model and one.name in route.models):
                yield f"model {one.name}", one
                names += one.services
        yield from self._reached(names)

    def _reached(self, names: list[str]) -> Iterator[tuple[str, Any]]:
        seen = set[str]()
        while names:
            name = names.pop(0)
            if name in seen:
                continue
            seen.add(name)
            if name in self._versioned:
                yield f"versions of {name}", self._versioned[name]
                names += [one.service for one in self._versioned[name].versions]
            if name in self._services:
                yield f"service {name}", self._services[name]
                names += [one.service for one in self._services[name].fallback if one.service is not None]


def compared(
    old: Mapping[str, Any], new: Mapping[str, Any], differing: Callable[[str, Any, Any], Iterable[str]]
) -> tuple[str, ...]:
    """What is different for a request that meets ``old`` in one configuration and ``new`` in the other: lines, none for nothing.

    ``differing``: in what two things of the same name differ.
    """
    found = [f"{name}: is met no more" for name in old if name not in new and not name.startswith((_ROUTE, _LISTENER))]
    for name, values in new.items():
        if name in old:
            found += differing(name, old[name], values)
        elif not name.startswith((_ROUTE, _LISTENER)):
            found.append(f"{name}: is met")
    return tuple(found)
