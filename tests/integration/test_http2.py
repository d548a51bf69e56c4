"""HTTP/2 in front of a real gateway, by clients that others have made."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import h2.connection
import h2.events
import httpx2
import pytest

from tests.support.asking import together
from tests.support.certificates import Authority
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.tls import secure
from tests.support.upstream import Connection, Received, UpstreamServer, echo

pytestmark = pytest.mark.integration

Gateway = Callable[..., GatewayProcess]
Service = Callable[..., UpstreamServer]
BOTH = "protocols: [http/1.1, h2]"
BIG = bytes(range(256)) * 4096  #: 1 MiB


def curl(*arguments: str, data: bytes = b"") -> bytes:
    command = ["curl", "--silent", "--show-error", "--max-time", "20", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@pytest.fixture
def plain(gateway: Gateway, service: Service) -> GatewayProcess:
    """A gateway without TLS, in front of a service that echoes."""
    return gateway(simple_config(service(echo).address, listener=BOTH))


def test_curl_with_prior_knowledge(plain: GatewayProcess) -> None:
    url = f"{plain.base_url}/x?y=1"
    asked = json.loads(curl("--http2-prior-knowledge", url))
    assert (asked["method"], asked["target"]) == ("GET", "/x?y=1")
    assert ["via", "2 fastgw"] in asked["fields"]
    for arguments in (["--data-binary", "@-"], ["-T", "-"]):  # of a length that is known, and of one that is not
        told = curl("--http2-prior-knowledge", *arguments, "-w", "%{http_version} %{http_code}", url, data=BIG)
        assert told.endswith(b"2 200")
        assert json.loads(told[:-5])["length"] == len(BIG)
    assert ["via", "1.1 fastgw"] in json.loads(curl("--http1.1", url))["fields"]


def test_a_websocket_over_one_stream(gateway: Gateway, service: Service) -> None:
    def switch(request: Received, connection: Connection) -> None:
        key = dict(request.fields)[b"sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\nhello" % accept
        )

    running = gateway(simple_config(service(switch).address, listener=BOTH))
    client = h2.connection.H2Connection()
    client.initiate_connection()
    client.send_headers(
        1,
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"),
         ("sec-websocket-version", "13")],
    )  # fmt: skip
    told = b""
    with socket.create_connection(("127.0.0.1", running.port), 10) as sock:
        sock.settimeout(10)
        sock.sendall(client.data_to_send())
        while not told.endswith(b"hello"):
            for event in client.receive_data(sock.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    assert dict(event.headers or ())[b":status"] == b"200"
                elif isinstance(event, h2.events.DataReceived):
                    told += event.data or b""
        sock.sendall(client.data_to_send())


def test_one_connection_after_the_other_changes_its_protocol(plain: GatewayProcess) -> None:
    """The end that reads the preface is replaced while it reads, which must not take it away from under itself."""
    if shutil.which("h2load") is None:
        pytest.skip("h2load is not there")
    for _ in range(10):
        told = subprocess.run(
            ["h2load", "-n", "200", "-c", "20", "-m", "4", plain.base_url], capture_output=True, check=True, text=True
        ).stdout
        assert "200 succeeded, 0 failed" in told
    assert "a worker died" not in plain.read_log()


@pytest.fixture
def client(gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]) -> Iterator[httpx2.Client]:
    """A client that speaks HTTP/2 over TLS with a gateway of its own."""
    running = gateway(simple_config(service(echo).address, listener=secure(pair)))
    context = authority.client()
    with httpx2.Client(
        base_url=f"https://127.0.0.1:{running.port}", http2=True, verify=context, headers={"host": "edge.test"}
    ) as made:
        yield made


def test_alpn_chooses(client: httpx2.Client, authority: Authority) -> None:
    answer = client.post("/up", content=BIG)
    assert answer.http_version == "HTTP/2"
    assert answer.json()["length"] == len(BIG)
    options = {"http2": True, "verify": authority.client(), "headers": {"host": "edge.test"}}
    found = together(20, str(client.base_url), "/", **options)
    assert [(one.status_code, one.http_version) for one in found] == [(200, "HTTP/2")] * 20


def test_a_connection_is_for_what_its_certificate_is_good_for(client: httpx2.Client) -> None:
    asked = {"sni_hostname": "edge.test"}
    assert client.get("/", extensions=asked).status_code == 200
    answer = client.get("/", headers={"host": "other.test"}, extensions=asked)
    assert (answer.status_code, answer.http_version, answer.json()["status"]) == (421, "HTTP/2", 421)


def test_a_stop_lets_answers_end(gateway: Gateway, service: Service) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slowly(request: Received, connection: Connection) -> None:
        asked.set()
        connection.wait(go_on)
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    running = gateway(simple_config(service(slowly).address, listener=BOTH))

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(http1=False, http2=True, base_url=running.base_url) as client:
            answer = asyncio.ensure_future(client.get("/"))
            await asyncio.to_thread(asked.wait, 10)
            running.signal(signal.SIGTERM)
            await asyncio.to_thread(wait_until, lambda: "drain" in running.read_log())
            go_on.set()
            return await answer

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.text, answer.http_version) == (200, "ok", "HTTP/2")
    assert running.wait() == 0


def test_a_client_that_offers_nothing_known_is_refused(
    gateway: Gateway, service: Service, authority: Authority, pair: tuple[str, str]
) -> None:
    running = gateway(simple_config(service().address, listener=f"protocols: [http/1.1], {secure(pair)}"))
    context = authority.client()
    context.set_alpn_protocols(["h2"])
    with (
        pytest.raises(httpx2.ConnectError, match="no application protocol"),
        httpx2.Client(verify=context, http1=False, http2=True) as client,
    ):
        client.get(f"https://127.0.0.1:{running.port}")
