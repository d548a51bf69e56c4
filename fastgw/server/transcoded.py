"""What the routes have that are transcoded, for ``/openapi.json?of=routes``: written when somebody asks, once for each configuration.

Where descriptors come by reflection, the server is asked anew each time, as workers ask theirs.  One that does not answer, or with what
makes no descriptors, has its routes left out, and ``x-fastgw-unknown`` says of each why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import fastgw

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec, RouteSpec
    from fastgw.transformers.grpc_json_reflected import ReflectingServer

ROUTES: Final = "routes"  #: the word for it
_MADE_BY: Final = "fastgw.transformers.grpc_json_transcoder:GrpcJsonTranscoder"
_UNKNOWN: Final = "x-fastgw-unknown"

DescriptorSets = dict[
    "ReflectingServer", "bytes | str"
]  #: the descriptor sets that servers have told, or why they have not


class TranscodedRoutes:
    """The document about those of the configuration in use."""

    def __init__(self) -> None:
        self._spec: GatewaySpec | None = None  # what is written of it
        self._written = b""
        self._lock = asyncio.Lock()  # servers are asked by one at a time

    async def document(self, spec: GatewaySpec) -> bytes:
        """That of ``spec``, written in a thread."""
        async with self._lock:
            places = {place for _, given in _transcoded(spec) if (place := _place(given)) is not None}
            if spec is not self._spec or places:
                found = dict(zip(places, await asyncio.gather(*map(_asked, places)), strict=True))
                self._written = await asyncio.to_thread(_write, spec, found)
                self._spec = spec
            return self._written


def _transcoded(spec: GatewaySpec) -> Iterator[tuple[RouteSpec, dict[str, Any]]]:
    """The routes that are transcoded, and the options of what does it."""
    for route in spec.routes:
        for one in route.transformers:
            if one.made_by == _MADE_BY:
                yield route, dict(one.options)


def _place(given: dict[str, Any]) -> ReflectingServer | None:
    """Who has the descriptors; None: the configuration."""
    if given["reflection"] is None:
        return None
    from fastgw.transformers.grpc_json_reflected import ReflectingServer

    return ReflectingServer(given["reflection"], tuple(given["services"]))


async def _asked(place: ReflectingServer) -> bytes | str:
    from fastgw.core.calls import CallError
    from fastgw.transcoding.catalog import CatalogError
    from fastgw.transformers.grpc_json_reflected import found_at

    try:
        return await found_at(place)
    except (CallError, CatalogError, OSError) as error:
        return f"{place.url}: {error}"


def _write(spec: GatewaySpec, found: DescriptorSets) -> bytes:
    import orjson

    from fastgw.transcoding.catalog import Catalog, CatalogError
    from fastgw.transcoding.methods import Methods
    from fastgw.transcoding.openapi import TranscodedRoute, document
    from fastgw.transcoding.shapes import JsonOptions

    routes, unknown = [], {}
    for route, given in _transcoded(spec):
        place = _place(given)
        data = given["descriptors"] if place is None else found[place]
        options = JsonOptions.of(given)
        try:
            if isinstance(data, str):
                raise CatalogError(data)
            methods = Methods(Catalog(data), options, given["services"])
        except CatalogError as error:
            unknown[route.name] = str(error)
        else:
            routes.append(TranscodedRoute(route.name, route.path, methods, options))
    written = document(routes, fastgw.__version__) | ({_UNKNOWN: unknown} if unknown else {})
    return orjson.dumps(written, option=orjson.OPT_INDENT_2)
