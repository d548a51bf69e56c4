"""Inference of the Open Inference Protocol (KServe v2, Triton): its REST form, with binary tensors, as messages of gRPC and back.

    {"inputs": [{"name", "shape", "datatype", "data": [...]}], "outputs": [...]}            a tensor is a list of JSON
    {"inputs": [{..., "parameters": {"binary_data_size": 12}}]} 0a1b2c...                   or bytes behind the JSON

What has a list becomes typed contents, unless the protocol has none for its kind, or another tensor of the request comes as bytes: raw
contents are all of them or none.  An answer may have either; its client gets lists, or bytes where it has asked for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

from fastgw.transcoding.catalog import Catalog
from fastgw.transcoding.scalars import MisfitError, misfit, number_out
from fastgw.transcoding.tensors import DATATYPES, FLOATING, checked, count_of, flat, packed, texts, unpacked

SERVICE: Final = "inference.GRPCInferenceService"
INFER: Final = "ModelInfer"
BINARY: Final = "binary_data"  #: a parameter of an output: its bytes are wanted
_BINARY_ALL: Final = "binary_data_output"  #: the same of the request: of all of them
_SIZE: Final = "binary_data_size"
_MOST_TENSORS: Final = 1000


@cache
def descriptor_set() -> bytes:
    """Of the protocol, as ``inference.proto`` has it."""
    return Path(__file__).with_name("inference.pb").read_bytes()


class OutputForms(NamedTuple):
    """How the client wants the outputs."""

    is_binary: bool  #: as bytes, if nothing else is said of one
    binary: Mapping[str, bool]  #: by name


class Inference:
    """Makes messages of requests, and answers of messages."""

    def __init__(self, catalog: Catalog) -> None:
        self._contents = catalog.message_class("inference.InferTensorContents")
        self._parameter = catalog.message_class("inference.InferParameter")

    # --- requests

    def fields(self, document: Any, binary: bytes) -> tuple[dict[str, Any], OutputForms]:
        """The fields of a ``ModelInferRequest``, without the model; ``binary``: what is behind the JSON.

        Raises:
            MisfitError: it is none.
        """
        _refuse_unknown(document, ("id", "parameters", "inputs", "outputs", "model_name", "model_version"))
        found: dict[str, Any] = {}
        if document.get("id") is not None:
            found["id"] = _text(document["id"], "id")
        parameters = dict(_object(document.get("parameters"), "parameters"))
        is_binary = _flag(parameters.pop(_BINARY_ALL, False), _BINARY_ALL)
        found["parameters"] = self._parameters(parameters, "parameters")
        found["outputs"], wanted = self._outputs(_listed(document.get("outputs"), "outputs"))
        self._put_inputs(found, _listed(document.get("inputs"), "inputs"), binary)
        return found, OutputForms(is_binary, wanted)

    def _put_inputs(self, found: dict[str, Any], inputs: list[Any], binary: bytes) -> None:
        read = [self._input(one, f"inputs[{place}]") for place, one in enumerate(inputs)]
        is_raw = any(one.size is not None or not DATATYPES[one.datatype].contents for one in read)
        tensors, raw, at = [], [], 0
        for place, one in enumerate(read):
            tensor = {"name": one.name, "datatype": one.datatype, "shape": one.shape, "parameters": one.parameters}
            where = f"inputs[{place}]"
            if one.size is not None:
                raw.append(_cut(binary, at, one, where))
                at += one.size
            else:
                values = _values(one, where)
                if is_raw:
                    raw.append(_at(f"{where}.data", packed, values, one.datatype))
                else:
                    tensor["contents"] = self._typed(values, one.datatype, where)
            tensors.append(tensor)
        if at != len(binary):
            raise MisfitError(f"{len(binary)} bytes are behind the JSON, and the inputs have {at}", "inputs")
        found["inputs"] = tensors
        if is_raw:
            found["raw_input_contents"] = raw

    def _typed(self, values: list[Any], datatype: str, where: str) -> Any:
        try:
            return self._contents(**{DATATYPES[datatype].contents: values})
        except (TypeError, ValueError):
            raise MisfitError(f"has a value that is no {datatype}", f"{where}.data") from None

    def _input(self, value: Any, where: str) -> _Input:
        _refuse_unknown(value, ("name", "datatype", "shape", "parameters", "data"), where)
        shape = value.get("shape")
        if type(shape) is not list or any(type(one) is not int or not 0 <= one < 1 << 63 for one in shape):
            raise MisfitError("expected a list of whole numbers", f"{where}.shape")
        datatype = _text(value.get("datatype"), f"{where}.datatype")
        if datatype not in DATATYPES:
            raise MisfitError(f"expected one of {', '.join(DATATYPES)}, got other text", f"{where}.datatype")
        parameters = dict(_object(value.get("parameters"), f"{where}.parameters"))
        size = parameters.pop(_SIZE, None)
        if size is not None and (type(size) is not int or size < 0):
            raise misfit("a number of bytes", size)
        if (size is None) == ("data" not in value):
            raise MisfitError(f"has either data, or parameters.{_SIZE} and bytes behind the JSON", where)
        name = _text(value.get("name"), f"{where}.name")
        told = self._parameters(parameters, f"{where}.parameters")
        return _Input(name, datatype, shape, told, size, value.get("data"))

    def _outputs(self, outputs: list[Any]) -> tuple[list[dict[str, Any]], dict[str, bool]]:
        found, wanted = [], {}
        for place, one in enumerate(outputs):
            where = f"outputs[{place}]"
            _refuse_unknown(one, ("name", "parameters"), where)
            name = _text(one.get("name"), f"{where}.name")
            parameters = dict(_object(one.get("parameters"), f"{where}.parameters"))
            if BINARY in parameters:
                wanted[name] = _flag(parameters.pop(BINARY), f"{where}.parameters.{BINARY}")
            found.append({"name": name, "parameters": self._parameters(parameters, f"{where}.parameters")})
        return found, wanted

    def _parameters(self, values: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Those of the protocol: each a message, as protobuf makes no map of mappings."""
        found = {}
        kinds = {bool: "bool_param", str: "string_param", float: "double_param"}
        for name, value in values.items():
            kind = kinds.get(type(value))
            if type(value) is int:
                kind = "int64_param" if -(1 << 63) <= value < 1 << 63 else "uint64_param"
            if kind is None:
                raise MisfitError("expected a string, a number, true or false", f"{where}.{name}")
            found[name] = self._parameter(**{kind: value})
        return found

    # --- answers

    def document(self, message: Any, wanted: OutputForms) -> tuple[dict[str, Any], bytes]:
        """What JSON has for a ``ModelInferResponse``, and what is behind it.

        Raises:
            MisfitError: it is none that can be told.
        """
        raw = message.raw_output_contents
        if raw and len(raw) != len(message.outputs):
            raise MisfitError(f"has {len(raw)} raw contents for {len(message.outputs)} outputs")
        outputs, behind = [], []
        for place, one in enumerate(message.outputs):
            told: dict[str, Any] = {"name": one.name, "datatype": one.datatype, "shape": list(one.shape)}
            parameters = _parameters_out(one.parameters)
            if one.datatype not in DATATYPES:
                raise MisfitError(f"has an output of the datatype {one.datatype!r}, which is not known")
            values = None if raw else list(getattr(one.contents, DATATYPES[one.datatype].contents or "bool_contents"))
            if wanted.binary.get(one.name, wanted.is_binary):
                data = raw[place] if values is None else packed(values, one.datatype)
                parameters[_SIZE] = len(data)
                behind.append(data)
            else:
                told["data"] = _told(raw[place] if values is None else values, one.datatype)
            if parameters:
                told["parameters"] = parameters
            outputs.append(told)
        found: dict[str, Any] = {"model_name": message.model_name}
        for key in ("model_version", "id"):
            if getattr(message, key):
                found[key] = getattr(message, key)
        if message.parameters:
            found["parameters"] = _parameters_out(message.parameters)
        return {**found, "outputs": outputs}, b"".join(behind)


