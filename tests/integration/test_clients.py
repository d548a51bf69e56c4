"""The usual clients work through the gateway as they do without it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx2
import openai
import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.support.gateway import GatewayProcess, simple_config
from tests.support.openai_service import letters, openai_api
from tests.support.upstream import UpstreamServer, sse
from tests.support.websocket_cases import cases, hear

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]

BIG = bytes(range(256)) * 4096  #: 1 MiB that a client sends


@pytest.fixture(scope="module")
def plain(shared_gateway: Gateway, shared_service: Service) -> GatewayProcess:
    """A gateway in front of a service that echoes."""
    return shared_gateway(simple_config(shared_service().address))


@pytest.fixture
def behind(gateway: Gateway, service: Service) -> Callable[..., GatewayProcess]:
    """``behind(script)``: a gateway in front of a service with that script."""

    def start(script: Any) -> GatewayProcess:
        return gateway(simple_config(service(script).address))

    return start


def curl(*arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", *arguments],
        input=data,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_requests(plain: GatewayProcess) -> None:
    with requests.Session() as session:
        for number in range(3):  # the connection is kept
            seen = session.get(f"{plain.base_url}/a b?n={number}", headers={"X-Kept": "yes"}).json()
            assert seen["target"] == f"/a%20b?n={number}" and ["x-kept", "yes"] in seen["fields"]
        assert session.post(f"{plain.base_url}/up", data=BIG).json()["length"] == len(BIG)
        assert session.post(f"{plain.base_url}/up", data=iter([b"one", b"two"])).json()["body"] == "onetwo"
        head = session.head(f"{plain.base_url}/up")
        assert head.status_code == 200 and int(head.headers["content-length"]) > 0 and head.content == b""


def test_httpx2(plain: GatewayProcess) -> None:
    with httpx2.Client(base_url=plain.base_url) as client:
        assert client.get("/a", params={"q": "ä"}).json()["target"] == "/a?q=%C3%A4"
        assert client.put("/up", content=BIG).json()["length"] == len(BIG)
        assert client.post("/up", files={"file": ("name.bin", b"\x00\x01")}).json()["method"] == "POST"
        assert client.delete("/thing").json()["method"] == "DELETE"


def test_httpx2_reads_events_as_they_come(gateway: Gateway, service: Service) -> None:
    """Each event leaves only after the client has read the one before it: a gathered stream would never end."""
    read = threading.Semaphore(1)
    server = service(sse(["one", "two", "three"], before_each=lambda connection: read.acquire(timeout=20)))
    running = gateway(simple_config(server.address))
    seen = []
    with httpx2.stream("GET", f"{running.base_url}/events", timeout=20) as stream:
        for line in stream.iter_lines():
            if line:
                seen.append(line)
                read.release()
    assert seen == ["data: one", "data: two", "data: three"]


def test_aiohttp(plain: GatewayProcess) -> None:
    async def parts() -> Any:
        yield b"first,"
        yield b"second"

    async def story() -> None:
        async with aiohttp.ClientSession(plain.base_url) as session:
            answers = await asyncio.gather(*(session.get(f"/{number}") for number in range(20)))
            targets = {(await answer.json())["target"] for answer in answers}
            assert targets == {f"/{number}" for number in range(20)}
            async with session.post("/up", data=parts()) as answer:
                assert (await answer.json())["body"] == "first,second"

    asyncio.run(story())


@pytest.mark.needs("curl")
def test_curl_with_http_1_0(plain: GatewayProcess) -> None:
    shown = curl("--http1.0", "--include", f"{plain.base_url}/old", "--data", "x=1")
    head, _, body = shown.partition("\r\n\r\n")
    assert " 200 " in head.splitlines()[0] and "transfer-encoding" not in head.lower()
    assert json.loads(body)["body"] == "x=1"


@pytest.mark.needs("curl")
def test_curl_with_http_1_0_reads_a_chunked_answer(behind: Gateway) -> None:
    running = behind(sse(["one", "two"]))
    assert curl("--http1.0", "--raw", f"{running.base_url}/events") == "data: one\n\ndata: two\n\n"


@pytest.mark.needs("curl")
def test_curl_uploads_after_100_continue(plain: GatewayProcess, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(BIG)
    shown = curl(
        "--verbose",
        "--http1.1",
        "--expect100-timeout",
        "15",
        "--header",
        "Expect: 100-continue",
        "--upload-file",
        str(tmp_path / "big"),
        "--stderr",
        "-",
        f"{plain.base_url}/up",
    )
    assert "< HTTP/1.1 100 Continue" in shown and f'"length": {len(BIG)}' in shown
    assert "Done waiting for 100-continue" not in shown  # curl 7.88 says so when it gave up waiting


@pytest.mark.needs("curl")
def test_curl_reuses_its_connection(plain: GatewayProcess) -> None:
    shown = curl("--verbose", "--stderr", "-", f"{plain.base_url}/1", f"{plain.base_url}/2")
    assert "Re-using existing connection" in shown and '"target": "/2"' in shown


@pytest.fixture
def websocket_echo() -> Iterator[int]:
    """The echo server of the websockets package; its port."""

    def echo(peer: ServerConnection) -> None:
        try:
            for message in peer:
                peer.send(message)
        except ConnectionClosed:
            pass

    with serve(echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"]) as server:  # type: ignore[list-item]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join(5)


def test_websockets(gateway: Gateway, websocket_echo: int) -> None:
    running = gateway(_framed(websocket_echo))
    for path in ("/chat?room=1", "/framed/chat"):
        _talk(running.base_url.replace("http", "ws") + path)
    _compare(running, websocket_echo, 15)
    _ask(running.base_url)


@pytest.mark.long
def test_websockets_are_heard_as_directly(gateway: Gateway, websocket_echo: int) -> None:
    _compare(gateway(_framed(websocket_echo)), websocket_echo, 1)


def _framed(port: int) -> str:
    route = "  - {path: /framed/*, service: main, websocket: {compression: pass, message_rate: 1000/s}}\n"
    route += "  - {path: /asked/*, service: asked}\n  - {path: /asked-all/*, service: all}\n"
    asked = f'  asked: {{endpoints: ["127.0.0.1:{port}"], websocket: {{subprotocol: chat, max_message: 2MiB}}}}\n'
    asked += f'  all: {{endpoints: ["127.0.0.1:{port}"], websocket: {{subprotocol: chat, until: {{last: true}}}}}}\n'
    return simple_config(f"127.0.0.1:{port}").replace("services:\n", f"{route}services:\n{asked}", 1)


def _ask(address: str) -> None:
    """The same service by requests of HTTP."""
    types = {"text": "text/plain", "lines": "application/x-ndjson", "bytes": "audio/wav"}
    with requests.Session() as session:
        session.headers["Accept"] = "*/*"
        found = session.post(f"{address}/asked/x", data=BIG, headers={"Content-Type": types["bytes"]}, timeout=20)
        assert (found.content, found.headers["content-type"]) == (BIG, "application/octet-stream")
        found = session.post(
            f"{address}/asked/x", data=iter([b"in ", b"parts"]), headers={"Content-Type": types["text"]}, timeout=20
        )
        assert (found.text, found.headers["content-type"]) == ("in parts", "text/plain; charset=utf-8")
        lines = {
            "data": '{"n": 1}\n{"n": 2, "last": true}\n{"n": 3}\n',
            "headers": {"Content-Type": types["lines"]},
            "timeout": 20,
        }
        assert session.post(f"{address}/asked-all/x", **lines).json() == [{"n": 1}, {"n": 2, "last": True}]  # type: ignore[arg-type]
        lines["headers"] = {"Content-Type": types["lines"], "Accept": "text/event-stream"}
        streamed = session.post(f"{address}/asked-all/x", **lines)  # type: ignore[arg-type]
        assert streamed.text == 'data: {"n": 1}\n\ndata: {"n": 2, "last": true}\n\n'


def _compare(running: GatewayProcess, service: int, every: int) -> None:
    """Every such case, directly, through a tunnel of bytes and one of frames."""
    port = int(running.base_url.rpartition(":")[2])
    for name, turns in list(cases())[::every]:
        expected = hear(service, "/", turns)
        assert hear(port, "/", turns) == expected, name
        assert hear(port, "/framed/x", turns) == expected, f"{name}, by frames"


def _talk(address: str) -> None:
    with connect(address, max_size=None, subprotocols=["chat"]) as peer:  # type: ignore[list-item]
        assert peer.subprotocol == "chat"
        for message in ("hello", "", "ä" * 70_000, b"\x00\xff", BIG):
            peer.send(message)
            assert peer.recv(timeout=20) == message
        assert peer.ping().wait(10)
        peer.send(["in ", "parts"])
        assert peer.recv(timeout=20) == "in parts"
        peer.close(4000, "bye")
    assert peer.close_code == 4000  # the closing handshake passes too


@pytest.fixture(scope="module")
def sdk(shared_gateway: Gateway, shared_service: Service) -> Iterator[openai.OpenAI]:
    running = shared_gateway(simple_config(shared_service(openai_api).address, route="errors: openai"))
    with openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="test-key", max_retries=0, timeout=20) as client:
        yield client


def test_openai_chat(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(model="echo-1", messages=[{"role": "user", "content": "say it again"}])
    assert answer.choices[0].message.content == "say it again"
    assert answer.usage is not None and answer.usage.total_tokens == 6


def test_openai_chat_streaming(sdk: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "one two three"}]
    with sdk.chat.completions.create(model="echo-1", messages=messages, stream=True) as stream:
        parts = [event.choices[0].delta.content for event in stream]
    assert parts == ["one", " two", " three", None]


def test_openai_embeddings(sdk: openai.OpenAI) -> None:
    answer = sdk.embeddings.create(model="letters-1", input=["abba", "zoo"])
    assert [entry.embedding for entry in answer.data] == [letters("abba"), letters("zoo")]


def test_openai_models(sdk: openai.OpenAI) -> None:
    assert [entry.id for entry in sdk.models.list()] == ["echo-1", "letters-1"]


def test_openai_errors_of_the_service_pass(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.embeddings.create(model="missing", input="x")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        sdk.with_options(api_key="wrong").models.list()


def test_openai_reads_errors_of_the_gateway(gateway: Gateway, service: Service) -> None:
    server = service()
    server.stop()  # nobody listens there any more
    running = gateway(simple_config(server.address, route="errors: openai"))
    client = openai.OpenAI(base_url=f"{running.base_url}/v1", api_key="test-key", max_retries=0, timeout=20)
    with client, pytest.raises(openai.InternalServerError) as caught:
        client.models.list()
    assert caught.value.status_code in (502, 503) and caught.value.code and caught.value.message


def test_openai_asynchronous(behind: Gateway) -> None:
    running = behind(openai_api)

    async def story() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{running.base_url}/v1", api_key="test-key", max_retries=0) as client:
            messages: Any = [{"role": "user", "content": "a b"}]
            asked = [client.chat.completions.create(model="echo-1", messages=messages) for _ in range(8)]
            return [answer.choices[0].message.content or "" for answer in await asyncio.gather(*asked)]

    assert asyncio.run(story()) == ["a b"] * 8
