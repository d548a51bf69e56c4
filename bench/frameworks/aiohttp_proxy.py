"""A reverse proxy on aiohttp's server and client.  Run as ``python -m bench.frameworks.aiohttp_proxy CONFIG``."""

from __future__ import annotations

import asyncio

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

from bench.baseline.table import load_config, new_request_id, request_headers, response_headers

CONFIG = load_config()
TURNS = CONFIG.turns()
SESSION: list[aiohttp.ClientSession] = []


async def forward(request: web.BaseRequest) -> web.StreamResponse:
    """One exchange; the answer is read at once when it says how long it is, else passed on as it comes."""
    if not CONFIG.has_route(request.path):
        return web.Response(status=404)
    host, port = next(TURNS)
    request_id = new_request_id()
    headers = request_headers(
        request.headers.items(), client=request.remote or "", scheme=CONFIG.scheme, request_id=request_id
    )
    body = request.content if request.can_read_body else None
    url = URL(f"http://{host}:{port}{request.raw_path}", encoded=True)
    async with SESSION[0].request(
        request.method,
        url,
        headers=headers,
        data=body,
        allow_redirects=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    ) as answer:
        kept = response_headers(answer.headers.items(), request_id)
        if "content-length" in answer.headers and int(answer.headers["content-length"]) <= 65536:
            sized = [(name, value) for name, value in kept if name.lower() != "content-length"]
            return web.Response(status=answer.status, headers=dict(sized), body=await answer.read())
        response = web.StreamResponse(status=answer.status, headers=dict(kept))
        await response.prepare(request)
        async for block in answer.content.iter_any():
            await response.write(block)
        await response.write_eof()
        return response


async def main() -> None:
    """Serve until killed."""
    connector = aiohttp.TCPConnector(limit=0, force_close=False, keepalive_timeout=60)
    SESSION.append(aiohttp.ClientSession(connector=connector, auto_decompress=False))
    server = web.Server(forward, access_log=None, keepalive_timeout=75)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", CONFIG.port, backlog=4096, ssl_context=CONFIG.tls()).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
