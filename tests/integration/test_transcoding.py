"""Clients of JSON, a real gateway, and a service of gRPC that others have made (grpcio)."""

from __future__ import annotations

import json
import subprocess
import threading
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx2
import pytest
from google.rpc import status_pb2
from grpc_reflection.v1alpha import reflection
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

from fastgw.transcoding import kserve
from fastgw.transcoding.catalog import Catalog
from tests.support.gateway import GatewayProcess, simple_config, wait_until
from tests.support.protos import compiled, descriptor_set

pytestmark = pytest.mark.integration

CATALOG = Catalog(descriptor_set())
SERVICE = "library.v1.Library"


def message(name: str) -> Any:
    return CATALOG.message_class(f"library.v1.{name}")


class Library:
    """The service: what it is asked it answers."""

    def __init__(self) -> None:
        self.is_left = threading.Event()

    def get(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.name == "missing":
            details = status_pb2.Status(code=5, message="no such book")
            details.details.add().Pack(message("Author")(name="a"))
            context.set_trailing_metadata((("grpc-status-details-bin", details.SerializeToString()),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no sücht book")
        if request.name == "slow":
            self.is_left.wait(20)
        told = {key: value for key, value in context.invocation_metadata() if key in ("x-mine", "accept", "te")}
        told["left"] = (context.time_remaining() or 99) < 10
        return message("Book")(name=request.name, id=2**60, title=json.dumps(told))

    def watch(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if request.page_size == 9:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")
        if request.page_size == 8:
            context.add_callback(self.is_left.set)
        for number in range(3):
            yield message("Book")(name=str(number))
        if request.page_size == 8:
            self.is_left.wait(20)
        if request.page_size == 7:
            context.abort(grpc.StatusCode.INTERNAL, "later")

    def upload(self, books: Iterator[Any], _: grpc.ServicerContext) -> Any:
        return message("ListBooksResponse")(books=list(books))

    def talk(self, books: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        context.add_callback(self.is_left.set)
        for book in books:
            if book.name == "missing":
                context.abort(grpc.StatusCode.NOT_FOUND, "no such book")
            yield book


def model() -> grpc.GenericRpcHandler:
    """A model server of the Open Inference Protocol, whose model doubles."""
    catalog = Catalog(kserve.descriptor_set())

    def infer(request: Any, _: grpc.ServicerContext) -> Any:
        raw = request.raw_input_contents
        values = array("f", raw[0] if raw else request.inputs[0].contents.fp32_contents)
        doubled = array("f", [2 * one for one in values]).tobytes()
        answer = catalog.message_class("inference.ModelInferResponse")(model_name=request.model_name)
        answer.outputs.add(name="y", datatype="FP32", shape=[len(values)])
        answer.raw_output_contents.append(doubled)
        return answer

    taken = catalog.message_class("inference.ModelInferRequest")
    handler = grpc.unary_unary_rpc_method_handler(infer, taken.FromString, lambda made: made.SerializeToString())
    return grpc.method_handlers_generic_handler(kserve.SERVICE, {kserve.INFER: handler})


@pytest.fixture(scope="module")
def library() -> Iterator[tuple[Library, int]]:
    service = Library()
    kinds: dict[str, tuple[str, Any, str]] = {
        "GetBook": ("unary_unary", service.get, "GetBookRequest"),
        "WatchBooks": ("unary_stream", service.watch, "ListBooksRequest"),
        "UploadBooks": ("stream_unary", service.upload, "Book"),
        "Talk": ("stream_stream", service.talk, "Book"),
    }
    handlers = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(
            method, message(taken).FromString, lambda made: made.SerializeToString()
        )
        for name, (kind, method, taken) in kinds.items()
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers), model()))
    reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server, CATALOG.pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield service, port
    service.is_left.set()
    server.stop(None).wait()


def test_json_in_front_of_grpc(
    library: tuple[Library, int], gateway: Callable[..., GatewayProcess], tmp_path: Any
) -> None:
    service, port = library
    file = tmp_path / "library.pb"
    file.write_bytes(descriptor_set())
    transcoder = f"transformers: {{input: {{name: grpc/json-transcoder, descriptors: {file}}}}}, timeout: 5s"
    both = "protocols: [http/1.1, h2]"
    config = simple_config(f"127.0.0.1:{port}", listener=both, route=transcoder, service="protocol: h2")
    asking = f"transformers: {{input: {{name: grpc/json-transcoder, reflection: 'http://127.0.0.1:{port}'}}}}"
    config = config.replace(
        "services:", "  - {path: /v2/*, service: main, transformers: {input: kserve/rest-grpc}}\nservices:"
    )
    config = config.replace("services:", f"  - {{host: reflected.test, path: /*, service: main, {asking}}}\nservices:")
    edge = gateway(config + "reload: {watch: true}\n")
    with httpx2.Client(base_url=edge.base_url, timeout=20) as client:
        assert client.get("/v1/books/y", headers={"Host": "reflected.test"}).json()["name"] == "y"
        _unary(client)
        _tensors(client)
        _streams(client, service)
        _sockets(edge, service)
        assert client.get("/v1/volumes/x").status_code == 404
        _change(file)  # without a restart
        wait_until(lambda: client.get("/v1/volumes/x").status_code == 200, what="another path")
        assert client.get("/v1/books/x").status_code == 404
        told = edge.admin("/openapi.json?of=routes")  # of the file, and of the server, which has the old ones
        assert {path.split("/")[2].partition("{")[0] for path in told["paths"]} >= {"books", "volumes"}
    assert edge.stop() == 0


def _unary(client: httpx2.Client) -> None:
    found = client.get("/v1/books/a%2Fb", headers={"X-Mine": "1"})
    assert found.status_code == 200 and found.headers["content-type"] == "application/json"
    book = found.json()
    assert (book["name"], book["id"]) == ("a/b", str(2**60))
    assert json.loads(book["title"]) == {"x-mine": "1", "left": True}
    missing = client.get("/v1/books/missing")
    assert missing.status_code == 404 and missing.headers["content-type"] == "application/problem+json"
    problem = missing.json()
    assert (problem["detail"], problem["grpc_status"]) == ("no sücht book", "NOT_FOUND")
    assert problem["details"] == [{"@type": "type.googleapis.com/library.v1.Author", "name": "a"}]
    assert client.get("/v1/books").status_code == 501  # the service has no ListBooks
    assert client.put("/v1/books/x").status_code == 405
    command = [
        "curl",
        "--silent",
        "--http2-prior-knowledge",
        "--max-time",
        "20",
        f"{str(client.base_url).rstrip('/')}/v1/books/z",
    ]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["name"] == "z"
    assert client.post(f"/{SERVICE}/GetBook", json={"name": "x"}).json()["name"] == "x"
    misfit = client.post(f"/{SERVICE}/GetBook", json={"name": 3})
    assert (misfit.status_code, misfit.json()["detail"]) == (400, "name: expected a string, got a number")
    slow = client.get("/v1/books/slow", headers={"grpc-timeout": "100m"})
    assert (slow.status_code, slow.json()["grpc_status"]) == (504, "DEADLINE_EXCEEDED")


def _tensors(client: httpx2.Client) -> None:
    path, raw = "/v2/models/double/infer", array("f", [1.5, 2.0]).tobytes()
    tensor: dict[str, Any] = {"name": "x", "shape": [2], "datatype": "FP32"}
    told = client.post(path, json={"inputs": [{**tensor, "data": [1.5, 2]}]}).json()
    assert told == {
        "model_name": "double",
        "outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "data": [3.0, 4.0]}],
    }
    tensor["parameters"] = {"binary_data_size": len(raw)}
    text = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    found = client.post(path, content=text + raw, headers={"Inference-Header-Content-Length": str(len(text))})
    length = int(found.headers["inference-header-content-length"])
    assert json.loads(found.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": len(raw)}
    assert array("f", found.content[length:]).tolist() == [3.0, 4.0]
    assert client.get("/v2/models/double/ready").status_code == 501  # it has no ModelReady


def _streams(client: httpx2.Client, service: Library) -> None:
    path = "/v1/books:watch"
    names = [{"name": "0"}, {"name": "1"}, {"name": "2"}]
    assert client.get(path, headers={"Accept": "application/json"}).json() == names
    lines = client.get(path).text.splitlines()
    assert list(map(json.loads, lines)) == names
    events = client.get(f"{path}?pageSize=7", headers={"Accept": "text/event-stream"}).text.split("\n\n")
    assert events[0] == 'data: {"name":"0"}' and events[3].startswith("event: error\ndata: {")
    with pytest.raises(httpx2.RemoteProtocolError):  # cut, as nobody is to take it for a list
        client.get(f"{path}?pageSize=7", headers={"Accept": "application/json"})
    assert client.get(f"{path}?pageSize=9").status_code == 403
    service.is_left.clear()
    with client.stream("GET", f"{path}?pageSize=8") as answer:
        assert next(answer.iter_lines()) == '{"name":"0"}'  # while the call goes on
    assert service.is_left.wait(10)  # the client has left, and so has the call
    books = [{"name": "one"}, {"name": "two"}]
    assert client.post("/v1/books:upload", json=books).json() == {"books": books}
    sent = (json.dumps(one).encode() + b"\n" for one in books)
    kind = {"Content-Type": "application/x-ndjson"}
    assert client.post("/v1/books:upload", content=sent, headers=kind).json() == {"books": books}
    sent = (json.dumps(one).encode() + b"\n" for one in books)
    talk = client.post(f"/{SERVICE}/Talk", content=sent, headers=kind)
    assert list(map(json.loads, talk.text.splitlines())) == books


def _sockets(edge: GatewayProcess, service: Library) -> None:
    """Turn by turn, which HTTP/1.1 has no way for; the WebSocket is that of another implementation."""
    base = edge.base_url.replace("http", "ws", 1)
    with connect(f"{base}/{SERVICE}/Talk", compression=None) as socket:
        for number in range(3):
            socket.send(json.dumps({"name": str(number)}))
            assert json.loads(socket.recv(timeout=10)) == {"name": str(number)}
        socket.send(["{", '"name": ', '"parts"}'])
        assert json.loads(socket.recv(timeout=10)) == {"name": "parts"}
        socket.ping().wait(10)
        socket.send("")
        with pytest.raises(ConnectionClosedOK):
            socket.recv(timeout=10)
    with connect(f"{base}/{SERVICE}/Talk") as socket:
        socket.send('{"name": "missing"}')
        problem = json.loads(socket.recv(timeout=10))["error"]
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(timeout=10)
        assert (problem["code"], problem["detail"]) == (5, "no such book")
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4005
    service.is_left.clear()
    with connect(f"{base}/{SERVICE}/Talk") as socket:
        socket.send('{"name": "x"}')
        socket.recv(timeout=10)
    assert service.is_left.wait(10)  # the client has closed, and so the call is over
    with connect(f"{base}/v1/books:watch") as socket:
        assert [json.loads(one)["name"] for one in socket] == ["0", "1", "2"]
    with connect(f"{base}/v1/books:upload") as socket:
        socket.send('{"name": "one"}')
        socket.send("")
        assert json.loads(socket.recv(timeout=10)) == {"books": [{"name": "one"}]}


def _change(file: Any) -> None:
    """The descriptors have another path now."""
    from tests.support.protos import HERE

    changed = file.parent / "library.proto"
    changed.write_text((HERE / "library.proto").read_text().replace('"/v1/books/{name}"', '"/v1/volumes/{name}"'))
    made = file.with_suffix(".new")
    made.write_bytes(compiled(changed))
    made.replace(file)
