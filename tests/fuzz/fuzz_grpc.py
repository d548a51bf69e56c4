"""Coverage-guided: the bytes of gRPC. Messages of a body in pieces beside a plain reading of it, and the values of its fields.

Run by `tests/fuzz/test_targets.py`, or by hand with the options of libFuzzer:
`FASTGW_PURE=1 python tests/fuzz/fuzz_grpc.py [OPTIONS] [CORPUS]...`
"""

from __future__ import annotations

import sys
from pathlib import Path
from zlib import crc32

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import fastgw  # its own import hook has to be in place: the one of atheris uses those that come after

assert fastgw.__version__

with atheris.instrument_imports(include=["fastgw"]):
    from fastgw.wire import grpc
    from tests.fuzz.stage import pieces_of


def counted(body: bytes) -> tuple[int, int, int, int, bool]:
    """Messages, those compressed, their bytes, the largest, and whether the last is whole."""
    messages = compressed = size = largest = at = 0
    while len(body) - at >= grpc.PREFIX:
        length = int.from_bytes(body[at + 1 : at + grpc.PREFIX], "big")
        messages, compressed, size = messages + 1, compressed + (body[at] & 1), size + length
        largest = max(largest, length)
        at += grpc.PREFIX + length
    return messages, compressed, size, largest, at == len(body)


def test_one(data: bytes) -> None:
    """A checksum says where the bytes are cut."""
    counter = grpc.MessageCounter()
    for piece in pieces_of(data, crc32(data) % (2 * len(data))) if data else []:
        counter.feed(piece)
    found = (counter.messages, counter.compressed, counter.size, counter.largest, counter.is_between)
    assert found == counted(data)
    text = grpc.read_message(data)
    assert grpc.read_message(grpc.write_message(text)) == text
    assert -1 <= grpc.read_code(data) < len(grpc.CODES)
    seconds = grpc.read_timeout(data)
    if seconds >= 0:
        assert 0 < grpc.read_timeout(grpc.write_timeout(seconds)) <= max(seconds, 1e-6) * (1 + 1e-9)
    service, method = grpc.call_of(data)
    assert bool(service) is bool(method) and (not service or b"/" not in service + method)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
