"""``kserve/rest-grpc``: REST of the Open Inference Protocol becomes calls of a model server, and back."""

from __future__ import annotations

import struct
from typing import Any

import orjson
import pytest

from fastgw.testing.edge import Edge, body_of, head_of, new_loop, statuses
from fastgw.transcoding import kserve
from fastgw.transcoding.bodies import framed
from fastgw.transcoding.catalog import Catalog
from fastgw.transformers.kserve_rest_grpc import KserveRestGrpc
from tests.support.bodies import plain
from tests.support.transcoded import answer, ask

CATALOG = Catalog(kserve.descriptor_set())
INPUT = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.5, 2.0]}
RAW = struct.pack("<2f", 1.5, 2)
OUT = {"name": "o", "datatype": "FP32", "shape": [2]}
X = {"name": "x", "datatype": "FP32", "shape": [2]}


def message(kind: str, /, **fields: Any) -> bytes:
    return framed(CATALOG.message_class(f"inference.{kind}")(**fields).SerializeToString())


def stage() -> Edge:
    transcoder = KserveRestGrpc("kserve/rest-grpc", {"max_message": 10_000, "inline_bytes": 10_000, "queue": 1})
    loop = new_loop()
    transcoder.start(loop)
    return Edge(filters=[transcoder], loop=loop)


def told(request: bytes, sent: bytes) -> tuple[bytes, bytes]:
    edge = stage()
    client = edge.client(request)
    service = edge.connect()
    got = service.take()
    service.feed(sent)
    out = client.take()
    edge.end()
    return got, out


def test_an_inference_with_lists() -> None:
    sent = answer(
        message(
            "ModelInferResponse",
            model_name="m",
            outputs=[OUT],
            raw_output_contents=[RAW],
        )
    )
    got, out = told(ask("POST /v2/models/m/versions/3/infer", {"inputs": [INPUT]}), sent)
    assert got.startswith(b"POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\n")
    tensor = {"name": "x", "datatype": "FP32", "shape": [2], "contents": {"fp32_contents": [1.5, 2]}}
    assert plain(got) == message("ModelInferRequest", model_name="m", model_version="3", inputs=[tensor])
    assert statuses(out) == [200] and b"content-type: application/json\r\n" in head_of(out)
    assert orjson.loads(body_of(out)) == {
        "model_name": "m",
        "outputs": [{**OUT, "data": [1.5, 2.0]}],
    }


def test_an_inference_with_bytes() -> None:
    tensor = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    text = orjson.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    request = ask(
        "POST /v2/models/m/infer",
        text + RAW,
        f"Inference-Header-Content-Length: {len(text)}",
        kind="application/octet-stream",
    )
    sent = answer(message("ModelInferResponse", outputs=[OUT], raw_output_contents=[RAW]))
    got, out = told(request, sent)
    assert b"inference-header" not in head_of(got).lower()
    assert plain(got) == message(
        "ModelInferRequest",
        model_name="m",
        inputs=[X],
        raw_input_contents=[RAW],
    )
    assert b"content-type: application/octet-stream\r\n" in head_of(out)
    length = int(head_of(out).lower().partition(b"inference-header-content-length: ")[2].partition(b"\r\n")[0])
    document = orjson.loads(body_of(out)[:length])
    assert document["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert body_of(out)[length:] == RAW


@pytest.mark.parametrize(
    ("line", "method", "asked", "answered", "fields", "status", "document"),
    [
        ("GET /v2/health/live", "ServerLive", {}, "ServerLiveResponse", {"live": True}, 200, {"live": True}),
        ("GET /v2/health/ready", "ServerReady", {}, "ServerReadyResponse", {}, 503, {"ready": False}),
        (
            "GET /v2/models/m/versions/2/ready",
            "ModelReady",
            {"name": "m", "version": "2"},
            "ModelReadyResponse",
            {"ready": True},
            200,
            {"ready": True},
        ),
        (
            "GET /v2",
            "ServerMetadata",
            {},
            "ServerMetadataResponse",
            {"name": "s"},
            200,
            {"name": "s", "version": "", "extensions": []},
        ),
        (
            *("GET /v2/models/m", "ModelMetadata", {"name": "m"}, "ModelMetadataResponse"),
            *({"name": "m", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]}, 200),
            {
                "name": "m",
                "versions": [],
                "platform": "",
                "outputs": [],
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
            },
        ),
    ],
)
def test_what_a_server_says_of_itself(
    line: str, method: str, asked: Any, answered: str, fields: Any, status: int, document: Any
) -> None:
    got, out = told(ask(line), answer(message(answered, **fields)))
    assert got.startswith(f"POST /inference.GRPCInferenceService/{method} ".encode())
    assert plain(got) == message(f"{method}Request", **asked)
    assert statuses(out) == [status]
    assert orjson.loads(body_of(out)) == document


@pytest.mark.parametrize(
    ("line", "body", "field", "kind", "status", "detail"),
    [
        ("POST /v2/models/m/infer", {"inputs": [{**INPUT, "shape": [3]}]}, "X: 1", "application/json", 400, "inputs[0].data"),
        ("POST /v2/models/m/infer", b"{}", "Inference-Header-Content-Length: 7", "application/json", 400, "says 7, and the body has"),
        ("POST /v2/models/m/infer", b"{}", "Inference-Header-Content-Length: x", "application/json", 400, "no number of bytes"),
        ("POST /v2/models/m/infer", b"{}", "X: 1", "application/octet-stream", 415, "must be application/json"),
        ("GET /v2/models/m/nothing", None, "X: 1", "", 404, "no method"),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, body: Any, field: str, kind: str, status: int, detail: str) -> None:
    edge = stage()
    client = edge.client(ask(line, body, field, kind=kind))
    out = client.take()
    assert statuses(out) == [status]
    assert detail in orjson.loads(body_of(out))["detail"]
    edge.end()


def test_answers_that_cannot_be_told() -> None:
    sent = answer(message("ModelInferResponse", outputs=[{"name": "o", "datatype": "FP8", "shape": [2]}]))
    _, out = told(ask("POST /v2/models/m/infer", {"inputs": [INPUT]}), sent)
    assert statuses(out) == [502]
    assert "FP8" in orjson.loads(body_of(out))["detail"]
