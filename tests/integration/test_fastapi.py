"""A FastAPI application as a service, unmodified: its own test, with this gateway in the place of its TestClient."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.processes import Gateway
from tests.support.gateway import wait_until

pytestmark = pytest.mark.integration

CODE = """
import threading
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

HERE = Path(__file__).parent

class Box(BaseModel):
    label: str
    score: float = Field(ge=0, le=1)

@asynccontextmanager
async def lifespan(app):
    app.state.model = "loaded"
    yield
    (HERE / "stopped").touch()

app = FastAPI(lifespan=lifespan)

def user(x_user: str = Header()):
    if x_user == "nobody":
        raise HTTPException(403, "go away", headers={"x-why": "nobody"})
    return x_user

@app.post("/boxes/{kind}")
async def boxes(kind: str, box: Box, request: Request, tasks: BackgroundTasks, who: str = Depends(user)) -> dict:
    tasks.add_task((HERE / "background").touch)
    return {"kind": kind, "box": box, "who": who, "model": request.app.state.model}

@app.get("/blocking")
def blocking():
    return {"is_main": threading.current_thread() is threading.main_thread()}

@app.put("/lines")
async def lines(request: Request):
    sizes = [len(chunk) async for chunk in request.stream()]
    async def numbered():
        for size in sizes:
            yield b"%d\\n" % size
    return StreamingResponse(numbered(), media_type="text/plain")

@app.websocket("/echo")
async def echo(socket: WebSocket, token: str = ""):
    await socket.accept()
    try:
        while True:
            await socket.send_text(token + await socket.receive_text())
    except WebSocketDisconnect as left:
        (HERE / f"left-{left.code}").touch()
"""
CONFIG = """\
listeners: [{address: "127.0.0.1:$port"}]
admin: {address: "127.0.0.1:$admin"}
workers: 1
routes: [{path: /api/*, service: api}]
services: {api: {asgi: "some_fastapi:app", root_path: /api}}
"""


def test_fastapi(gateway: Gateway, tmp_path: Path) -> None:
    folder = tmp_path / "gateway-0"
    folder.mkdir()
    (folder / "some_fastapi.py").write_text(CODE)
    running = gateway(CONFIG)
    url = f"{running.base_url}/api"
    session = requests.Session()
    session.headers["x-user"] = "ada"

    box = {"label": "cat", "score": 0.5}
    answer = session.post(f"{url}/boxes/face", json=box, timeout=20)
    assert answer.json() == {"kind": "face", "box": box, "who": "ada", "model": "loaded"}
    wait_until(lambda: (folder / "background").exists())
    wrong = session.post(f"{url}/boxes/face", json=box | {"score": 7}, timeout=20)
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["body", "score"])
    denied = session.post(f"{url}/boxes/face", json=box, headers={"x-user": "nobody"}, timeout=20)
    assert (denied.status_code, denied.headers["x-why"]) == (403, "nobody")

    assert session.get(f"{url}/blocking", timeout=20).json() == {"is_main": False}
    parts = session.put(f"{url}/lines", data=iter([b"a" * 70_000, b"b"]), timeout=20)
    assert sum(map(int, parts.text.split())) == 70_001
    assert session.get(f"{url}/openapi.json", timeout=20).json()["servers"] == [{"url": "/api"}]
    assert "'/api/openapi.json'" in session.get(f"{url}/docs", timeout=20).text

    with connect(f"{url.replace('http', 'ws')}/echo?token=t-") as peer:
        peer.send("one")
        assert peer.recv(timeout=20) == "t-one"
        peer.close(4001)
        with pytest.raises(ConnectionClosed):
            peer.recv(timeout=20)
    wait_until(lambda: (folder / "left-4001").exists())
    assert running.stop() == 0 and (folder / "stopped").exists()
