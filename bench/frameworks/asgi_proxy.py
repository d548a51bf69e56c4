"""A reverse proxy as a Starlette application with an httpx client, served by uvicorn.

Run as ``python -m bench.frameworks.asgi_proxy CONFIG``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.baseline.table import load_config, new_request_id, request_headers, response_headers

CONFIG = load_config()
TURNS = CONFIG.turns()
CLIENTS: list[httpx.AsyncClient] = []
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def forward(request: Request) -> Response:
    """One exchange, the answer streamed."""
    if not CONFIG.has_route(request.url.path):
        return Response(status_code=404)
    host, port = next(TURNS)
    request_id = new_request_id()
    query = f"?{request.url.query}" if request.url.query else ""
    client = request.client.host if request.client else ""
    headers = request_headers(request.headers.items(), client=client, scheme=CONFIG.scheme, request_id=request_id)
    has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
    upstream = CLIENTS[0].build_request(
        request.method,
        f"http://{host}:{port}{request.url.path}{query}",
        headers=headers,
        content=request.stream() if has_body else None,
    )
    answer = await CLIENTS[0].send(upstream, stream=True)
    response = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
    kept = response_headers(answer.headers.multi_items(), request_id)
    response.raw_headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in kept]
    return response


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """One client for all requests."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=1024)
    async with httpx.AsyncClient(limits=limits, timeout=120, trust_env=False) as client:
        CLIENTS.append(client)
        yield


app = Starlette(routes=[Route("/{path:path}", forward, methods=METHODS)], lifespan=lifespan)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=CONFIG.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
        backlog=4096,
        timeout_keep_alive=75,
        server_header=False,
        date_header=False,
        ssl_certfile=CONFIG.cert or None,
        ssl_keyfile=CONFIG.key or None,
    )
