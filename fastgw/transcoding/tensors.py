"""Tensors of the Open Inference Protocol: values of JSON, typed contents, and raw bytes (little-endian, row-major), each as the other."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple

from fastgw.transcoding.scalars import MisfitError

_MOST_LEVELS: Final = 64  #: of lists inside each other


class Datatype(NamedTuple):
    """One kind of values."""

    size: int  #: bytes of one; 0: they differ
    code: str  #: of ``array``; empty: it has none
    contents: str  #: field of ``InferTensorContents``; empty: it has none
    low: int = 0
    high: int = 0  #: bounds of whole numbers; both 0: there are none


DATATYPES: Final = {
    "BOOL": Datatype(1, "", "bool_contents"),
    "INT8": Datatype(1, "b", "int_contents", -(1 << 7), (1 << 7) - 1),
    "INT16": Datatype(2, "h", "int_contents", -(1 << 15), (1 << 15) - 1),
    "INT32": Datatype(4, "i", "int_contents", -(1 << 31), (1 << 31) - 1),
    "INT64": Datatype(8, "q", "int64_contents", -(1 << 63), (1 << 63) - 1),
    "UINT8": Datatype(1, "B", "uint_contents", 0, (1 << 8) - 1),
    "UINT16": Datatype(2, "H", "uint_contents", 0, (1 << 16) - 1),
    "UINT32": Datatype(4, "I", "uint_contents", 0, (1 << 32) - 1),
    "UINT64": Datatype(8, "Q", "uint64_contents", 0, (1 << 64) - 1),
    "FP16": Datatype(2, "", ""),
    "BF16": Datatype(2, "", ""),
    "FP32": Datatype(4, "f", "fp32_contents"),
    "FP64": Datatype(8, "d", "fp64_contents"),
    "BYTES": Datatype(0, "", "bytes_contents"),
}


#: Kinds of floating numbers, and the largest of each.
FLOATING: Final = {
    "FP16": 65504.0,
    "BF16": 3.3895313892515355e38,
    "FP32": 3.4028234663852886e38,
    "FP64": sys.float_info.max,
}


def count_of(shape: Sequence[int]) -> int:
    """How many values a tensor of ``shape`` has."""
    count = 1
    for one in shape:
        count *= one
    return count


def flat(data: Any) -> list[Any]:
    """The values in lists inside each other.

    Raises:
        MisfitError: it is no list, or one with lists and values.
    """
    if type(data) is not list:
        raise MisfitError("expected a list")
    for _ in range(_MOST_LEVELS):
        kinds = set(map(type, data))
        if list not in kinds:
            return list(data)
        if len(kinds) > 1:
            raise MisfitError("has lists and values side by side")
        data = list(chain.from_iterable(data))
    raise MisfitError(f"has more than {_MOST_LEVELS} lists inside each other")


def checked(values: list[Any], datatype: str) -> list[Any]:
    """``values`` of JSON as protobuf takes them.

    Raises:
        MisfitError: they are none of that kind.
    """
    kind = DATATYPES[datatype]
    found = set(map(type, values))
    if datatype == "BOOL":
        if found <= {bool}:
            return values
    elif datatype == "BYTES":
        if found <= {str}:
            return [one.encode() for one in values]
    elif kind.high:
        if found <= {int}:
            if values and not kind.low <= min(values) <= max(values) <= kind.high:
                raise MisfitError(f"has a number that is no {datatype}")
            return values
    elif found <= {int, float}:
        most = FLOATING[datatype]
        if values and not -most <= min(values) <= max(values) <= most:
            raise MisfitError(f"has a number that is no {datatype}")
        return values
    raise MisfitError(f"has a value that is no {datatype}")


def packed(values: list[Any], datatype: str) -> bytes:
    """The raw bytes of ``checked`` values.

    Raises:
        MisfitError: one is out of the range of its kind.
    """
    code = DATATYPES[datatype].code
    try:
        if code:
            return _of_array(array(code, values))
        if datatype == "BOOL":
            return bytes(values)
        if datatype == "BYTES":
            return b"".join([len(one).to_bytes(4, "little") + one for one in values])
        if datatype == "FP16":
            return struct.pack(f"<{len(values)}e", *values)
        wide = _of_array(array("f", values))
    except (OverflowError, struct.error):
        raise MisfitError(f"has a number that is no {datatype}") from None
    out = bytearray(len(wide) // 2)  # of BF16: the upper half of 32 bits
    out[0::2], out[1::2] = wide[2::4], wide[3::4]
    return bytes(out)


def unpacked(data: bytes, datatype: str) -> list[Any]:
    """The values of JSON in raw bytes.

    Raises:
        MisfitError: they are none of that kind.
    """
    kind = DATATYPES[datatype]
    if kind.size and len(data) % kind.size:
        raise MisfitError(f"has {len(data)} bytes, which is no number of {datatype}")
    if kind.code:
        found = array(kind.code)
        found.frombytes(data)
        if sys.byteorder == "big":
            found.byteswap()
        values: list[Any] = found.tolist()
        return values
    if datatype == "BOOL":
        return [one != 0 for one in data]
    if datatype == "BYTES":
        return texts(_parts(data))
    if datatype == "FP16":
        return list(struct.unpack(f"<{len(data) // 2}e", data))
    wide = bytearray(len(data) * 2)
    wide[2::4], wide[3::4] = data[0::2], data[1::2]
    return unpacked(bytes(wide), "FP32")


def texts(values: Iterable[bytes]) -> list[str]:
    """BYTES as JSON has them.

    Raises:
        MisfitError: one is no UTF-8: it has to be asked for as raw bytes.
    """
    try:
        return [one.decode() for one in values]
    except UnicodeDecodeError:
        raise MisfitError("has BYTES that are no text; binary_data asks for them as they are") from None


def _parts(data: bytes) -> Iterable[bytes]:
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or end > len(data):
            raise MisfitError("has BYTES that are not whole")
        yield data[at + 4 : end]
        at = end


def _of_array(values: array[Any]) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