class _Input(NamedTuple):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any]
    size: int | None  #: bytes behind the JSON; None: it has ``data``
    data: Any


def _values(one: _Input, where: str) -> list[Any]:
    values = _at(f"{where}.data", flat, one.data)
    if len(values) != count_of(one.shape):
        raise MisfitError(f"has {len(values)} values where its shape has {count_of(one.shape)}", f"{where}.data")
    found: list[Any] = _at(f"{where}.data", checked, values, one.datatype)
    return found


def _cut(binary: bytes, at: int, one: _Input, where: str) -> bytes:
    assert one.size is not None
    size = DATATYPES[one.datatype].size * count_of(one.shape)
    if size and size != one.size:
        raise MisfitError(f"has {one.size} bytes where its shape and datatype have {size}", where)
    if at + one.size > len(binary):
        raise MisfitError(f"has {one.size} bytes, of which {max(len(binary) - at, 0)} are there", where)
    return binary[at : at + one.size]


def _parameters_out(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        kind = value.WhichOneof("parameter_choice")
        if kind is not None:
            found[name] = getattr(value, kind)
    return found


def _told(data: Any, datatype: str) -> list[Any]:
    """The values of raw bytes, or of typed contents, as JSON has them."""
    if isinstance(data, bytes):
        values = unpacked(data, datatype)
    else:
        values = texts(data) if datatype == "BYTES" else data
    if datatype not in FLOATING or all(map(isfinite, values)):
        return values
    return list(map(number_out, values))


def _at(where: str, do: Any, *arguments: Any) -> Any:
    try:
        return do(*arguments)
    except MisfitError as error:
        error.path.insert(0, where)
        raise


def _refuse_unknown(value: Any, known: tuple[str, ...], *where: str) -> None:
    if type(value) is not dict:
        raise MisfitError("expected an object", *where)
    for name in value:
        if name not in known:
            raise MisfitError("the protocol has no such key", *where, name)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if value is not None and type(value) is not dict:
        raise MisfitError("expected an object", where)
    return value or {}


def _listed(value: Any, where: str) -> list[Any]:
    if value is not None and type(value) is not list:
        raise MisfitError("expected a list", where)
    if value and len(value) > _MOST_TENSORS:
        raise MisfitError(f"has more than {_MOST_TENSORS} entries", where)
    return value or []


def _text(value: Any, where: str) -> str:
    if type(value) is not str:
        raise MisfitError("expected a string", where)
    return value


def _flag(value: Any, where: str) -> bool:
    if type(value) is not bool:
        raise MisfitError("expected true or false", where)
    return value
