"""Inference by REST and by gRPC: the same request, the same answer."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from fastgw.transcoding import kserve
from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.kserve import Inference, OutputForms, descriptor_set
from fastgw.transcoding.scalars import MisfitError
from tests.support.protos import compiled

CATALOG = Catalog(descriptor_set())
INFERENCE = Inference(CATALOG)
LISTS = OutputForms(False, {})
INPUT = {"name": "x", "shape": [2], "datatype": "FP32", "data": [1.5, 2]}


def request(document: Any, binary: bytes = b"") -> Any:
    found, wanted = INFERENCE.fields(document, binary)
    return CATALOG.message_class("inference.ModelInferRequest")(**found), wanted


def response(**fields: Any) -> Any:
    return CATALOG.message_class("inference.ModelInferResponse")(**fields)


def test_the_descriptors_are_those_of_the_proto() -> None:
    files = descriptor_pb2.FileDescriptorSet
    made = files.FromString(compiled(Path(kserve.__file__).with_name("inference.proto")))
    assert files.FromString(descriptor_set()) == made, "scripts/descriptors makes it anew"


def test_lists_become_typed_contents() -> None:
    document = {
        "id": "7",
        "parameters": {"a": 1, "b": "x", "c": 1.5, "d": True, "e": 2**63},
        "inputs": [
            INPUT,
            {"name": "y", "shape": [1, 2], "datatype": "BYTES", "data": [["a", "b"]], "parameters": {"k": "v"}},
            {"name": "z", "shape": [1], "datatype": "UINT8", "data": [255]},
        ],
        "outputs": [{"name": "o", "parameters": {"classification": 3}}],
    }
    made, wanted = request(document)
    assert (made.id, wanted) == ("7", LISTS)
    assert [(one.name, list(one.shape)) for one in made.inputs] == [("x", [2]), ("y", [1, 2]), ("z", [1])]
    assert list(made.inputs[0].contents.fp32_contents) == [1.5, 2.0]
    assert list(made.inputs[1].contents.bytes_contents) == [b"a", b"b"]
    assert list(made.inputs[2].contents.uint_contents) == [255]
    assert made.inputs[1].parameters["k"].string_param == "v"
    kinds = {name: one.WhichOneof("parameter_choice") for name, one in made.parameters.items()}
    assert kinds == {
        "a": "int64_param",
        "b": "string_param",
        "c": "double_param",
        "d": "bool_param",
        "e": "uint64_param",
    }
    assert made.outputs[0].parameters["classification"].int64_param == 3
    assert not made.raw_input_contents


def test_bytes_behind_the_json_are_raw_contents_of_all() -> None:
    raw = struct.pack("<2i", 7, 8)
    binary = {"name": "y", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8, "k": 1}}
    made, wanted = request(
        {"inputs": [INPUT, binary], "outputs": [{"name": "o", "parameters": {"binary_data": True}}]}, raw
    )
    assert list(made.raw_input_contents) == [struct.pack("<2f", 1.5, 2), raw]
    assert list(made.inputs[1].parameters) == ["k"]
    assert wanted == OutputForms(False, {"o": True})
    assert not made.outputs[0].parameters
    assert not made.inputs[0].HasField("contents")


def test_kinds_without_typed_contents_are_raw() -> None:
    made, wanted = request(
        {
            "inputs": [{"name": "x", "shape": [1], "datatype": "FP16", "data": [1.5]}],
            "parameters": {"binary_data_output": True},
        }
    )
    assert list(made.raw_input_contents) == [struct.pack("<e", 1.5)]
    assert wanted.is_binary
    assert not made.parameters


SIZED = {"name": "x", "shape": [2], "datatype": "INT32", "parameters": {"binary_data_size": 8}}


@pytest.mark.parametrize(
    ("document", "binary", "place", "why"),
    [
        ([], b"", "", "expected an object"),
        ({"nope": 1}, b"", "nope", "no such key"),
        ({"id": 1}, b"", "id", "expected a string"),
        ({"inputs": {}}, b"", "inputs", "expected a list"),
        ({"inputs": [1]}, b"", "inputs[0]", "expected an object"),
        ({"inputs": [{**INPUT, "x": 1}]}, b"", "inputs[0].x", "no such key"),
        ({"inputs": [{**INPUT, "shape": [-1]}]}, b"", "inputs[0].shape", "whole numbers"),
        ({"inputs": [{**INPUT, "shape": 2}]}, b"", "inputs[0].shape", "expected a list"),
        ({"inputs": [{**INPUT, "datatype": "FP8"}]}, b"", "inputs[0].datatype", "expected one of BOOL"),
        ({"inputs": [{**INPUT, "data": [1.5]}]}, b"", "inputs[0].data", "has 1 values where its shape has 2"),
        ({"inputs": [{**INPUT, "data": ["a", "b"]}]}, b"", "inputs[0].data", "no FP32"),
        ({"inputs": [{**INPUT, "name": None}]}, b"", "inputs[0].name", "expected a string"),
        ({"inputs": [{**INPUT, "parameters": {"a": []}}]}, b"", "inputs[0].parameters.a", "expected a string"),
        ({"inputs": [{**INPUT, **SIZED}]}, b"", "inputs[0]", "has either data"),
        ({"inputs": [{"name": "x", "shape": [], "datatype": "INT8"}]}, b"", "inputs[0]", "has either data"),
        ({"inputs": [SIZED]}, b"1234", "inputs[0]", "has 8 bytes, of which 4 are there"),
        ({"inputs": [SIZED]}, b"123456789", "inputs", "9 bytes are behind the JSON, and the inputs have 8"),
        ({"inputs": [{**SIZED, "shape": [3]}]}, b"12345678", "inputs[0]", "have 12"),
        ({"inputs": [{**SIZED, "parameters": {"binary_data_size": -1}}]}, b"", "", "a number of bytes"),
        ({"inputs": []}, b"1", "inputs", "1 bytes are behind"),
        ({"parameters": {"binary_data_output": 1}}, b"", "binary_data_output", "expected true or false"),
        ({"outputs": [{"name": "o", "data": 1}]}, b"", "outputs[0].data", "no such key"),
        ({"inputs": [INPUT] * 1001}, b"", "inputs", "more than 1000"),
    ],
)
def test_what_is_no_inference(document: Any, binary: bytes, place: str, why: str) -> None:
    with pytest.raises(MisfitError) as error:
        request(document, binary)
    assert why in error.value.why
    assert error.value.place == place


OUT = {"name": "o", "datatype": "INT32", "shape": [2]}


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("is_binary", [True, False])
def test_answers_are_lists_or_bytes_whatever_the_service_has(is_raw: bool, is_binary: bool) -> None:
    raw = struct.pack("<2i", 7, -8)
    fields: dict[str, Any] = {"outputs": [OUT], "raw_output_contents": [raw]}
    if not is_raw:
        fields = {"outputs": [{**OUT, "contents": {"int_contents": [7, -8]}}]}
    message = response(model_name="m", model_version="1", id="7", parameters={}, **fields)
    found, behind = INFERENCE.document(message, OutputForms(is_binary, {}))
    told = {**OUT, "parameters": {"binary_data_size": 8}} if is_binary else {**OUT, "data": [7, -8]}
    assert found == {"model_name": "m", "model_version": "1", "id": "7", "outputs": [told]}
    assert behind == (raw if is_binary else b"")


def test_numbers_that_json_has_not_are_text() -> None:
    message = response(outputs=[{"name": "o", "datatype": "FP32", "shape": [1]}], raw_output_contents=[b"\0\0\xc0\x7f"])
    assert INFERENCE.document(message, LISTS)[0]["outputs"][0]["data"] == ["NaN"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"outputs": [OUT], "raw_output_contents": [b"12345678", b""]}, "2 raw contents for 1 outputs"),
        ({"outputs": [OUT], "raw_output_contents": [b"123"]}, "3 bytes"),
        ({"outputs": [{**OUT, "datatype": "FP8"}]}, "FP8"),
    ],
)
def test_answers_that_cannot_be_told(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(MisfitError, match=why):
        INFERENCE.document(response(**fields), LISTS)
