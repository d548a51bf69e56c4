"""What the routes have that are transcoded, for ``/openapi.json?of=routes``: written when somebody asks, once for each configuration."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import fastgw

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec

ROUTES: Final = "routes"  #: the word for it
_MADE_BY: Final = "fastgw.transformers.grpc_json_transcoder:GrpcJsonTranscoder"


class TranscodedRoutes:
    """The document about those of the configuration in use."""

    def __init__(self) -> None:
        self._spec: GatewaySpec | None = None  # what is written of it
        self._written = b""

    async def document(self, spec: GatewaySpec) -> bytes:
        """That of ``spec``, written in a thread."""
        if spec is not self._spec:
            self._written = await asyncio.to_thread(_write, spec)
            self._spec = spec
        return self._written


def _write(spec: GatewaySpec) -> bytes:
    import orjson

    from fastgw.transcoding.catalog import Catalog
    from fastgw.transcoding.methods import Methods
    from fastgw.transcoding.openapi import TranscodedRoute, document
    from fastgw.transcoding.shapes import JsonOptions

    routes = []
    for route in spec.routes:
        for one in route.transformers:
            given: dict[str, Any] = dict(one.options)
            if one.made_by == _MADE_BY and given["reflection"] is None:  # else the workers alone know
                options = JsonOptions.of(given)
                methods = Methods(Catalog(given["descriptors"]), options, given["services"])
                routes.append(TranscodedRoute(route.name, route.path, methods, options))
    return orjson.dumps(document(routes, fastgw.__version__), option=orjson.OPT_INDENT_2)
