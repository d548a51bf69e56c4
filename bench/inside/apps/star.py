"""An application of Starlette."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(_: Request) -> JSONResponse:
    """The greeting."""
    return JSONResponse({"message": "Hello, World!"})


app = Starlette(routes=[Route("/", hello)])
