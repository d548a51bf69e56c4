"""A Starlette application as a service, unmodified: lifespan, middleware, streams both ways, background tasks, WebSockets."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.integration.processes import Gateway
from tests.support.gateway import wait_until

pytestmark = pytest.mark.integration

CODE = """
import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute

HERE = Path(__file__).parent

@asynccontextmanager
async def lifespan(app):
    yield {"greeting": "hello"}
    (HERE / "stopped").touch()

async def marked(request, call_next):
    response = await call_next(request)
    response.headers["x-marked"] = "yes"
    return response

async def until(name):
    while not (HERE / name).exists():
        await asyncio.sleep(0.01)

async def stream(request):
    async def events():
        try:
            yield "data: one\\n\\n"
            await until("go")
            yield "data: two\\n\\n"
            while "endless" in request.query_params:
                await asyncio.sleep(0.01)
                yield "data: more\\n\\n"
        finally:
            (HERE / "stream-ended").touch()
    return StreamingResponse(events(), media_type="text/event-stream")

def in_a_thread(name):
    (HERE / name).touch()

async def hello(request):
    size = sum([len(chunk) async for chunk in request.stream()])
    told = {"greeting": request.state.greeting, "size": size, "url": str(request.url), "path": request.path_params["name"]}
    return JSONResponse(told, background=BackgroundTask(in_a_thread, "background"))

async def chat(socket):
    if "token" not in socket.query_params:
        await socket.close()
        return
    await socket.accept("chat", headers=[(b"x-room", b"1")])
    async for message in socket.iter_json():
        if message == "end":
            await socket.close(4000, "as asked")
            return
        await socket.send_json({"you said": message})
    (HERE / "chat-ended").touch()

app = Starlette(
    routes=[Mount("/api", routes=[
        Route("/stream", stream), Route("/hello/{name}", hello, methods=["POST"]), WebSocketRoute("/chat", chat),
    ])],
    middleware=[Middleware(BaseHTTPMiddleware, dispatch=marked)],
    lifespan=lifespan,
)
"""
CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /api/*, service: api}]
services: {api: {asgi: "some_starlette:app"}}
"""


def test_starlette(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    (folder / "some_starlette.py").write_text(CODE)
    running = gateway(CONFIG)
    url = f"{running.base_url}/api"

    answer = requests.post(f"{url}/hello/ada", data=iter([b"in ", b"parts"]), timeout=20)
    told = {"greeting": "hello", "size": 8, "url": f"{url}/hello/ada", "path": "ada"}
    assert answer.json() == told and answer.headers["x-marked"] == "yes"
    wait_until(lambda: (folder / "background").exists())
    assert requests.get(f"{url}/hello/ada", timeout=20).status_code == 405

    with requests.get(f"{url}/stream", stream=True, timeout=20) as streaming:
        lines = streaming.iter_lines()
        assert next(lines) == b"data: one"  # while the rest is not there
        (folder / "go").touch()
        assert [one for one in lines if one] == [b"data: two"]
    wait_until(lambda: (folder / "stream-ended").exists())
    (folder / "stream-ended").unlink()
    with requests.get(f"{url}/stream?endless", stream=True, timeout=20) as streaming:
        assert next(streaming.iter_lines()) == b"data: one"
    wait_until(lambda: (folder / "stream-ended").exists(), what="a stream whose client has left ends")

    _chat(url.replace("http", "ws"), folder)
    assert running.stop() == 0 and (folder / "stopped").exists()


def _chat(url: str, folder: Path) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{url}/chat")
    with connect(f"{url}/chat?token=1", subprotocols=["chat"]) as peer:  # type: ignore[list-item]
        assert peer.response is not None and (peer.subprotocol, peer.response.headers["x-room"]) == ("chat", "1")
        peer.send('{"a": 1}')
        assert peer.recv(timeout=20) == '{"you said":{"a":1}}'
        peer.send('"end"')
        with pytest.raises(ConnectionClosed):
            peer.recv(timeout=20)
        assert (peer.close_code, peer.close_reason) == (4000, "as asked")
    with connect(f"{url}/chat?token=1", subprotocols=["chat"]) as peer:  # type: ignore[list-item]
        peer.close()
    wait_until(lambda: (folder / "chat-ended").exists())
