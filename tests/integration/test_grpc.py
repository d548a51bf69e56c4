"""gRPC through a real gateway: what passes directly passes through it; to pages too; and calls are balanced, each by itself."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from playwright.sync_api import sync_playwright

from fastgw.wire.grpc_web import TextReader
from tests.integration.processes import Gateway
from tests.support.collector import GrpcCollector, collecting
from tests.support.etcd import EtcdServer
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.interop import ABSENT, CASES, TEST, Client, dialed, messages, serving

pytestmark = pytest.mark.integration

CONFIG = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
telemetry: {{otlp: "http://{collector}", protocol: grpc, traces: {{sample: 100%}}}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", protocols: [http/1.1, h2], filters: [pages, grpc_web]}}
routes:
  - {{path: "/*", service: test}}
  - {{grpc: {{service: grpc.testing.TestService}}, service: test}}
services:
  test: {{endpoints: ["127.0.0.1:{service}"], protocol: h2}}
filters:
  pages:
    type: cors
    origins: "http://localhost:{pages}"
    methods: POST
    headers: [content-type, x-grpc-web]
    expose: [grpc-status, grpc-message]
"""


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    """The port of another origin, which has a page."""
    folder = Path(__file__).parents[1] / "support"
    handler = partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def collector() -> Iterator[GrpcCollector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def running(shared_gateway: Gateway, pages: int, collector: GrpcCollector) -> Iterator[GatewayProcess]:
    with serving() as port:
        yield shared_gateway(CONFIG.format(service=port, pages=pages, collector=collector.address))


@pytest.fixture(scope="module")
def client(running: GatewayProcess) -> Iterator[Client]:
    with dialed(running.port) as found:
        yield found


@pytest.mark.parametrize("name", CASES)
def test_what_passes_directly_passes_through(client: Client, name: str) -> None:
    CASES[name](client)


def test_what_was_compressed_stays_so(client: Client, running: GatewayProcess) -> None:
    """As far as grpcio lets it be seen: by the bytes that pass."""

    def received() -> int:
        found = running.admin("/metrics")
        line = next(
            one for one in found.splitlines() if one.startswith("fastgw_request_body_bytes_total{") and "grpc" in one
        )
        return int(float(line.rpartition(" ")[2]))

    before = received()
    CASES["client_compressed_unary"](client)
    assert 271_828 < received() - before < 1.1 * 271_828  # of two calls, one as it is


def test_spans_of_calls_reach_a_collector_by_grpc(client: Client, collector: GrpcCollector) -> None:
    CASES["empty_unary"](client)

    def names() -> set[str]:
        spans = [
            one
            for _, sent in collector.taken
            for of in sent.resource_spans
            for scope in of.scope_spans
            for one in scope.spans
        ]
        return {span.name for span in spans}

    wait_until(lambda: any("TestService" in name for name in names()), what="a span has come")


# --- pages


def framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def split(body: bytes) -> tuple[list[bytes], dict[str, str]]:
    """Messages, and the fields of the last frame."""
    found, trailers = [], b""
    while body:
        end = 5 + int.from_bytes(body[1:5], "big")
        if body[0] & 0x80:
            trailers = body[5:end]
        else:
            found.append(body[5:end])
        body = body[end:]
    pairs = (line.split(":", 1) for line in trailers.decode().splitlines())
    return found, {name: value.strip() for name, value in pairs}


def post(port: int, path: str, body: bytes, fields: dict[str, str]) -> tuple[http.client.HTTPResponse, bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", path, body, fields)
        answer = connection.getresponse()
        return answer, answer.read()


@pytest.mark.parametrize("is_text", [False, True], ids=["binary", "text"])
def test_pages_call_by_grpc_web(running: GatewayProcess, is_text: bool) -> None:
    sizes = [{"size": size} for size in (31415, 9, 2653)]
    asked = framed(messages().StreamingOutputCallRequest(response_parameters=sizes).SerializeToString())
    kind = "application/grpc-web" + "-text" * is_text + "+proto"
    body = base64.b64encode(asked[:7]) + base64.b64encode(asked[7:]) if is_text else asked
    fields = {"content-type": kind, "x-grpc-test-echo-trailing-bin": "Cg=="}
    answer, data = post(running.port, f"/{TEST}/StreamingOutputCall", body, fields)
    found, trailers = split(TextReader().feed(data) if is_text else data)
    assert [len(messages().StreamingOutputCallResponse.FromString(one).payload.body) for one in found] == [
        31415,
        9,
        2653,
    ]
    assert trailers["grpc-status"] == "0" and answer.getheader("content-type") == kind
    wrong = framed(messages().SimpleRequest(response_status={"code": 5, "message": "no\n such"}).SerializeToString())
    answer, data = post(running.port, f"/{TEST}/UnaryCall", base64.b64encode(wrong) if is_text else wrong, fields)
    _, trailers = split(TextReader().feed(data) if is_text else data)
    told = {**{name.lower(): value for name, value in answer.getheaders()}, **trailers}
    assert (told["grpc-status"], told["grpc-message"]) == ("5", "no%0A such")


@pytest.mark.long  # to start a browser is what costs; the client above speaks as it does
@pytest.mark.needs("chromium")
def test_a_page_of_another_origin_in_a_browser(running: GatewayProcess, pages: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://localhost:{pages}/grpc_web.html")
        known = messages()
        sizes = [{"size": 70000}, {"size": 3}]
        asked = known.StreamingOutputCallRequest(response_parameters=sizes).SerializeToString()
        answers = [known.StreamingOutputCallResponse(payload={"body": bytes(one["size"])}).ByteSize() for one in sizes]
        url = f"http://127.0.0.1:{running.port}/{TEST}"
        for is_text in (False, True):
            found = page.evaluate("args => call(...args)", [f"{url}/StreamingOutputCall", list(asked), is_text])
            assert found == {"sizes": answers, "status": "0", "message": ""}
        gone = page.evaluate("args => call(...args)", [f"{url}/Nothing", [], False])
        assert gone["sizes"] == [] and gone["status"] == "12" and "Method not found" in gone["message"]
        browser.close()


@pytest.mark.needs("grpcurl")
def test_grpcurl_by_reflection(running: GatewayProcess) -> None:
    def ask(*words: str) -> str:
        command = ["grpcurl", "-plaintext", "-max-time", "10", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout

    place = f"127.0.0.1:{running.port}"
    assert TEST in ask(place, "list").splitlines()
    assert json.loads(ask("-d", '{"response_size": 3}', place, f"{TEST}/UnaryCall")) == {"payload": {"body": "AAAA"}}


# --- members that come and go

MEMBERS = """
workers: 1
admin: {{address: "127.0.0.1:$admin"}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", protocols: [http/1.1, h2]}}
routes:
  - {{grpc: {{service: grpc.testing.TestService}}, service: test}}
services:
  test:
    protocol: h2
    discovery: {{etcd: {{endpoints: ["{url}"], prefix: /services/test}}}}
"""


@pytest.mark.needs("etcd", "etcdctl")
def test_calls_of_one_connection_are_balanced_over_members_of_an_etcd(
    gateway: Gateway, etcd: EtcdServer, started: Callable[[], tuple[int, Callable[[], None]]]
) -> None:
    asked: Counter[str] = Counter()
    (first, _), (second, _), (third, stop) = started(), started(), started()
    etcd.ctl("put", f"/services/test/127.0.0.1:{first}", "active")
    running = gateway(MEMBERS.format(url=etcd.url))

    def members() -> set[int]:
        found = running.admin("/status")["services"]["test"]["endpoints"]
        return {int(one.rpartition(":")[2]) for one in found}

    with dialed(running.port) as client:

        def call(count: int) -> Counter[str]:
            asked.clear()
            for _ in range(count):
                unary = client.UnaryCall.future(messages().SimpleRequest(response_size=1))
                unary.result()
                asked[dict(unary.initial_metadata())["x-server"]] += 1
            return asked

        with pytest.raises(grpc.RpcError) as caught:  # an error of the gateway
            client.of(ABSENT, "UnimplementedCall")(messages().Empty())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED and "no_route" in caught.value.details()
        wait_until(lambda: members() == {first})
        assert call(6) == {str(first): 6}
        for port in (second, third):
            etcd.ctl("put", f"/services/test/127.0.0.1:{port}", "active")
        wait_until(lambda: len(members()) == 3)
        shares = call(60)
        assert len(shares) == 3 and min(shares.values()) >= 10, shares
        feed = client.FullDuplexCall(
            iter([messages().StreamingOutputCallRequest(response_parameters=[{"size": 1}] * 3)])
        )
        assert len(list(feed)) == 3
        etcd.ctl("del", f"/services/test/127.0.0.1:{third}")
        wait_until(lambda: members() == {first, second})
        stop()
        shares = call(20)
        assert shares.keys() == {str(first), str(second)}
    assert "Traceback" not in running.read_log()


@pytest.fixture
def started() -> Iterator[Callable[[], tuple[int, Callable[[], None]]]]:
    """Starts servers that say which they are; each comes with what stops it."""
    opened = []

    def start() -> tuple[int, Callable[[], None]]:
        server = serving()
        port = server.__enter__()
        opened.append(server)
        return port, lambda: (opened.remove(server), server.__exit__(None, None, None))[1]

    yield start
    for one in opened:
        one.__exit__(None, None, None)
